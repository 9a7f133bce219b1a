"""Sizes of files and functions: reported always, an error where a file no longer holds one idea or a function no longer
fits on a screen or two."""

import os
import re
import statistics
import sys

import tree as house

FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 120


def functions(text):
    """(name, lines) of each function: from the line of its name to the closing brace in column 0."""
    found, name, begin = [], None, 0
    lines = house.without_comments(text).splitlines()
    for number, line in enumerate(lines):
        if line == "{" and number > 0:
            begin = number
            while begin > 0 and lines[begin - 1].strip() and not lines[begin - 1].startswith(("}", "#")) \
                    and not lines[begin - 1].rstrip().endswith(";"):
                begin -= 1
            match = re.search(r"(\w+)\(", " ".join(lines[begin:number]))
            name = match.group(1) if match else None
        elif line.startswith("}") and name:
            found.append((name, number - begin + 1))
            name = None
    return found


def check(tree):
    problems, file_sizes, function_sizes = [], [], []
    for path in house.files(tree, "src", "t", "contrib"):
        text = house.read(os.path.join(tree, path))
        lines = text.count("\n")
        if path.startswith("src"):
            file_sizes.append((lines, path))
        if lines > FILE_LINES_MAX:
            problems.append("%s has %d lines, the limit is %d" % (path, lines, FILE_LINES_MAX))
        for name, length in functions(text):
            if path.startswith("src"):
                function_sizes.append((length, name, path))
            if length > FUNCTION_LINES_MAX:
                problems.append("%s: %s has %d lines, the limit is %d" % (path, name, length, FUNCTION_LINES_MAX))
    if file_sizes:
        print("files: %d, median %d lines, longest %s" % (
            len(file_sizes), statistics.median(size for size, _ in file_sizes),
            ", ".join("%s (%d)" % (path, size) for size, path in sorted(file_sizes)[:-4:-1])))
    if function_sizes:
        print("functions: %d, median %d lines, longest %s" % (
            len(function_sizes), statistics.median(size for size, _, _ in function_sizes),
            ", ".join("%s (%d)" % (name, size) for size, name, _ in sorted(function_sizes)[:-4:-1])))
    return problems


if __name__ == "__main__":
    house.finish(check(sys.argv[1]), "sizes")
