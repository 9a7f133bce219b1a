"""What must not be in the project's files: marks of unfinished work, paths of somebody's machine, sleeps in tests that
hide races."""

import os
import re
import subprocess
import sys

import tree as house

# The patterns are put together from pieces, so that this file does not contain what it looks for.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|TB" r"D)\b|\bfor n" r"ow\b|not imple" r"mented|\bst" r"ubs?\b", re.I)
MACHINE = re.compile(r"(?<![\w.~$}/-])/(ho" r"me|ro" r"ot|wo" r"rk|Us" r"ers|mn" r"t)/\w")
# Text that is data: corpora and licences.
EXCLUDED = re.compile(r"^(LICENSE$|t/fuzz/corpus/)")


def tracked(tree):
    """Files of the tree as git knows them; in a tree without git, all of them."""
    if os.path.exists(os.path.join(tree, ".git")):
        output = subprocess.run(["git", "-C", tree, "-c", "safe.directory=*", "ls-files", "-z"], capture_output=True,
                                check=True).stdout.decode()
        return [path for path in output.split("\0") if path and os.path.isfile(os.path.join(tree, path))]
    return house.files(tree, ".", ends=("",))


def check(tree):
    problems = []
    for path in tracked(tree):
        if EXCLUDED.match(path):
            continue
        for number, line in enumerate(house.read(os.path.join(tree, path)).splitlines(), 1):
            for what, pattern in (("a mark of unfinished work", UNFINISHED), ("a path of somebody's machine", MACHINE)):
                if pattern.search(line):
                    problems.append("%s:%d: %s: %s" % (path, number, what, line.strip()[:100]))
            if line.rstrip() != line and not path.endswith((".md", ".1")):
                problems.append("%s:%d: blanks at the end of the line" % (path, number))
    return problems


if __name__ == "__main__":
    house.finish(check(sys.argv[1]), "words")
