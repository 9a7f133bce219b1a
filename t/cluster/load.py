"""Clients that set and get their own keys through one node each, one request at a time, and notice every failure: what they
see while a node is away is what an application sees. Each knows its last acknowledged values."""

import random
import socket
import threading
import time

import harness
from harness import storage

PATIENCE_SECONDS = 10  # a request that takes longer has failed, whatever comes of it


class LoadClient:
    def __init__(self, load, number, node):
        self.load, self.node, self.number = load, node, number
        self.prng = random.Random(number)
        self.connection = None
        self.acknowledged = {}  # key -> last acknowledged value
        self.uncertain = set()  # keys whose last set was not answered
        self.failures = []  # (when, node's name, what was asked, what came)
        self.lost = 0  # connections that ended under a request
        self.requests = 0
        self.slowest = 0.0

    def connected(self):
        """The application's connection to its node; while that one is away there is none."""
        if self.connection is None:
            try:
                sock = socket.create_connection((self.node.host, self.node.port), timeout=PATIENCE_SECONDS)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connection = harness.Client(sock)
            except (OSError, TypeError):  # a port that is not known yet is None
                time.sleep(0.02)
        return self.connection is not None

    def run(self):
        turn = 0
        while not self.load.ending.is_set():
            if not self.connected():
                continue
            turn += 1
            key = b"%s.%d.%d" % (self.load.stem, self.number, self.prng.randrange(self.load.keys))
            began = time.monotonic()
            try:
                self.requests += 1
                if turn % 2:
                    self.set(key, b"%d.%d " % (self.number, turn) + b"x" * 100)
                else:
                    self.get(key)
                self.slowest = max(self.slowest, time.monotonic() - began)
            except (OSError, EOFError, AssertionError):  # closed, reset, or no answer in time
                self.lost += 1
                self.close()
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def fail(self, what, answer):
        self.failures.append((time.monotonic(), self.node.name, what, answer))

    def set(self, key, value):
        self.uncertain.add(key)
        self.connection.sock.sendall(storage(b"set", key, value))
        line = self.connection.line()
        if line == b"STORED":
            self.acknowledged[key] = value
            self.uncertain.discard(key)
        else:
            self.fail(b"set " + key, line)

    def get(self, key):
        self.connection.sock.sendall(b"get %s\r\n" % key)
        line = self.connection.line()
        value = None
        if line.startswith(b"VALUE "):
            value = self.connection.exactly(int(line.split()[3]) + 2)[:-2]
            line = self.connection.line()
        if line != b"END":
            self.fail(b"get " + key, line)
        elif key not in self.uncertain and value != self.acknowledged.get(key):
            self.fail(b"get " + key, b"a wrong value: %r, not %r" % (value, self.acknowledged.get(key)))


class Load:
    """So many clients for each of these nodes. Use as a context manager: it ends with the block."""

    def __init__(self, nodes, stem, clients=3, keys=200):
        self.stem, self.keys = stem, keys
        self.ending = threading.Event()
        self.clients = [LoadClient(self, number, node)
                        for number, node in enumerate(node for node in nodes for _ in range(clients))]
        self.threads = [threading.Thread(target=client.run, daemon=True) for client in self.clients]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def of(self, nodes):
        return [client for client in self.clients if client.node in nodes]

    def requests(self):
        return sum(client.requests for client in self.clients)

    def wait_requests(self, count, nodes, what):
        """Until each client of these nodes has done so many more."""
        wanted = [(client, client.requests + count) for client in self.of(nodes)]
        harness.wait_until(lambda: all(client.requests >= least for client, least in wanted), what)

    def problems(self, node):
        """Acknowledged values that this node does not show."""
        found = []
        with node.connect() as connection:
            for client in self.clients:
                for key, value in client.acknowledged.items():
                    if key in client.uncertain:
                        continue
                    seen = connection.values(b"get " + key)
                    if [item[2] for item in seen] != [value]:
                        found.append((node.name, key, value[:20], [item[2][:20] for item in seen]))
        return found
