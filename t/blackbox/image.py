"""Builds, from what the power-loss layer (t/powerloss/shim.c) has noted, a data directory as a loss of power could have
left it: names from some prefix of the directory operations that were not synced, and each page that differs between
what was synced and what was written randomly old, new or torn by 512-byte sectors."""

import os

PAGE, SECTOR = 4096, 512


def names_after(shadow, dice):
    """(name -> inode, folders) after the operations that were synced and, in order, some of those that were not. A sync of a
    directory makes what happened in it before durable."""
    with open(os.path.join(shadow, "operations"), encoding="utf-8") as file:
        operations = [line.split() for line in file.read().splitlines()]
    last_sync = {words[1]: number for number, words in enumerate(operations) if words[0] == "sync"}
    lucky = dice.randint(0, len(operations))
    names, folders = {}, {"."}
    for number, words in enumerate(operations):
        if number >= lucky and number > last_sync.get(os.path.dirname(words[1]) or ".", -1):
            continue
        if words[0] == "create":
            names[words[1]] = int(words[2])
        elif words[0] == "mkdir":
            folders.add(words[1])
        elif words[0] == "unlink":
            names.pop(words[1], None)
        elif words[0] == "rename":
            names[words[2]] = names.pop(words[1])
    return {name: inode for name, inode in names.items() if (os.path.dirname(name) or ".") in folders}, folders


def contents(data, shadow):
    """inode -> path of what the page cache holds, for files that have a name and those that had one."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(data) for name in names]
    paths += [os.path.join(shadow, name) for name in os.listdir(shadow) if name.startswith("keep.")]
    return {os.stat(path).st_ino: path for path in paths}


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
    names, folders = names_after(shadow, dice)
    for folder in sorted(folders - {"."}):
        os.mkdir(os.path.join(target, folder), 0o700)
    for name, inode in sorted(names.items()):
        old, new = read(os.path.join(shadow, "i%d" % inode)), read(current.get(inode))
        content = torn(old, new, dice)
        differing += content != new
        with open(os.path.join(target, name), "wb") as file:
            file.write(content)
    return differing
