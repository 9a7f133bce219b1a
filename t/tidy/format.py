"""Every C file is as clang-format with the project's .clang-format would write it."""

import os
import subprocess
import sys

import tree as house


def check(tree):
    paths = house.files(tree, "src", "t", "contrib")
    if not paths:
        return ["no C files in " + tree]
    # The controls' wrong trees have no .clang-format of their own: the file is named, not searched for.
    style = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".clang-format")
    result = subprocess.run(["clang-format", "--style=file:" + style, "--dry-run", "-Werror", *paths], cwd=tree,
                            capture_output=True, text=True, check=False)
    lines = [line for line in result.stderr.splitlines() if ": error: " in line]
    if result.returncode != 0 and not lines:
        lines = result.stderr.splitlines() or ["clang-format failed"]
    return lines


if __name__ == "__main__":
    house.finish(check(sys.argv[1]), "format")
