"""Builds, from what the power-loss layer (t/powerloss/shim.c) has noted, a data directory as a loss of power could have
left it: names from some prefix of the directory operations that were not synced, and each page that differs between
what was synced and what was written randomly old, new or torn by 512-byte sectors."""

import os
import re

PAGE, SECTOR = 4096, 512


def names_after(shadow, dice):
    """name -> inode after the synced operations and some, in order, of the others."""
    with open(os.path.join(shadow, "operations"), encoding="utf-8") as file:
        operations = [line.split() for line in file.read().splitlines()]
    synced = max(i for i, words in enumerate(operations) if words[0] == "sync") + 1
    names = {}
    for words in operations[:dice.randint(synced, len(operations))]:
        if words[0] == "create":
            names[words[1]] = int(words[2])
        elif words[0] == "unlink":
            names.pop(words[1], None)
        elif words[0] == "rename":
            names[words[2]] = names.pop(words[1])
    return names


def contents(data, shadow):
    """inode -> path of what the page cache holds, for files that have a name and those that had one."""
    found = {}
    for directory in (data, shadow):
        for name in os.listdir(directory):
            if directory == data or re.fullmatch(r"keep\.\d+", name):
                path = os.path.join(directory, name)
                found[os.stat(path).st_ino] = path
    return found


def read(path):
    if path is None or not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def torn(old, new, dice):
    """A file between the two."""
    size = dice.choice([len(old), len(new)])
    old, new = old[:size].ljust(size, b"\0"), new[:size].ljust(size, b"\0")
    result = bytearray(new)
    for at in range(0, size, PAGE):
        if old[at:at + PAGE] == new[at:at + PAGE]:
            continue
        fate = dice.randrange(3)
        if fate == 0:
            result[at:at + PAGE] = old[at:at + PAGE]
        elif fate == 1:
            for sector in range(at, min(at + PAGE, size), SECTOR):
                if dice.randrange(2):
                    result[sector:sector + SECTOR] = old[sector:sector + SECTOR]
    return bytes(result)


def build(data, shadow, target, dice):
    """Writes the directory. Returns how many files differ from what the page cache held."""
    os.mkdir(target, 0o700)
    current = contents(data, shadow)
    differing = 0
    for name, inode in sorted(names_after(shadow, dice).items()):
        old, new = read(os.path.join(shadow, "i%d" % inode)), read(current.get(inode))
        content = torn(old, new, dice)
        differing += content != new
        with open(os.path.join(target, name), "wb") as file:
            file.write(content)
    return differing
