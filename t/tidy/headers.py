"""Headers are contracts: each has an include guard named after its path, opens with its duty, and every function that
it declares is described."""

import os
import re
import sys

import tree as house

DECLARATION = re.compile(r"^(?!typedef|static|#|\}|\s|return|struct \w+ \{)[\w\s\*]+?\b(\w+)\([^;{]*\);", re.S)


def declarations(text):
    """(line number, name, described) of each function that the header declares. A comment describes the declarations
    that follow it without a blank line, or the one in whose line it stands."""
    lines = text.splitlines()
    code = house.without_comments(text).splitlines()
    described, depth, number = False, 0, 0
    while number < len(lines):
        line = lines[number]
        if not line.strip():
            described = False
        elif not code[number].strip():
            described = True  # a line of comment
        elif depth == 0:
            # A declaration may take several lines.
            piece, last = code[number], number
            while "{" not in piece and ";" not in piece and not piece.startswith("#") and last + 1 < len(code):
                last += 1
                piece += "\n" + code[last]
            match = DECLARATION.match(piece)
            if match:
                beside = "/*" in " ".join(lines[number:last + 1])
                yield number + 1, match.group(1), described or beside
        depth += code[number].count("{") - code[number].count("}")
        number += 1


def check(tree):
    problems = []
    for path in house.files(tree, "src", ends=(".h",)):
        text = house.read(os.path.join(tree, path))
        guard = re.sub(r"\W", "_", path[len("src/"):]).upper()
        match = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text, re.M)
        if not match or match.group(1) != match.group(2) or match.group(1) != guard:
            problems.append("%s: the include guard is not %s" % (path, guard))
        if not text.startswith("/*"):
            problems.append("%s does not open with its duty" % path)
        for number, name, described in declarations(text):
            if not described:
                problems.append("%s:%d: nothing says what %s does" % (path, number, name))
    return problems


if __name__ == "__main__":
    house.finish(check(sys.argv[1]), "headers")
