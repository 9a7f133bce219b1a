"""Two halves of a ring are cut apart and both go on writing the same cart: nothing is lost, and the client's merge counts on
all nodes. The links go through a wall (wall.py), so this needs no privileges."""

import time

import cluster
from harness import storage, wait_until

CONFIG = """
[bucket carts]
prefix = cart:
r = 1
w = 1
stale-cas = sibling
multi-value = on
"""
SESSIONS = """
[bucket sessions]
prefix = session:
r = 1
w = 1
reconcile = lww
"""


class Halves(cluster.RingCase):
    def halved(self, config=CONFIG, alone=1, **options):
        """A ring, and a cart of node `alone`'s that all nodes have, before the cut."""
        ring = self.ring("--read-all-share", options.pop("share", "1"), walled=True, config=config)
        stem = config.split("prefix = ")[1].split()[0].encode()
        key = ring.key_of(alone, stem)
        self.assertEqual(ring[1].ask(storage(b"set", key, b"base")), b"STORED\r\n")
        wait_until(lambda: self.versions(ring, key) == [1] * 3, "all nodes to have the cart")
        return ring, key

    @staticmethod
    def versions(ring, key):
        """How many live versions each node has, without a client's read; None where all do not agree on which."""
        replicas = ring[1].report("key", key.decode())["replicas"]
        tokens = {replica.get("token") for replica in replicas}
        counts = [sum(version["state"] == "live" for version in replica.get("versions", ())) for replica in replicas]
        return counts if len(tokens) == 1 else None

    def cut(self, ring, alone):
        """Between node `alone` and the two others, and until all of them know."""
        ring.wall.cut([ring[alone].name], [node.name for number, node in enumerate(ring.nodes, 1) if number != alone])
        for number in range(1, len(ring.nodes) + 1):
            links = 0 if number == alone else ring.threads + 1
            wait_until(lambda number=number, links=links: int(ring[number].ring_stats()["links"]) == links,
                       "node %d to notice the cut" % number)

    def heal(self, ring):
        ring.wall.heal()
        ring.wait_whole()

    def held(self, node, key):
        with node.connect() as client:
            return sorted(value for _, _, value, _ in client.values(b"gets " + key))

    def carts(self, node, key):
        with node.connect() as client:
            found = client.values(b"gets " + key)
        tokens = {token for _, _, _, token in found}
        self.assertEqual(len(tokens), 1, found)
        return sorted(value for _, _, value, _ in found), tokens.pop()

    def write(self, ring, half, key, value):
        """Through the first node of a half. With r = w = 1 the others of the half have it a moment later."""
        self.assertEqual(ring[half[0]].ask(storage(b"set", key, value)), b"STORED\r\n")
        for number in half:
            wait_until(lambda number=number: self.held(ring[number], key) == [value], "the half to have it")

    def test_both_halves_take_writes_and_both_carts_are_there_after_healing_and_one_read(self):
        for alone in (1, 3):
            for reader in (1, 2):
                with self.subTest(alone=alone, reader=reader):
                    ring, key = self.halved(alone=alone)
                    self.cut(ring, alone)
                    other = alone % 3 + 1
                    self.write(ring, [alone], key, b"milk")
                    self.write(ring, [other, 6 - alone - other], key, b"bread")
                    self.heal(ring)
                    self.carts(ring[reader], key)  # the one read
                    wait_until(lambda ring=ring, key=key: self.versions(ring, key) == [2] * 3,
                               "all nodes to have both siblings")
                    self.merge_counts_everywhere(ring, key)
                    ring.end(False)

    def merge_counts_everywhere(self, ring, key):
        seen = {tuple([tuple(values), token]) for values, token in (self.carts(node, key) for node in ring.nodes)}
        self.assertEqual(len(seen), 1, seen)  # the same siblings under the same token
        values, token = seen.pop()
        self.assertEqual(values, (b"bread", b"milk"))
        merge = storage(b"cas", key, b"bread milk", token=token)
        self.assertEqual(ring[2].ask(merge), b"STORED\r\n")
        wait_until(lambda: self.versions(ring, key) == [1] * 3, "the merge to be on all nodes")
        for node in ring.nodes:
            self.assertEqual(self.carts(node, key)[0], [b"bread milk"])
        # The token of what is gone makes a sibling, as the bucket says, and no more than one.
        self.assertEqual(ring[3].ask(merge), b"STORED\r\n")
        wait_until(lambda: self.versions(ring, key) == [2] * 3, "all nodes to have one sibling more")

    def test_carts_that_are_more_than_an_object_may_be_together_are_read_and_merged_everywhere(self):
        ring = self.ring("-I", "256k", "--max-object-bytes", "256k", walled=True, config=CONFIG)
        key = ring.key_of(1, b"cart:")
        carts = [b"milk" * 50000, b"wine" * 50000]
        self.cut(ring, 1)
        self.write(ring, [1], key, carts[0])
        self.write(ring, [2, 3], key, carts[1])
        self.heal(ring)
        for node in ring.nodes:
            wait_until(lambda node=node: self.held(node, key) == carts, "both carts at node " + node.name)
        wait_until(lambda: self.versions(ring, key) == [2] * 3, "all nodes to have both carts")
        merge = storage(b"cas", key, b"milk wine", token=self.carts(ring[3], key)[1])
        self.assertEqual(ring[3].ask(merge), b"STORED\r\n")
        wait_until(lambda: self.versions(ring, key) == [1] * 3, "the merge to be on all nodes")
        for node in ring.nodes:
            self.assertEqual(self.carts(node, key)[0], [b"milk wine"])
            self.assertNotIn(b"damaged", node.log())

    def test_without_a_quorum_the_smaller_half_refuses_and_changes_nothing(self):
        ring, _ = self.halved()
        keys = [ring.key_of(number, b"plain") for number in (1, 2, 3)]
        for key in keys:
            self.assertEqual(ring[1].ask(storage(b"set", key, b"1")), b"STORED\r\n")
        self.cut(ring, 1)
        for key in keys:
            for command in (storage(b"set", key, b"lost"), storage(b"add", key, b"lost"), storage(b"append", key, b"lost"),
                            b"incr %s 1\r\n" % key, b"delete %s\r\n" % key, b"touch %s 1000\r\n" % key, b"get %s\r\n" % key):
                self.assertIn(b"SERVER_ERROR", ring[1].ask(command), command)
            self.assertEqual(ring[2].ask(b"incr %s 1\r\n" % key), b"2\r\n")
        self.heal(ring)
        for key in keys:
            for node in ring.nodes:
                self.assertEqual(node.ask(b"get %s\r\n" % key), b"VALUE %s 0 1\r\n2\r\nEND\r\n" % key)

    def test_the_newest_write_of_both_halves_wins_where_the_bucket_says_so(self):
        ring, key = self.halved(config=SESSIONS)
        self.cut(ring, 1)
        self.write(ring, [2, 3], key, b"older")
        self.write(ring, [1], key, b"newer")
        self.heal(ring)
        self.carts(ring[3], key)
        wait_until(lambda: self.versions(ring, key) == [1] * 3, "all nodes to have one version")
        for node in ring.nodes:
            self.assertEqual(self.carts(node, key)[0], [b"newer"])

    def test_a_delete_in_one_half_stays_beside_a_write_in_the_other(self):
        ring, key = self.halved()
        self.cut(ring, 1)
        # It cannot ask the others, and goes on with what is there: a cart can always be written.
        self.assertEqual(ring[1].ask(b"delete %s\r\n" % key), b"DELETED\r\n")
        time.sleep(0.01)  # the clocks of the halves count milliseconds, and the newest version decides
        self.write(ring, [2, 3], key, b"bread")
        self.heal(ring)
        ring[1].ask(b"get %s\r\n" % key)  # r is 1: perhaps still a miss
        wait_until(lambda: self.versions(ring, key) == [1] * 3, "all nodes to have the cart")
        for node in ring.nodes:
            self.assertEqual(self.carts(node, key)[0], [b"bread"])


if __name__ == "__main__":
    cluster.main()
