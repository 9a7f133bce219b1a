"""Differential testing: the same bytes to memcached and to ringcached, and the replies compared.

A script is a list of steps; a step is a list of commands (bytes) that go down one fresh connection, pipelined, in
pieces of the sizes that `splits` names, followed by half a close; what the server says until it closes is its reply.

Commands may contain two markers. PREFIX (nine bytes, so that its base64 form is cut out as cleanly as it was put in)
becomes a prefix that no other run used, so that a script can be run again on servers that remember. <<casN>> becomes
the N-th distinct cas token that this server has given in this run, as eight bytes in a binary packet, as decimal
digits elsewhere.
"""

import base64
import itertools
import re

import harness
import wire

PREFIX = b"@PREFIX@@"
PREFIX_BASE64 = base64.b64encode(PREFIX)
TOKEN = re.compile(rb"<<cas(\d)>>")
# The reference gets its commands so: each is answered before the next is sent. memcached forgets the replies that are
# waiting to be written when a later command of the same read fails in certain ways, so what it says to a pipeline
# depends on how the kernel cut it.
ONE_BY_ONE = object()
RUNS = itertools.count(1)

def run_number():
    return b"g%08d" % next(RUNS)


class Run:
    """One server's way through a script."""

    def __init__(self, server, prefix, binary):
        self.server = server
        self.prefix = prefix
        self.binary = binary
        self.tokens = wire.Tokens()

    def fill_in(self, command):
        command = command.replace(PREFIX, self.prefix).replace(PREFIX_BASE64, base64.b64encode(self.prefix))

        def token(match):
            value = self.tokens.nth(int(match.group(1)))
            return value.to_bytes(8, "big") if self.binary else b"%d" % value
        return TOKEN.sub(token, command)

    def step(self, commands, splits=None):
        """`splits`: sizes of the pieces, or None for everything at once, or ONE_BY_ONE."""
        commands = [self.fill_in(command) for command in commands]
        with self.server.connect() as client:
            if splits is ONE_BY_ONE:
                for command in commands:
                    client.send(command)
                    client.wait_taken()
                    self.server.wait_idle(client)
            elif splits:
                client.send_in_pieces(b"".join(commands), splits)
            else:
                client.send(b"".join(commands))
            reply = client.finish()
        comparable = wire.comparable_binary if self.binary else wire.comparable_text
        # The prefix is taken out again, so that a failure reads the same whatever run found it.
        reply = reply.replace(self.prefix, PREFIX).replace(base64.b64encode(self.prefix), PREFIX_BASE64)
        return comparable(reply, self.tokens)


class Difference:
    def __init__(self, script, step, expected, got):
        self.script, self.step, self.expected, self.got = script, step, expected, got

    def __str__(self):
        lines = ["replies differ in step %d" % (self.step + 1)]
        for number, commands in enumerate(self.script[:self.step + 1]):
            lines += ["  step %d sends %s" % (number + 1, shorten(command)) for command in commands]
        at = next((i for i, (a, b) in enumerate(itertools.zip_longest(self.expected, self.got))
                   if a != b), 0)
        lines.append("  replies before the first difference: %d, the last of them %s"
                     % (at, shorten(self.expected[at - 1]) if at else "-"))
        lines.append("  memcached:  %s" % ", ".join(shorten(piece) for piece in self.expected[at:at + 4]))
        lines.append("  ringcached: %s" % ", ".join(shorten(piece) for piece in self.got[at:at + 4]))
        return "\n".join(lines)


def shorten(piece):
    text = repr(piece)
    return text if len(text) <= 240 else text[:140] + " ... " + text[-60:] + " (%d bytes)" % len(piece)


def first_difference(reference, subject, script, binary=False, splits=None):
    """Runs the script on both servers: one by one on the reference, pipelined and in pieces on the subject. None when the
    replies agree."""
    if subject.is_memcached:  # the control: the reference agrees with itself
        splits = ONE_BY_ONE
    prefix = run_number()
    ours, theirs = Run(reference, prefix, binary), Run(subject, prefix, binary)
    for number, commands in enumerate(script):
        expected, got = ours.step(commands, ONE_BY_ONE), theirs.step(commands, splits)
        if expected != got:
            return Difference(script, number, expected, got)
    return None


def shrink(reference, subject, difference, binary=False, splits=None, tries=150):
    """Leaves out steps and commands as long as the servers still differ: a failure that a person can read."""
    best = difference
    script = [list(step) for step in difference.script[:difference.step + 1]]
    places = [(s, None) for s in reversed(range(len(script)))]
    progress = True
    while progress and tries > 0:
        progress = False
        places = [(s, None) for s in reversed(range(len(script)))] \
            + [(s, c) for s in reversed(range(len(script))) for c in reversed(range(len(script[s])))]
        for s, c in places:
            if tries <= 0:
                break
            shorter = [list(step) for step in script]
            if c is None:
                if len(shorter) == 1:
                    continue
                del shorter[s]
            else:
                if len(shorter[s]) == 1:
                    continue
                del shorter[s][c]
            tries -= 1
            try:
                found = first_difference(reference, subject, shorter, binary, splits)
            except (OSError, harness.Impatient):
                return best
            if found:
                best, script, progress = found, [list(step) for step in shorter[:found.step + 1]], True
                break
    return best


def reference_server(case, *arguments):
    """memcached as the reference: a Unix socket and one worker thread, so that it is known when it is done. Its LRU
    thread is off: while that holds a reference to an item, incr and decr replace the item where they otherwise change
    it in place, and lose its stale mark and decr's padding."""
    server = case.server("-t", "1", "-o", "no_lru_maintainer", *arguments, program=harness.MEMCACHED, unix=True)
    server.ask(b"set burnt 0 0 1\r\n1\r\ndelete burnt\r\n")  # its first token is 1, which scripts send as nobody's
    return server


def subject_server(case, *arguments, **options):
    if harness.MEMCACHED == harness.RINGCACHED:
        return reference_server(case, *arguments)
    return case.subject(*arguments, unix=True, **options)
