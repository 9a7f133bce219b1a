"""What clients asked and were told, as lines for `ringsim --judge` (docs/simulator.md, "Judging real processes")."""

import contextlib
import json
import socket
import threading
import time

import harness
from harness import storage

PATIENCE_SECONDS = 3  # after which a client gives a silent node up: more than a request may take


class Recorder:
    """The file. Any thread may ask and write."""

    def __init__(self, path, nodes, copies, kinds):
        self.path = path
        self.nodes = nodes
        self.lock = threading.Lock()
        self.file = open(path, "w", encoding="ascii")  # closed by close()
        self.counts = {}  # key -> operations so far
        self.kinds = {}  # key -> its kind, for whoever reads them all
        self.outcomes = {}
        self.has_failed = False
        self._write({"history": 1, "nodes": nodes, "copies": copies, "kinds": kinds})

    def _write(self, line):
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def number(self, key, kind):
        """The next operation's number within its key."""
        with self.lock:
            number = self.counts.get(key, 0)
            self.counts[key] = number + 1
            self.kinds[key] = kind
            return number

    def add(self, line):
        with self.lock:
            self.outcomes[line["outcome"]] = self.outcomes.get(line["outcome"], 0) + 1
            self._write(line)

    def mark(self, what):
        """"fault" or "mended": now."""
        with self.lock:
            self._write({what: time.monotonic_ns()})

    def close(self):
        with self.lock:
            self.file.close()


class Client:
    """One client: holds a connection to some node, goes elsewhere when that one is silent or gone, records everything."""

    def __init__(self, ring, recorder, number, prng, at_home=None):
        self.ring, self.recorder, self.number, self.prng = ring, recorder, number, prng
        self.at_home = at_home  # the only node that it asks, by its number from 0
        self.node = None
        self.connection = None
        self.last_expiry = 0

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def connect(self):
        """To some node. False: that one does not take us now."""
        if self.connection:
            return True
        numbers = [number for number in range(len(self.ring.nodes)) if number != self.node]
        self.node = self.prng.choice(numbers) if self.at_home is None else self.at_home
        try:
            node = self.ring.nodes[self.node]
            sock = socket.create_connection((node.host, node.port), timeout=PATIENCE_SECONDS)
        except (OSError, TypeError):  # a port that is not known yet is None
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = harness.Client(sock)
        return True

    def ask(self, key, kind, op, command, read, number=None, **fields):
        """Sends a command; read(connection, line) makes outcome and further fields of its answer. Returns the record."""
        record = {"key": key, "kind": kind, "op": op, "client": self.number, "node": self.node, **fields}
        record["id"] = self.recorder.number(key, kind) if number is None else number
        record["sent"] = time.monotonic_ns()
        try:
            self.connection.sock.sendall(command)
            self.take(record, read)
        except (OSError, EOFError, AssertionError) as error:  # the harness says by an AssertionError that nothing came
            record["outcome"] = "lost"
            record["error"] = str(error)[:40]
            self.close()
        self.recorder.add(record)
        return record

    def take(self, record, read):
        line = self.connection.line()
        if line.startswith(b"SERVER_ERROR"):
            record.update(outcome="failed", error=line[13:53].decode("latin-1"))
        elif line.startswith((b"CLIENT_ERROR", b"ERROR")):
            record.update(outcome="refused", error=line[:40].decode("latin-1"))
        else:
            read(self.connection, line, record)
        record["ended"] = time.monotonic_ns()

    # Commands. Each returns its record.

    def get(self, key, kind, op="gets"):
        def read(connection, line, record):
            seen = []
            while line != b"END":
                words = line.split(b" ")
                if words[0] != b"VALUE" or words[1] != key.encode():
                    raise OSError("not a reply to %s %s: %r" % (op, key, line[:60]))
                value = connection.exactly(int(words[3]) + 2)[:-2].decode("latin-1")
                seen.append([value] + [word.decode() for word in words[4:5]])
                line = connection.line()
            record["outcome"] = "done" if seen else "miss"
            if seen:
                record["seen"] = seen
        return self.ask(key, kind, op, b"%s %s\r\n" % (op.encode(), key.encode()), read)

    def store(self, key, kind, op, value_of, exptime=0, token=None):
        """value_of(number) makes the value."""
        number = self.recorder.number(key, kind)
        value = value_of(number)
        fields = {"value": value}
        if exptime:
            fields["exptime"] = exptime
            self.last_expiry = max(self.last_expiry, time.monotonic() + exptime)
        if token is not None:
            fields["token"] = token
        command = storage(op.encode(), key.encode(), value.encode(), exptime=exptime,
                          token=token.encode() if token is not None else None)
        return self.ask(key, kind, op, command, self._plain, number=number, **fields)

    @staticmethod
    def _plain(_, line, record):
        record["outcome"] = {b"STORED": "done", b"NOT_STORED": "not stored", b"EXISTS": "exists", b"NOT_FOUND": "miss",
                             b"DELETED": "done", b"TOUCHED": "done"}[line]

    def delete(self, key, kind):
        return self.ask(key, kind, "delete", b"delete %s\r\n" % key.encode(), self._plain)

    def touch(self, key, kind, exptime):
        self.last_expiry = max(self.last_expiry, time.monotonic() + exptime)
        return self.ask(key, kind, "touch", b"touch %s %d\r\n" % (key.encode(), exptime), self._plain, exptime=exptime)

    def incr(self, key, kind, delta):
        def read(_, line, record):
            if line == b"NOT_FOUND":
                record["outcome"] = "miss"
            else:
                record.update(outcome="done", answered=int(line))
        return self.ask(key, kind, "incr", b"incr %s %d\r\n" % (key.encode(), delta), read, delta=delta)


def read_everything(ring, recorder, prng):
    """Every key through every node, with a few requests under way at each."""
    clients = [Client(ring, recorder, 1000 + number, prng, at_home=number) for number in range(len(ring.nodes))]

    def read_all(client):
        with contextlib.closing(client):
            for key, kind in sorted(recorder.kinds.items()):
                if client.connect():
                    client.get(key, kind)
    threads = [threading.Thread(target=read_all, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
