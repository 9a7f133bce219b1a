"""Load with a memory: writers that know which of their writes were acknowledged, and a checker that compares this with
what a restarted server has.

Each write of a key has a sequence number and a value that follows from key and number alone, so that a torn or mixed
value is told from a whole one. A write that was sent but not answered may have happened or not; an acknowledged one
must be there, unless a later one of the same key is.
"""

import hashlib
import random
import threading

import harness
from harness import storage


def value_of(key, sequence, scale):
    """The value of this write: key and number in front, then bytes that nothing else writes."""
    digest = hashlib.blake2b(b"%s %d" % (key, sequence), digest_size=32).digest()
    size = digest[0] * scale + digest[1] % 61
    body = (digest * (size // len(digest) + 1))[:size]
    return b"%s %d %d:" % (key, sequence, size) + body


class Ledger:
    def __init__(self, scale=8):
        self.scale = scale
        self.kinds = {}  # key -> list of "set" or "delete" by sequence number - 1
        self.acknowledged = {}  # key -> sequence number, 0: none
        self.writes = 0

    def next(self, key, kind):
        """Notes that a write is about to be sent; returns its sequence number."""
        kinds = self.kinds.setdefault(key, [])
        kinds.append(kind)
        self.acknowledged.setdefault(key, 0)
        return len(kinds)

    def acknowledge(self, key, sequence):
        self.acknowledged[key] = max(self.acknowledged[key], sequence)
        self.writes += 1

    def problem(self, key, value):
        """What is wrong with this value (None: absent) of the key, or None. What is right becomes what is known."""
        kinds, acknowledged = self.kinds[key], self.acknowledged[key]
        possible = range(max(acknowledged, 1), len(kinds) + 1)
        if value is None:
            if acknowledged == 0 or any(kinds[s - 1] == "delete" for s in possible):
                # It may yet be an earlier state that stays: all sent writes so far are settled as this one.
                self.settle(key, "delete")
                return None
            return "%r: write %d was acknowledged and is lost" % (key, acknowledged)
        try:
            sequence = int(value.split(b" ", 2)[1])
        except (IndexError, ValueError):
            return "%r: the value is nobody's: %r" % (key, value[:60])
        if sequence < 1 or sequence > len(kinds) or value != value_of(key, sequence, self.scale):
            return "%r: the value of write %d is torn: %r" % (key, sequence, value[:60])
        if kinds[sequence - 1] != "set":
            return "%r: write %d was no set" % (key, sequence)
        if sequence < acknowledged:
            return "%r: write %d was acknowledged, the value is that of write %d" % (key, acknowledged, sequence)
        self.settle(key, "set", sequence)
        return None

    def settle(self, key, kind, sequence=None):
        """The present state, be it by a write that was acknowledged or not, is from now on acknowledged."""
        if kind == "delete":
            self.kinds[key].append("delete")
            sequence = len(self.kinds[key])
        self.acknowledged[key] = sequence
        # Writes after it did not happen, and never will.
        for later in range(sequence, len(self.kinds[key])):
            self.kinds[key][later] = "lost"

    def problems(self, server):
        """Reads every key and returns what is wrong."""
        found = []
        with server.connect() as client:
            keys = sorted(self.kinds)
            for at in range(0, len(keys), 50):
                some = keys[at:at + 50]
                values = {key: value for key, _, value, _ in client.values(b"get " + b" ".join(some))}
                found += filter(None, (self.problem(key, values.get(key)) for key in some))
        return found


class Writer(threading.Thread):
    """One connection that writes its own keys until the server is gone or stop() is called."""

    def __init__(self, server, ledger, name, seed, keys=200, pipeline=8):
        super().__init__(daemon=True)
        self.client = server.connect()
        self.ledger = ledger
        self.keys = [b"%s.%d" % (name, number) for number in range(keys)]
        self.dice = random.Random(seed)
        self.pipeline = pipeline
        self.stopping = False
        self.refused = []  # (kind, reply) where that was neither yes nor no
        self.error = None

    def run(self):
        try:
            while not self.stopping:
                self.batch()
        except (EOFError, ConnectionError):
            pass  # the server was killed: what is not answered is not known
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error
        finally:
            self.client.close()

    def batch(self):
        sent, data = [], []
        for key in self.dice.sample(self.keys, self.dice.randrange(1, self.pipeline + 1)):
            kind = "delete" if self.dice.random() < 0.1 else "set"
            sequence = self.ledger.next(key, kind)
            sent.append((key, sequence, kind))
            data.append(b"delete %s\r\n" % key if kind == "delete"
                        else storage(b"set", key, value_of(key, sequence, self.ledger.scale)))
        self.client.sock.sendall(b"".join(data))
        for key, sequence, kind in sent:
            line = self.client.line()
            if line == b"STORED" or line in (b"DELETED", b"NOT_FOUND"):
                self.ledger.acknowledge(key, sequence)
            else:
                self.refused.append((kind, line))
                self.ledger.kinds[key][sequence - 1] = "refused"

    def stop(self):
        self.stopping = True


class Load:
    """Some writers at once, each with keys of its own."""

    def __init__(self, server, ledger, seed, writers=3, **options):
        self.writers = [Writer(server, ledger, b"w%d" % number, "%s %d" % (seed, number), **options)
                        for number in range(writers)]
        for writer in self.writers:
            writer.start()

    def finish(self):
        """Stops what still runs. Returns the refusals: (kind of write, reply)."""
        for writer in self.writers:
            writer.stop()
        for writer in self.writers:
            writer.join(harness.PATIENCE)
            if writer.is_alive():
                raise harness.Impatient("a writer is not answered")
            if writer.error:
                raise writer.error
        return [refusal for writer in self.writers for refusal in writer.refused]
