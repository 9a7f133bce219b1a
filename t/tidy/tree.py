"""What the tidy checks know about a source tree: rooms, floors, files. Every check takes the tree's directory, so that
it can be shown a small wrong tree in which it must fail (controls.py)."""

import os
import re
import sys


class Room:
    def __init__(self, name, floor, pure, rooms):
        self.name, self.floor, self.pure, self.rooms = name, floor, pure, rooms


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def rooms(tree):
    """The declared rooms of src/CMakeLists.txt, by name."""
    text = re.sub(r"#.*", "", read(os.path.join(tree, "src", "CMakeLists.txt")))
    found = {}
    for words in re.findall(r"\bring_room\(([^)]*)\)", text):
        words = words.split()
        name, part, below, floor, pure = words[0], None, [], None, False
        for word in words[1:]:
            if word in ("FLOOR", "ROOMS", "PACKAGES"):
                part = word
            elif word == "PURE":
                pure = True
            elif part == "FLOOR":
                floor = int(word)
            elif part == "ROOMS":
                below.append(word)
        if name != "NAME":  # the function's own declaration
            found[name] = Room(name, floor, pure, below)
    return found


def files(tree, *folders, ends=(".c", ".h")):
    """Paths of the files in the folders, relative to the tree, sorted."""
    found = []
    for folder in folders:
        for directory, subfolders, names in os.walk(os.path.join(tree, folder)):
            subfolders[:] = [name for name in subfolders if not name.startswith((".", "build", "__pycache__"))]
            found += [os.path.relpath(os.path.join(directory, name), tree) for name in names if name.endswith(ends)]
    return sorted(found)


def without_comments(text):
    """C code with comments and string contents blanked, line numbers kept."""
    def blank(match):
        piece = match.group(0)
        if piece.startswith(("/*", "//")):
            return re.sub(r"[^\n]", " ", piece)
        return piece[0] + piece[0] if len(piece) > 1 else piece
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text, flags=re.S)


def finish(problems, what):
    """Prints the problems, ends the process with the result."""
    for problem in problems:
        print(problem)
    print("%s: %s" % (what, "%d problems" % len(problems) if problems else "good"))
    sys.exit(1 if problems else 0)
