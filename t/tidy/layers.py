"""A room includes its own headers and those of the rooms that it declares; floors point down."""

import os
import re
import sys

import tree as house


def room_of(path, rooms):
    """The room of src/ROOM/file; the longest name wins (storage/lmdb before storage)."""
    fits = [name for name in rooms if os.path.dirname(path) == os.path.join("src", name)]
    return max(fits, key=len) if fits else None


def check(tree):
    rooms = house.rooms(tree)
    problems = []
    for room in rooms.values():
        for below in room.rooms:
            if below not in rooms:
                problems.append("src/CMakeLists.txt: %s declares %s, which is no room" % (room.name, below))
            elif rooms[below].floor > room.floor:
                problems.append("src/CMakeLists.txt: %s on floor %d declares %s on floor %d, above it"
                                % (room.name, room.floor, below, rooms[below].floor))
            elif rooms[below].pure < room.pure:
                problems.append("src/CMakeLists.txt: %s is PURE and declares %s, which is not" % (room.name, below))
    problems += ["src/CMakeLists.txt: the rooms %s declare each other" % " and ".join(pair) for pair in circles(rooms)]

    for path in house.files(tree, "src"):
        name = room_of(path, rooms)
        if name is None:
            if os.path.dirname(path) != "src":  # there lie the programs' main functions
                problems.append("%s is in no declared room" % path)
            continue
        for number, line in enumerate(house.read(os.path.join(tree, path)).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            target = room_of(os.path.join("src", match.group(1)), rooms)
            if target is None:
                # A generated header (the version) lies in the build directory under its room's name.
                if not os.path.dirname(match.group(1)) in rooms:
                    problems.append("%s:%d includes %s: name the room, as in \"base/bytes.h\""
                                    % (path, number, match.group(1)))
            elif target != name and target not in rooms[name].rooms:
                problems.append("%s:%d includes %s, but room %s does not declare %s"
                                % (path, number, match.group(1), name, target))
    return problems


def circles(rooms):
    """Pairs of rooms that reach each other."""
    def reach(start):
        seen, pending = set(), [start]
        while pending:
            for below in rooms[pending.pop()].rooms:
                if below in rooms and below not in seen:
                    seen.add(below)
                    pending.append(below)
        return seen
    below = {name: reach(name) for name in rooms}
    return [(a, b) for a in rooms for b in rooms if a < b and b in below[a] and a in below[b]]


if __name__ == "__main__":
    house.finish(check(sys.argv[1]), "layers")
