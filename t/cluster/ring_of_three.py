"""Three real nodes found a ring, serve each other's keys, come back with their data, and let nobody else in."""

import itertools
import os
import time

import cluster
import harness
from harness import storage, wait_until

PAIRS = [(b"key-%d" % number, b"value of %d" % number) for number in range(200)]


class Founding(cluster.TestCase):
    def test_three_commands_in_any_order_found_one_ring(self):
        for order in itertools.permutations((1, 2, 3)):
            with self.subTest(order=order), cluster.Cluster(3, start=False) as ring:
                for number in order[:2]:
                    ring[number].start(wait=False)
                    ring[number].wait_open()
                    self.assertFalse(ring[number].serves())  # not before all seeds are there
                ring[order[2]].start(wait=False)
                for node in ring:
                    node.wait_ready()
                said = {node.ask(b"config get cluster\r\n") for node in ring}
                self.assertEqual(len(said), 1, said)
                self.assertIn(b"\r\n1\n", said.pop())  # epoch 1 holds all three
                self.assertEqual(len({node.admin("/status")["cluster"] for node in ring}), 1)

    def test_an_operator_is_told_what_a_node_waits_for(self):
        ring = self.cluster(3, start=False)
        ring[1].start(wait=False)
        wait_until(lambda: ring[2].peer.encode() in ring[1].log() and b"no client is served yet" in ring[1].log(),
                   "the log to name the missing seed")
        self.assertFalse(ring[1].serves())

    def test_a_node_that_waits_can_be_stopped(self):
        ring = self.cluster(3, start=False)
        ring[1].start(wait=False)
        ring[1].wait_open()
        ring[1].stop()

    def test_without_others_a_node_founds_alone(self):
        ring = self.cluster(1, seeds=())
        self.store(ring[1], PAIRS[:10])
        self.assert_has(ring[1], PAIRS[:10])
        self.assertEqual(ring[1].ports(), {"client": cluster.CLIENT_PORT, "peer": cluster.PEER_PORT,
                                           "admin": cluster.ADMIN_PORT})


class Serving(cluster.TestCase):
    def test_any_node_answers_for_any_key(self):
        ring = self.cluster(3)
        for number, pair in enumerate(PAIRS):
            self.store(ring[number % 3 + 1], [pair])
        for node in ring:
            self.assert_has(node, PAIRS)

    def test_one_write_is_seen_at_once_through_every_node(self):
        ring = self.cluster(3)
        with ring[1].connect() as one, ring[2].connect() as two, ring[3].connect() as three:
            for turn in range(100):
                for writer, readers in ((one, (two, three)), (two, (one, three)), (three, (one, two))):
                    value = b"%d" % turn
                    self.assertEqual(writer.ask(storage(b"set", b"k", value)), b"STORED\r\n")
                    for reader in readers:
                        self.assertEqual(reader.values(b"get k"), [(b"k", 0, value, None)])

    def test_large_values_go_round(self):
        ring = self.cluster(3)
        value = os.urandom(1000000)
        for number in range(6):
            self.store(ring[number % 3 + 1], [(b"big-%d" % number, value)])
        for node in ring:
            self.assert_has(node, [(b"big-%d" % number, value) for number in range(6)])

    def test_config_get_cluster_lists_all_members(self):
        ring = self.cluster(3)
        for node in ring:
            said = node.ask(b"config get cluster\r\n").decode()
            for other in ring:
                self.assertIn("%s|%s|%d" % (other.address, other.address, cluster.CLIENT_PORT), said)

    def test_buckets_read_again_by_one_node_are_everybodys(self):
        config = "[bucket default]\nreconcile = siblings\n"
        ring = self.cluster(3, config=config)
        ring[2].write_config(config + "[bucket sessions]\nprefix = session:\nreconcile = lww\n")
        ring[2].process.send_signal(1)  # SIGHUP
        for node in ring:
            wait_until(lambda node=node: any(bucket["name"] == "sessions"
                                             for bucket in node.admin("/config")["buckets"]),
                       "%s to hear of the bucket" % node.name)


