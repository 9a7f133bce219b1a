"""A node of a ring is killed, frozen or wiped under load, and comes back: no request fails but those on its own
connections, nothing acknowledged is missing, hints drain and all copies become identical within 30 seconds."""

import os
import random
import shutil
import time

import cluster
from chaos import drain_and_verify
from harness import storage, wait_until
from load import Load

# How long the node is away. The figures for a minute are contrib/bench/outage's.
SECONDS = 60 if os.environ.get("RINGCACHED_LONG") == "1" else 3


class OutageCase(cluster.RingCase):
    def ring(self, *arguments, **options):
        # What counts is who answers, not how fast a machine is that is busy with other tests.
        return super().ring("--request-timeout", "5s", *arguments, **options)

    def healthy(self, load, node):
        """No request has failed; those on the node's own connections are lost with it, or, if it was frozen, answered by
        an error when it goes on."""
        for client in load.clients:
            if client.node is node:
                self.assertLessEqual(len(client.failures), 1, client.failures)
            else:
                self.assertEqual((client.failures, client.lost), ([], 0), client.node.name)

    def away(self, ring, leave, come_back, node=None):
        """Under load the node leaves, is away, and comes back."""
        node = node or ring[3]
        others = [other for other in ring.nodes if other is not node]
        with Load(ring.nodes, self.id().rsplit(".", 1)[-1].encode()[:100]) as load:
            load.wait_requests(50, ring.nodes, "the load to run")
            leave(node)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                load.wait_requests(50, others, "the others to go on")
            self.while_away(ring, node)
            come_back(node)
            load.wait_requests(50, ring.nodes, "the load to run on")
            ring.wait_whole()
            drain_and_verify(ring)
        self.healthy(load, node)
        for one in ring.nodes:
            self.assertEqual(load.problems(one), [])
        return load

    def while_away(self, ring, node):
        pass

    @staticmethod
    def restart(node):
        node.start(wait=False)
        node.wait_ready()

    @staticmethod
    def kill(node):
        node.kill()

    def wipe(self, node):
        node.kill()
        shutil.rmtree(node.data)


class Outage(OutageCase):
    def test_a_killed_node(self):
        self.away(self.ring(), self.kill, self.restart)

    def test_a_frozen_node(self):
        self.away(self.ring(), lambda node: node.freeze(), lambda node: node.thaw())

    def test_a_node_whose_directory_is_lost(self):
        self.away(self.ring(), self.wipe, self.restart)


class Unsteady(OutageCase):
    def test_a_node_that_stands_still_again_and_again(self):
        """For less than a request may take, so that what it had taken on is carried out late."""
        prng = random.Random(1)

        def leave(node):
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                node.freeze()
                time.sleep(0.05 + 0.3 * prng.random())
                node.thaw()
                time.sleep(0.2 * prng.random())
        self.away(self.ring(), leave, lambda node: None)


class StandIns(Outage):
    """In a ring of five each key has two nodes that are no owners: they stand in."""

    def ring(self, *arguments, **options):
        return super().ring(*arguments, count=5, threads=1, **options)

    def while_away(self, ring, node):
        others = [other for other in ring.nodes if other is not node]
        self.assertGreater(sum(int(other.ring_stats()["stand_ins"]) for other in others), 0)
        hints = [owner for other in others for owner in other.report("hints")["owners"] if owner["name"] == node.name]
        self.assertGreater(sum(owner["count"] for owner in hints), 0)
        text = ring[1].ringctl("verify", "0").stdout.decode()
        self.assertRegex(text, r"\n%s +unreachable" % node.name)

    def test_hints_are_kept_over_restarts_of_who_keeps_them(self):
        ring = self.ring()
        node, others = ring[5], ring.nodes[:4]
        node.kill()
        pairs = [(b"key-%d" % number, b"value of %d" % number) for number in range(300)]
        with ring[1].connect() as client:
            for key, value in pairs:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")
        # The last ones are stored after their writes were acknowledged by the owners.
        owed = sum(5 in ring.owners(key) for key, _ in pairs)
        wait_until(lambda: sum(other.report("hints")["count"] for other in others) == owed, "all hints to be kept")
        kept = [other.report("hints")["count"] for other in others]
        for other in others:
            other.kill()
            self.restart(other)
        self.assertEqual([other.report("hints")["count"] for other in others], kept)
        self.restart(node)
        ring.wait_whole()
        drain_and_verify(ring)
        for one in ring.nodes:
            with one.connect() as client:
                for key, value in pairs:
                    self.assertEqual(client.values(b"get " + key), [(key, 0, value, None)], one.name)


if __name__ == "__main__":
    cluster.main()
