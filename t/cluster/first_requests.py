"""Whoever may connect is served: a node opens its port for clients when its links to the others are there."""

import time

import cluster
import harness
from harness import storage

CONNECTIONS = 6  # more than a node has loops: each loop has some of them


class Case(cluster.RingCase):
    def first_answers(self, node):
        """What each of several connections is told, which are made as soon as the port takes them."""
        node.wait_ready()
        clients = [node.connect() for _ in range(CONNECTIONS)]
        try:
            return [client.ask(storage(b"set", b"%s-%d-%d" % (node.name.encode(), node.starts, number), b"value"))
                    for number, client in enumerate(clients)]
        finally:
            for client in clients:
                client.close()

    def assert_served(self, node):
        self.assertEqual(self.first_answers(node), [b"STORED\r\n"] * CONNECTIONS, node.log().decode("utf-8", "replace"))


class First(Case):
    def test_first_requests_after_founding_are_served(self):
        for count in (2, 3, 5):
            with self.subTest(count=count), cluster.Ring(count=count, start=False) as ring:
                for node in ring.nodes:
                    node.start(wait=False)
                for node in ring.nodes:
                    self.assert_served(node)

    def test_first_requests_after_a_restart_are_served(self):
        ring = self.ring()
        for number in (1, 2, 3, 2):
            ring[number].stop()
            ring[number].start(wait=False)
            self.assert_served(ring[number])

    def test_first_requests_after_all_have_restarted_are_served(self):
        ring = self.ring()
        for node in ring.nodes:
            node.stop()
        for node in ring.nodes:
            node.start(wait=False)
        for node in ring.nodes:
            self.assert_served(node)

    def test_a_node_whose_peer_is_down_serves_when_the_others_suffice(self):
        ring = self.ring()
        ring[3].stop()
        ring[1].stop()
        ring[1].start(wait=False)
        self.assert_served(ring[1])
        self.assertIn(b"1 of the other members cannot be reached", ring[1].log())

    def test_a_node_whose_peers_are_all_down_answers_with_errors(self):
        ring = self.ring()
        for node in ring.nodes:
            node.stop()
        began = time.monotonic()
        ring[1].start(wait=False)
        answers = self.first_answers(ring[1])
        for answer in answers:
            self.assertTrue(answer.startswith(b"SERVER_ERROR "), answers)
        self.assertLess(time.monotonic() - began, harness.PATIENCE)

    def test_ringctl_tells_that_a_member_does_not_serve_yet(self):
        ring = self.ring()
        for node in ring.nodes:
            node.stop()
        ring[1].start(wait=False)
        said = ""
        while "connections to the other members" not in said:
            said = ring[1].report("status")["waits_for"]
        ring[1].wait_ready()
        self.assertEqual(ring[1].report("status")["waits_for"], "")


if __name__ == "__main__":
    cluster.main()
