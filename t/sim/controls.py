"""Negative controls: each makes one thing go wrong that the check that is named for it must catch within 200 seeds; and
every check has at least one control."""

import os
import re
import subprocess

RINGSIM = os.environ["RINGSIM"]
# A run that a check ends is dropped with all that its processes hold.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")

text = subprocess.run([RINGSIM, "--help"], capture_output=True, text=True, check=True).stdout
checks_part, controls_part = text.split("What is checked:")[1].split("What can be broken")
checks = re.findall(r"^  (\S+)  ", checks_part, re.M)
controls = re.findall(r"^  (\S+) .*\((\S+)\)$", controls_part, re.M)
assert len(checks) > 15 and len(controls) >= len(checks), (checks, controls)

missing = set(checks) - {check for _, check in controls}
assert not missing, "checks without a negative control: %s" % sorted(missing)

missed = []
for name, check in controls:
    done = subprocess.run([RINGSIM, "--break", name, "--seeds", "1..200"], capture_output=True, text=True,
                          env=ENVIRONMENT)
    caught = re.search(r"^seed (\d+): (\S+) caught it: (.*)$", done.stdout, re.M)
    good = done.returncode == 0 and caught is not None and caught.group(2) == check
    print("%-22s %s" % (name, caught.group(0)[:100] if caught else done.stdout + done.stderr), flush=True)
    if not good:
        missed.append(name)
assert not missed, "not caught: %s" % missed
