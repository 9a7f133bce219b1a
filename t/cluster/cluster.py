"""Rings of real server processes, in the style of t/blackbox/harness.py, which does the work for each node.

All nodes of a test process listen on a loopback address of its own (127.64.0.0/10, by process id), so that a port that
was free for one of them stays free for it across restarts, and two runs at the same time do not meet.
"""

import json
import os
import signal
import socket
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TREE, "t", "blackbox"))

# The path above is the reason for the order.
import harness  # pylint: disable=wrong-import-position
from harness import wait_until  # pylint: disable=wrong-import-position
import wall  # pylint: disable=wrong-import-position

RINGCTL = os.path.join(os.path.dirname(harness.RINGCACHED), "ringctl")
HOST = "127.%d.%d.%d" % (64 + (os.getpid() >> 16), os.getpid() >> 8 & 255, os.getpid() & 255)
THREADS = 2
# A node makes its log's files ready while it serves already: small ones, for who starts many nodes on one disk.
SMALL_LOG = ["--log-segment", "4m"]
TAKEN = set()


def free_port():
    """Free now, and nobody else looks for ports on our address."""
    while True:
        with socket.socket() as sock:
            sock.bind((HOST, 0))
            port = sock.getsockname()[1]
        if port not in TAKEN:
            TAKEN.add(port)
            return port


