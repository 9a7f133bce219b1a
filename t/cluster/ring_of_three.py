"""Three real nodes found a ring, serve each other's keys, come back with their data, and let nobody else in."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import tempfile
import time

import cluster
import harness
from harness import storage, wait_until

PAIRS = [(b"key-%d" % number, b"value of %d" % number) for number in range(200)]


def serves(node):
    """Does it answer clients?"""
    node.port = node.wait_ports()["client"]
    with contextlib.suppress(OSError):
        return node.ask(b"mn\r\n") != b""
    return False


# Longer than a busy machine lets a node wait; where a node is silent, it is the ordinary second.
PATIENT = ("--request-timeout", "20s")


class Case(cluster.RingCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="ringcached-secrets-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def secret(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
            file.write(text)
        return path

    def store(self, node, pairs):
        """Sets all pairs through one node, which must take them."""
        with node.connect() as client:
            for key, value in pairs:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n", (node.name, key))

    def assert_has(self, node, pairs):
        """Does the node answer each key with its value?"""
        with node.connect() as client:
            for key, value in pairs:
                self.assertEqual(client.values(b"get " + key), [(key, 0, value, None)], (node.name, key))


class Founding(Case):
    def test_three_commands_in_any_order_found_one_ring(self):
        for order in itertools.permutations((1, 2, 3)):
            with self.subTest(order=order), cluster.Ring(start=False) as ring:
                for number in order[:2]:
                    ring[number].start(wait=False)
                    self.assertFalse(serves(ring[number]))  # not before all seeds are there
                ring[order[2]].start(wait=False)
                for node in ring.nodes:
                    node.wait_ready()
                said = {node.ask(b"config get cluster\r\n") for node in ring.nodes}
                self.assertEqual(len(said), 1, said)
                self.assertIn(b"\r\n1\n", said.pop())  # epoch 1 holds all three
                self.assertEqual(len({node.report("status")["cluster"] for node in ring.nodes}), 1)

    def test_an_operator_is_told_what_a_node_waits_for(self):
        ring = self.ring(start=False)
        ring[1].start(wait=False)
        missing = "%s:%d" % (cluster.HOST, ring[2].peer_port)
        wait_until(lambda: missing.encode() in ring[1].log() and b"no client is served yet" in ring[1].log(),
                   "the log to name the missing seed")
        self.assertFalse(serves(ring[1]))

    def test_a_node_that_waits_can_be_stopped(self):
        ring = self.ring(start=False)
        ring[1].start(wait=False)
        ring[1].wait_ports()
        ring[1].stop()

    def test_a_node_without_seeds_founds_alone(self):
        node = cluster.Node("alone")
        self.addCleanup(self._end, node)
        node.start()
        self.store(node, PAIRS[:10])
        self.assert_has(node, PAIRS[:10])
        self.assertEqual(sorted(node.ports), ["admin", "client", "peer"])

    def test_a_daemon_reports_success_when_its_ring_serves(self):
        ring = self.ring(start=False)
        pid_file = os.path.join(self.directory, "pid")
        ring[3].arguments += ["-d", "-P", pid_file]
        ring[3].start(wait=False)
        ring[3].port = ring[3].wait_ports()["client"]
        self.assertIsNone(ring[3].process.poll())  # it does not serve yet
        ring[1].start(wait=False)
        ring[2].start(wait=False)
        self.assertEqual(ring[3].wait(), 0)
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read())
        try:
            self.assertEqual(ring[3].ask(b"mn\r\n"), b"MN\r\n")
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not os.path.exists(pid_file), "the daemon to end")


class Serving(Case):
    def test_any_node_answers_for_any_key(self):
        ring = self.ring(*PATIENT)
        for number, pair in enumerate(PAIRS):
            self.store(ring[number % 3 + 1], [pair])
        for node in ring.nodes:
            self.assert_has(node, PAIRS)

    def test_a_write_is_seen_at_once_through_every_node(self):
        ring = self.ring(*PATIENT)
        with ring[1].connect() as one, ring[2].connect() as two, ring[3].connect() as three:
            for turn in range(100):
                for writer, readers in ((one, (two, three)), (two, (one, three)), (three, (one, two))):
                    value = b"%d" % turn
                    self.assertEqual(writer.ask(storage(b"set", b"k", value)), b"STORED\r\n")
                    for reader in readers:
                        self.assertEqual(reader.values(b"get k"), [(b"k", 0, value, None)])

    def test_large_values_go_round(self):
        ring = self.ring(*PATIENT)
        pairs = [(b"big-%d" % number, os.urandom(1000000)) for number in range(6)]
        for number, pair in enumerate(pairs):
            self.store(ring[number % 3 + 1], [pair])
        for node in ring.nodes:
            self.assert_has(node, pairs)

    def test_clients_may_come_through_unix_sockets(self):
        ring = self.ring(*PATIENT, unix=True)
        self.store(ring[1], PAIRS)
        self.assert_has(ring[2], PAIRS)
        self.assertEqual(ring[1].ask(b"config get cluster\r\n"), b"ERROR\r\n")  # nobody could follow

    def test_config_get_cluster_lists_all_members(self):
        ring = self.ring(*PATIENT)
        for node in ring.nodes:
            said = node.ask(b"config get cluster\r\n").decode()
            for other in ring.nodes:
                self.assertIn("%s|%s|%d" % (cluster.HOST, cluster.HOST, other.port), said)

    def test_buckets_read_again_by_one_node_are_everybodys(self):
        config = "[bucket default]\nreconcile = siblings\n"
        ring = self.ring(*PATIENT, config=config)
        ring[2].write_config(config + "[bucket sessions]\nprefix = session:\nreconcile = lww\n")
        ring[2].process.send_signal(signal.SIGHUP)
        for node in ring.nodes:
            wait_until(lambda node=node: "sessions" in str(node.report("config")), node.name + " to hear of the bucket")


    def test_a_node_whose_own_buckets_are_not_the_rings_says_so(self):
        config = "[bucket default]\nreconcile = siblings\n"
        node = cluster.Node("alone", config=config)
        self.addCleanup(self._end, node)
        node.start()
        self.assertNotIn(b"differ from those of this node's settings", node.log())
        node.stop()
        node.write_config(config + "[bucket sessions]\nprefix = session:\nreconcile = lww\n")
        node.start()
        self.assertIn(b"differ from those of this node's settings", node.log())
        self.assertNotIn("sessions", str(node.report("config")))
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "sessions" in str(node.report("config")), "the bucket to be the ring's")


class Restarts(Case):
    def test_data_and_ring_survive_the_restart_of_all_nodes(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        before = ring[1].report("status")["cluster"]
        for end in (harness.Server.stop, harness.Server.kill):
            for node in ring.nodes:
                end(node)
            ring.start()
            self.assertEqual({node.report("status")["cluster"] for node in ring.nodes}, {before})
            for node in ring.nodes:
                self.assert_has(node, PAIRS)

    def test_two_of_three_go_on_while_one_is_away_and_it_catches_up(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        ring[3].stop()
        self.assert_has(ring[1], PAIRS)
        changed = [(key, value + b" again") for key, value in PAIRS]
        self.store(ring[2], changed)
        ring.restart(3)
        for node in ring.nodes:
            self.assert_has(node, changed)

    def test_who_returns_alone_serves_but_has_no_quorum(self):
        ring = self.ring()
        for node in ring.nodes:
            node.stop()
        ring[2].start()  # it knows its ring from its directory
        with ring[2].connect() as client:
            self.assertIn(b"SERVER_ERROR", client.ask(storage(b"set", b"k", b"v")))  # w = 2


    def test_who_comes_back_under_another_address_is_found_by_all(self):
        ring = self.ring(*PATIENT)
        self.store(ring[1], PAIRS)
        ring[3].stop()
        ring[3].peer_port, ring[3].client_port = cluster.free_port(), cluster.free_port()
        ring.restart(3)
        self.assert_has(ring[3], PAIRS)
        for node in ring.nodes:
            said = ("|%d" % ring[3].client_port).encode()
            wait_until(lambda node=node: said in node.ask(b"config get cluster\r\n"), node.name + " to tell of it")
        self.store(ring[1], PAIRS)

    def test_a_member_does_not_start_without_a_way_to_the_others(self):
        ring = self.ring()
        ring[3].stop()
        alone = harness.Server(data=ring[3].data, start=False)
        self.addCleanup(alone.close)
        alone.start(wait=False)
        self.assertNotEqual(alone.wait(), 0)
        self.assertIn(b"name --peer host:port", alone.log())
        ring.restart(3)


class Strangers(Case):
    def refused(self, ring, says, *arguments):
        stranger = cluster.Node("stranger", *arguments, seeds=ring.seeds)
        self.addCleanup(self._end, stranger)
        stranger.start(wait=False)
        wait_until(lambda: any(b"refused a connection from" in node.log() and says in node.log() for node in ring.nodes),
                   "the refusal to be logged")
        wait_until(lambda: says in stranger.log(), "the stranger to be told")
        self.assertFalse(serves(stranger))
        self.assertEqual(len(ring[1].report("status")["members"]), 3)

    def test_a_node_of_another_cluster_is_refused_and_logged(self):
        self.refused(self.ring(), b"cluster", "--cluster", "other")

    def test_a_wrong_secret_is_refused_and_logged(self):
        ring = self.ring("--secret-file", self.secret("right", "correct horse\n"))
        self.refused(ring, b"secret", "--secret-file", self.secret("wrong", "battery staple\n"))

    def test_a_missing_secret_is_refused_and_logged(self):
        ring = self.ring("--secret-file", self.secret("right", "correct horse\n"))
        self.refused(ring, b"secret")

    def test_a_secret_that_others_may_read_is_not_used(self):
        path = self.secret("loose", "x")
        os.chmod(path, 0o644)
        node = cluster.Node("careless", "--secret-file", path)
        self.addCleanup(node.close)
        node.start(wait=False)
        self.assertNotEqual(node.wait(), 0)
        self.assertIn(b"may be read or changed by others", node.log())

    def test_what_is_no_node_at_all_is_refused(self):
        ring = self.ring()
        for noise in (b"get a\r\n" * 100, os.urandom(4000), b"\0" * 5000):
            sock = socket.create_connection((cluster.HOST, ring[1].ports["peer"]), timeout=harness.PATIENCE)
            with harness.Client(sock) as client:
                client.sock.settimeout(harness.PATIENCE)
                client.send(noise)
                client.to_end()
        self.store(ring[1], PAIRS[:3])
        self.assertIn(b"refused a connection from", ring[1].log())


class Frozen(Case):
    def test_a_frozen_node_stops_nobody_where_it_does_not_coordinate(self):
        ring = self.ring()
        pairs = [(ring.key_of(number), b"v%d" % number) for number in (1, 2)]
        ring[3].freeze()
        began = time.monotonic()
        for _ in range(20):
            for node in (ring[1], ring[2]):
                self.store(node, pairs)
                self.assert_has(node, pairs)
        self.assertLess(time.monotonic() - began, harness.PATIENCE)
        ring[3].thaw()
        ring.wait_whole()
        self.assert_has(ring[3], pairs)


if __name__ == "__main__":
    cluster.main()
