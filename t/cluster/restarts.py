"""Rings that are stopped and started, members that are not who they were, and newcomers."""

import os

import cluster
from harness import storage, wait_until

PAIRS = [(b"key-%d" % number, b"value of %d" % number) for number in range(100)]


class Restarts(cluster.RingCase):
    def assert_has_all(self, ring):
        for node in ring.nodes:
            with node.connect() as client:
                for key, value in PAIRS:
                    self.assertEqual(client.values(b"get " + key), [(key, 0, value, None)], node.name)

    def filled(self, *arguments, **options):
        ring = self.ring(*arguments, **options)
        with ring[1].connect() as client:
            for key, value in PAIRS:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")
        return ring

    def test_all_stopped_and_started_in_another_order_have_everything(self):
        ring = self.filled()
        with ring[2].connect() as client:
            token = client.values(b"gets key-1")[0][3]
        table = ring[1].report("ring")
        for order in ((3, 1, 2), (2, 3, 1)):
            for node in ring.nodes:
                node.process.terminate()
            for node in ring.nodes:
                node.stop()
            ring.start(order)
            self.assert_has_all(ring)
            self.assertEqual([node.report("ring") for node in ring.nodes], [table] * 3)
        for node in ring.nodes:
            with node.connect() as client:
                self.assertEqual(client.values(b"gets key-1")[0][3], token)
        self.assertEqual(ring[3].ask(storage(b"cas", b"key-1", PAIRS[1][1], token=token)), b"STORED\r\n")

    def test_all_killed_at_the_same_time_have_everything(self):
        ring = self.filled()
        for node in ring.nodes:
            node.kill()
        ring.start()
        self.assert_has_all(ring)

    def test_another_nodes_directory_is_refused(self):
        ring = self.filled()
        ring[1].stop()
        ring[2].stop()
        ring[1].data, ring[2].data = ring[2].data, ring[1].data
        ring[1].start(wait=False)
        self.assertNotEqual(ring[1].wait(), 0)
        self.assertIn(b"node2", ring[1].log())
        self.assertIn(b"node1", ring[1].log())
        ring[1].data, ring[2].data = ring[2].data, ring[1].data
        ring[1].start(wait=False)
        ring[2].start(wait=False)
        for node in ring.nodes:
            node.wait_ready()
        ring.wait_whole()
        self.assert_has_all(ring)

    def test_a_member_that_has_lost_its_directory_does_not_come_back_as_if_it_had_not(self):
        ring = self.filled()
        ring[3].stop()
        old, ring[3].data = ring[3].data, os.path.join(ring[3].directory, "fresh")
        ring[3].start(wait=False)
        wait_until(lambda: b"does not serve" in ring[3].log() or ring[3].process.poll() is not None, "a refusal to be logged")
        self.assertEqual(ring[1].ask(b"get key-1\r\n"), b"VALUE key-1 0 10\r\nvalue of 1\r\nEND\r\n")
        if ring[3].process.poll() is None:
            ring[3].stop()
        ring[3].data = old
        ring.restart(3)
        self.assert_has_all(ring)


class Newcomers(cluster.RingCase):
    def fourth(self, ring, seeds=None):
        """A node beside the ring; it is among the ring's when it has joined."""
        node = self.node(ring, "node4", seeds=seeds)
        node.start(wait=False)
        node.wait_ports()
        return node

    def joined(self, ring, node):
        node.wait_ready()
        ring.nodes.append(node)
        self.addCleanup(ring.nodes.remove, node)  # it ends by itself, before the ring
        ring.table = None
        for member in ring.nodes:
            wait_until(lambda member=member: member.ring_stats()["members"] == "4", "%s to know of four" % member.name)
        ring.wait_whole()
        for coordinator in range(1, 5):
            key = ring.key_of(coordinator)
            for asked in ring.nodes:
                value = b"by %s" % asked.name.encode()
                self.assertEqual(asked.ask(storage(b"set", key, value)), b"STORED\r\n")
                for reader in ring.nodes:
                    self.assertEqual(reader.ask(b"get %s\r\n" % key), b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value))
        rows = [len(row) for row in ring[1].report("ring")["owners"]]
        self.assertEqual(set(rows), {3})
        status = ring[4].report("status")["members"]
        self.assertTrue(all(abs(member["ownership"] - 25) < 1 for member in status), status)

    def test_a_fourth_node_with_seeds_joins_an_empty_ring_by_itself(self):
        ring = self.ring()
        self.joined(ring, self.fourth(ring, ring.seeds))

    def test_an_administrator_takes_a_fourth_node_into_an_empty_ring(self):
        ring = self.ring()
        node = self.fourth(ring)
        result = ring[2].ringctl("join", "%s:%d" % (cluster.HOST, node.ports["peer"]))
        self.assertEqual((result.returncode, result.stderr), (0, b""), result)
        self.joined(ring, node)

    def test_a_ring_with_data_refuses_a_fourth_node_and_says_why(self):
        ring = self.ring()
        self.assertEqual(ring[1].ask(storage(b"set", b"k", b"v")), b"STORED\r\n")
        node = self.fourth(ring, ring.seeds)
        wait_until(lambda: b"this ring has data" in node.log(), "the newcomer to be told")
        result = ring[3].ringctl("join", "%s:%d" % (cluster.HOST, node.ports["peer"]))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"this ring has data", result.stderr)
        for member in ring.nodes:
            self.assertEqual(member.ring_stats()["members"], "3")
            self.assertEqual(member.ask(b"get k\r\n"), b"VALUE k 0 1\r\nv\r\nEND\r\n")
        node.stop()


if __name__ == "__main__":
    cluster.main()