def murmur3(data, seed):
    """MurmurHash3_x86_32."""
    def mix(k):
        k = k * 0xcc9e2d51 & 0xffffffff
        k = (k << 15 | k >> 17) & 0xffffffff
        return k * 0x1b873593 & 0xffffffff
    h, whole = seed, len(data) // 4 * 4
    for at in range(0, whole, 4):
        h ^= mix(int.from_bytes(data[at:at + 4], "little"))
        h = (h << 13 | h >> 19) & 0xffffffff
        h = (h * 5 + 0xe6546b64) & 0xffffffff
    h ^= mix(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85ebca6b & 0xffffffff
    h = (h ^ h >> 13) * 0xc2b2ae35 & 0xffffffff
    return h ^ h >> 16


def hash_of_key(key):
    """As libmemcached computes it: what places a key on the ring."""
    return murmur3(key, 0xdeadbeef * len(key) & 0xffffffff)


class Node(harness.Server):
    """One process of a ring."""

    def __init__(self, name, *arguments, seeds=None, announces=None, peer_port=0, unix=False, **options):
        self.name = name
        self.seeds = seeds
        self.announces = announces
        self.peer_port = peer_port
        self.ports = {}
        self.client_port = -1
        self.stands_for = None  # the ring that ends with this node
        super().__init__(*arguments, unix=unix, start=False, **options)
        self.host = HOST

    def command(self):
        clients = ["-s", self.unix_path] if self.unix_path else ["-l", HOST, "-p", self.client_port]
        line = self.prefix + [self.program] + clients + ["--node", self.name, "--data", self.data, "--admin", "127.0.0.1:0",
                                                         "--peer", "%s:%d" % (HOST, self.peer_port)]
        if self.announces:
            line += ["--peer-announce", self.announces]
        if self.seeds:
            line += ["--seeds", self.seeds]
        if self.config_path:
            line += ["--config", self.config_path]
        return [str(word) for word in line] + self.arguments

    def start(self, wait=True):
        self.ports = {}
        self.ports_path = os.path.join(self.directory, "ports.%d" % (self.starts + 1))
        self.environment["RINGCACHED_PORTS_FILENAME"] = self.ports_path
        super().start(wait)

    def wait_ports(self):
        """Until the node listens; clients are served when it has its ring."""
        def known():
            if self.process.poll() is not None:
                self.exit_early("starting")
            return os.path.exists(self.ports_path)
        wait_until(known, "the file of ports of node " + self.name)
        with open(self.ports_path, encoding="ascii") as file:
            self.ports = {name: int(port) for name, port in (line.split() for line in file)}
        return self.ports

    def _read_port(self):
        self.client_port = self.wait_ports().get("client", 0)
        return self.client_port

    def ringctl(self, *words, seconds=None):
        """Asks this node's admin port."""
        return harness.run(RINGCTL, "-a", "127.0.0.1:%d" % self.wait_ports()["admin"], *words, seconds=seconds)

    def report(self, *words):
        """The same, as JSON."""
        result = self.ringctl("--json", *words)
        if result.returncode != 0:
            raise AssertionError("ringctl %r: %s" % (words, (result.stdout + result.stderr).decode("utf-8", "replace")))
        return json.loads(result.stdout)

    def ring_stats(self):
        with self.connect() as client:
            return {name.decode(): value.decode() for name, value in client.stats(b"ring").items()}

    def __exit__(self, kind, value, trace):
        ring, self.stands_for = self.stands_for, None
        if ring:
            ring.__exit__(kind, value, trace)
        else:
            super().__exit__(kind, value, trace)

    def freeze(self):
        """Stops the process in its tracks, and waits until it stands."""
        self.process.send_signal(signal.SIGSTOP)

        def stands():
            with open("/proc/%d/stat" % self.process.pid, "rb") as file:
                return file.read().rpartition(b") ")[2][:1] == b"T"
        wait_until(stands, "node %s to stand still" % self.name)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Ring:
    """Several nodes that found a ring together. Use as a context manager; leaving it stops them and checks how they ended."""

    def __init__(self, *arguments, count=3, config=None, unix=False, walled=False, threads=THREADS, start=True):
        self.threads = threads
        self.wall = wall.Wall(HOST) if walled else None
        self.arguments = ["-t", threads] + SMALL_LOG + list(arguments)
        self.config, self.unix = config, unix
        self.table = None
        self.nodes = []
        names = ["node%d" % number for number in range(1, count + 1)]
        doors = {name: self.wall.door(name) if walled else free_port() for name in names}
        self.seeds = ",".join("%s:%d" % (HOST, doors[name]) for name in names)
        try:
            for name in names:
                self.nodes.append(self.node(name, seeds=self.seeds, unix=unix, peer_port=0 if walled else doors[name],
                                            announces="%s:%d" % (HOST, doors[name]) if walled else None))
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    def node(self, name, *arguments, **options):
        """A further process that is set up as the ring's nodes are; the caller's, and not started."""
        return Node(name, *self.arguments, *arguments, config=options.pop("config", self.config), **options)

    def __getitem__(self, number):
        """Nodes count from 1, as their names do."""
        return self.nodes[number - 1]

    def start(self, order=None):
        """Starts all, in this order of numbers, and waits until the ring is whole."""
        for number in order or range(1, len(self.nodes) + 1):
            self[number].start(wait=False)
        if self.wall:
            for node in self.nodes:
                self.wall.leads_to(node.name, node.wait_ports()["peer"])
        for node in self.nodes:
            node.wait_ready()
        self.wait_whole()

    def restart(self, number):
        """After its node has ended."""
        node = self[number]
        node.start(wait=False)
        if self.wall:
            self.wall.leads_to(node.name, node.wait_ports()["peer"])
        node.wait_ready()
        self.wait_whole()

    def wait_whole(self, nodes=None):
        """Until each loop of each of these nodes can talk to all the others."""
        nodes = self.nodes if nodes is None else nodes
        links = (self.threads + 1) * (len(nodes) - 1)
        for node in nodes:
            wait_until(lambda node=node: int(node.ring_stats()["links"]) == links, "all links of node " + node.name)

    def owners(self, key):
        """Numbers of the nodes that keep this key, its coordinator first."""
        if self.table is None:
            self.table = self[1].report("ring")
        names = [self.table["members"][owner]["name"]
                 for owner in self.table["owners"][hash_of_key(key) & (self.table["partitions"] - 1)]]
        return [next(number for number, node in enumerate(self.nodes, 1) if node.name == name) for name in names]

    def coordinator(self, key):
        return self.owners(key)[0]

    def key_of(self, number, stem=b"key"):
        """A key that begins with `stem` and is coordinated by this node."""
        return next(key for key in (b"%s.%d" % (stem, i) for i in range(1000)) if self.coordinator(key) == number)

    def key_with(self, owners, stem=b"key"):
        """A key with just this preference list."""
        return next(key for key in (b"%s.%d" % (stem, i) for i in range(10000)) if self.owners(key) == list(owners))

    def counters(self, name):
        """A counter of `stats ring`, by node."""
        return [int(node.ring_stats()[name]) for node in self.nodes]

    def end(self, failed):
        """Stops all at the same time and insists on clean ends; after a failure shows their logs."""
        try:
            running = [node for node in self.nodes if node.process is not None and node.process.poll() is None]
            if not failed:
                for node in running:
                    node.process.send_signal(signal.SIGCONT)
                    node.process.send_signal(signal.SIGTERM)
            for node in self.nodes:
                if failed or node in running:
                    node.end_awaited = node.end_awaited and node not in running
                    if not failed:
                        node.stop()
                    else:
                        node.__exit__(AssertionError, None, None)
                elif node.process is not None:
                    node.__exit__(None, None, None)
        finally:
            self.close()

    def close(self):
        for node in self.nodes:
            node.close()
        if self.wall:
            self.wall.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.end(kind is not None)


def first_of_ring(*arguments, **options):
    """The first node of a ring of its own, which ends with it."""
    ring = Ring(*arguments, **options)
    ring[1].stands_for = ring
    return ring[1]


class RingCase(harness.TestCase):
    """Test cases with rings of their own."""

    def ring(self, *arguments, **options):
        ring = Ring(*arguments, **options)
        self.addCleanup(self._end_ring, ring)
        return ring

    def _end_ring(self, ring):
        ring.end(self.has_failed())

    def node(self, ring, name, *arguments, **options):
        """A further node, beside the ring's own; not started."""
        node = ring.node(name, *arguments, **options)
        self.addCleanup(self._end, node)
        return node


class SharedRingCase(RingCase):
    """Test cases that share one ring; keys are made distinct by self.stem()."""

    arguments = ()
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.shared = Ring(*cls.arguments, **cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.shared.end(False)

    def stem(self):
        return self.id().rsplit(".", 1)[-1][:150].encode("ascii")


def main():
    if not os.access(RINGCTL, os.X_OK):
        sys.exit("no ringctl at %s: build it beside the server" % RINGCTL)
    harness.main()
