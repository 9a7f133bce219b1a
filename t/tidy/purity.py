"""PURE rooms read no clock, no chance, no socket, no thread, no file and no environment: their static libraries have no
undefined symbol but those of the C library that compute, and those of the libraries named below."""

import os
import re
import subprocess
import sys

import tree as house

# What a pure room may call. A list of what is allowed, not of what is forbidden: the next way to reach the world is
# one that no list of forbidden names contains.
ALLOWED = {
    # memory
    "malloc", "calloc", "realloc", "free", "aligned_alloc", "reallocarray", "malloc_usable_size",
    "bcmp",  # what clang makes of a memcmp for equality
    "memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "mempcpy", "memmem",
    # texts and numbers
    "strlen", "strnlen", "strcmp", "strncmp", "strchr", "strrchr", "strstr", "strcpy", "strncpy", "strcasecmp",
    "strncasecmp", "strcspn", "strspn", "snprintf", "vsnprintf", "strtoul", "strtoull", "strtol", "strtoll",
    "strtod", "sscanf", "__isoc99_sscanf",
    "__ctype_b_loc", "__ctype_tolower_loc", "__ctype_toupper_loc", "isalnum", "isdigit", "tolower", "toupper",
    # order
    "qsort", "bsearch",
    # arithmetic
    "log", "log2", "log10", "exp", "exp2", "pow", "sqrt", "floor", "ceil", "round", "lround", "llround", "ldexp", "frexp",
    # the end: a broken claim (base/check.h) says which one and aborts
    "abort",
    # fixed by the compiler
    "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail", "__tls_get_addr",
}
ALLOWED_PATTERNS = [
    r"lmmh_.*",                              # libmurmurhash: pure functions of their input
    r"EVP_(Encode|Decode)\w*", r"CRYPTO_memcmp",  # libcrypto: base64, comparison in constant time
    r"HMAC", r"EVP_sha256",                  # libcrypto: proofs of the handshake, functions of secret and bytes alone
    # jansson: values in memory. Its hash seed is of chance, but objects keep the order of their making.
    r"json_(array|delete|dumps|false|integer|loadb|null|object|real|string|true)\w*",
    r"__(mem|str|snprintf|vsnprintf)\w*_chk",  # fortified forms of the above
    r"__(u?(div|mod|mul)[a-z]*[0-9]|popcount[a-z]*2|clz[a-z]*2)",  # arithmetic of the compiler's own library
    r"__atomic_\w+",
    r"__(asan|ubsan|tsan|sanitizer|gcov|llvm|sancov)_\w+",  # instrumentation is the build's, not the room's
]
# check_failed prints its claim: the one file of the pure floors that writes, in the moment before the process ends.
EXCEPTIONS = {("base", "check.c.o"): {"stderr", "fprintf", "fputs", "fflush", "write"}}


def undefined(library, nm="nm"):
    """(member, symbol) of every undefined symbol that no member of the library defines."""
    def symbols(option):
        output = subprocess.run([nm, "-A", option, library], capture_output=True, text=True, check=True).stdout
        for line in output.splitlines():
            match = re.match(r".*?:([^:]+):\s*(?:[0-9a-f]+)?\s*(\w)\s+([^@\s]+)", line)
            if match:
                yield match.groups()
    return [(member, symbol) for member, _, symbol in symbols("--undefined-only")]


def defined(libraries, nm="nm"):
    names = set()
    for library in libraries:
        output = subprocess.run([nm, "--defined-only", "--extern-only", library], capture_output=True, text=True,
                                check=True).stdout
        names |= {line.split()[-1] for line in output.splitlines() if len(line.split()) == 3}
    return names


def library_of(build, name):
    return os.path.join(build, "src", "lib%s.a" % name.replace("/", "_"))


def check(tree, build):
    rooms = house.rooms(tree)
    problems = []
    own = {}
    for name in rooms:
        if not os.path.exists(library_of(build, name)):
            problems.append("%s is missing: build first" % library_of(build, name))
    if problems:
        return problems
    for name in rooms:
        own[name] = defined([library_of(build, name)])
    for room in rooms.values():
        if not room.pure:
            continue
        known = set().union(own[room.name], *(own[below] for below in room.rooms if below in own))
        for member, symbol in undefined(library_of(build, room.name)):
            if symbol in known or symbol in ALLOWED or any(re.fullmatch(p, symbol) for p in ALLOWED_PATTERNS):
                continue
            if symbol in EXCEPTIONS.get((room.name, member), ()):
                continue
            problems.append("%s (PURE): %s uses %s" % (room.name, member, symbol))
    return sorted(set(problems))


if __name__ == "__main__":
    house.finish(check(sys.argv[1], sys.argv[2]), "purity")