class Restarts(cluster.TestCase):
    def test_data_and_ring_survive_the_restart_of_all_nodes(self):
        ring = self.cluster(3)
        self.store(ring[1], PAIRS)
        before = ring[1].admin("/status")["cluster"]
        for end in (ring.stop, ring.kill):
            end()
            ring.start()
            ring.wait_linked()
            self.assertEqual({node.admin("/status")["cluster"] for node in ring}, {before})
            for node in ring:
                self.assert_has(node, PAIRS)

    def test_two_of_three_go_on_while_one_is_away_and_when_it_is_back(self):
        ring = self.cluster(3)
        self.store(ring[1], PAIRS)
        ring[3].stop()
        self.assert_has(ring[1], PAIRS)
        changed = [(key, value + b" again") for key, value in PAIRS]
        self.store(ring[2], changed)
        ring[3].start()
        ring.wait_linked()
        for node in ring:
            self.assert_has(node, changed)

    def test_who_returns_alone_waits_for_nobody_to_be_a_member(self):
        ring = self.cluster(3)
        ring.stop()
        ring[2].start()  # its ring is known from its directory: it serves what it can
        with ring[2].connect() as client:
            self.assertIn(b"SERVER_ERROR", client.ask(storage(b"set", b"k", b"v")))  # w = 2


class Strangers(cluster.TestCase):
    def refused(self, ring, stranger, says):
        stranger.start(wait=False)
        wait_until(lambda: any(b"refused a connection from" in node.log() and says in node.log() for node in ring
                               if node is not stranger), "the refusal to be logged")
        wait_until(lambda: says in stranger.log(), "the stranger to be told")
        self.assertFalse(stranger.serves())
        self.assertEqual(len(ring[1].admin("/status")["members"]), 3)
        stranger.stop()

    def test_another_clusters_node_is_refused_and_logged(self):
        ring = self.cluster(3)
        self.refused(ring, ring.add("--cluster", "other"), b"cluster")

    def test_a_wrong_secret_is_refused_and_logged(self):
        ring = self.cluster(3, secret="correct horse\n")
        self.refused(ring, ring.add("--secret-file", ring.write_secret("wrong", "battery staple\n")), b"secret")

    def test_a_missing_secret_is_refused_and_logged(self):
        ring = self.cluster(3, secret="correct horse\n")
        stranger = ring.add()
        arguments, ring.arguments = ring.arguments, []
        self.refused(ring, stranger, b"secret")
        ring.arguments = arguments

    def test_a_secret_that_others_may_read_is_not_used(self):
        ring = self.cluster(1, seeds=(), start=False)
        path = ring.write_secret("loose", "x")
        os.chmod(path, 0o644)
        result = harness.run(*ring[1].command(), "--secret-file", path, cwd=ring.directory)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"may be read or changed by others", result.stderr)

    def test_what_is_no_node_at_all_is_refused(self):
        ring = self.cluster(3)
        for noise in (b"get a\r\n" * 100, os.urandom(4000), b"\0" * 5000):
            sock = harness.socket.create_connection((ring[1].address, cluster.PEER_PORT), timeout=harness.PATIENCE)
            with harness.Client(sock) as client:
                client.send(noise)
                client.to_end()
        self.store(ring[1], PAIRS[:3])
        self.assertIn(b"refused a connection from", ring[1].log())


class Frozen(cluster.TestCase):
    def test_a_frozen_node_stops_nobody_where_it_does_not_coordinate(self):
        ring = self.cluster(3)
        ring.wait_linked()
        keys = [ring.key_of(node, b"of-%s-" % node.name.encode()) for node in (ring[1], ring[2])]
        pairs = [(key, b"v") for key in keys]
        ring[3].freeze()
        began = time.monotonic()
        for _ in range(20):
            for node in (ring[1], ring[2]):
                self.store(node, pairs)
                self.assert_has(node, pairs)
        self.assertLess(time.monotonic() - began, harness.PATIENCE)
        ring[3].thaw()
        ring.wait_linked()
        self.assert_has(ring[3], pairs)


if __name__ == "__main__":
    cluster.main()
