"""ringsim as a program: the same seed gives the same run in another process (where memory lies elsewhere), another seed
another one; what it says of failures; its options."""

import os
import re
import subprocess

RINGSIM = os.environ["RINGSIM"]
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


def ringsim(*arguments):
    return subprocess.run([RINGSIM, *arguments], capture_output=True, text=True, env=ENVIRONMENT)


def trace_hash(output):
    return re.search(r"trace hash ([0-9a-f]{16})", output).group(1)


hashes = set()
for seed in ("7", "12", "33", "58"):
    once, again = ringsim("--seed", seed), ringsim("--seed", seed)
    assert once.returncode == 0, once.stdout
    assert once.stdout == again.stdout, "seed %s: two runs differ\n%s\n%s" % (seed, once.stdout, again.stdout)
    hashes.add(trace_hash(once.stdout))
assert len(hashes) == 4, "different seeds, the same run"

# Listening changes nothing.
traced = ringsim("--seed", "7", "--trace")
assert trace_hash(traced.stdout) == trace_hash(ringsim("--seed", "7").stdout)
assert traced.stdout.count("\n") > 500

# A control that brings chance in from outside: the run is not the same in the next process.
different = {trace_hash(ringsim("--seed", "7", "--break", "chance").stdout) for _ in range(4)}
assert len(different) > 1, "chance from outside is not noticed"

# Nodes and operations as asked for.
asked = ringsim("--seed", "5", "--nodes", "9", "--ops", "50")
assert "9 nodes" in asked.stdout and "50 operations" in asked.stdout, asked.stdout

# A failure names seed, check, key, and shows the last events.
broken = ringsim("--seed", "1", "--break", "fake-acknowledgements")
assert broken.returncode == 0, broken.stdout
assert re.search(r"^seed 1 fails quorum: operation \d+ .*$", broken.stdout, re.M), broken.stdout
assert "the last events of" in broken.stdout and "WRITE" in broken.stdout, broken.stdout

# What is not caught is a failure.
assert ringsim("--break", "fake-deletes", "--seed", "1", "--ops", "1").returncode == 1

for wrong in (["--sed", "1"], ["--seed"], ["--seed", "x"], ["--seeds", "5..1"], ["--nodes", "65"], ["--break", "nothing"],
              ["balance", "--nodes", "0"], ["balance", "--strategy", "4"]):
    done = ringsim(*wrong)
    assert done.returncode == 64 and "ringsim" in done.stderr, (wrong, done)

# The man page names whatever the usage does.
with open(os.path.join(os.environ["RINGSIM_SOURCE"], "contrib", "ringsim.1"), encoding="utf-8") as file:
    page = file.read().replace("\\-", "-")
usage = ringsim("--help").stdout.split("What is checked")[0]
assert not [option for option in set(re.findall(r"--[a-z]+", usage)) if option not in page], usage

balance = ringsim("balance", "--strategy", "3", "--nodes", "30", "--n", "3", "--partitions", "1024", "--seeds", "2")
assert balance.returncode == 0 and "efficiency" in balance.stdout, balance
print("all good")
