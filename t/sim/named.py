"""The seeds of t/sim/named_seeds, one by one. One that fails says which, what it showed when it was added, and what the
check says now."""

import os
import subprocess

RINGSIM = os.environ["RINGSIM"]
HERE = os.path.dirname(os.path.abspath(__file__))


def named_seeds():
    with open(os.path.join(HERE, "named_seeds"), encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith("#"):
                seed, _, showed = line.partition(" ")
                assert seed.isdigit() and showed, "not a seed and what it showed: %r" % line
                yield int(seed), showed


def failure_of(seed):
    """What ringsim says of the failure, None if all is good. The trace before it goes to the test's output."""
    done = subprocess.run([RINGSIM, "--seed", str(seed)], capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return None
    print(done.stdout, done.stderr, flush=True)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("seed %d fails " % seed)]
    return said[-1] if said else "seed %d ends with %d" % (seed, done.returncode)


seeds = list(named_seeds())
numbers = [seed for seed, _ in seeds]
assert numbers == sorted(set(numbers)), "named_seeds is not in ascending order, or names a seed twice"
failures = []
for seed, showed in seeds:
    failure = failure_of(seed)
    if failure is not None:
        failures.append("%s\n    (added for: %s)" % (failure, showed))
assert seeds and not failures, "%d of %d named seeds:\n%s" % (len(failures), len(seeds), "\n".join(failures))
print("%d named seeds: all good" % len(seeds))
