"""One member of three is silent, or gone, or back: the others go on, and reading repairs what it has missed."""

import signal

import cluster
from harness import storage, wait_until

PAIRS = [(b"key-%d" % number, b"value of %d" % number) for number in range(100)]
REPAIRING = ("--read-all-share", "1")


class QuietMember(cluster.RingCase):
    def store(self, node, pairs):
        with node.connect() as client:
            for key, value in pairs:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n", (node.name, key))

    def assert_has(self, node, pairs):
        with node.connect() as client:
            for key, value in pairs:
                self.assertEqual(client.values(b"get " + key), [(key, 0, value, None)], (node.name, key))

    @staticmethod
    def tokens(ring, key):
        """What each node has of a key, without a client's read: tokens of all its versions."""
        return [replica.get("token") for replica in ring[1].report("key", key.decode())["replicas"]]

    def wait_same(self, ring, pairs):
        for key, _ in pairs:
            wait_until(lambda key=key: len(set(self.tokens(ring, key))) == 1, "all nodes to have %r" % key)

    def test_reads_and_writes_go_on_beside_a_frozen_member_and_reads_repair_it(self):
        ring = self.ring(*REPAIRING)
        pairs = [pair for pair in PAIRS if ring.coordinator(pair[0]) != 3]
        self.store(ring[1], pairs)
        ring[3].freeze()
        changed = [(key, value + b" changed") for key, value in pairs]
        for node in (ring[1], ring[2]):
            self.store(node, changed)
            self.assert_has(node, changed)
        with ring[1].connect() as client:
            key = pairs[0][0]
            self.assertEqual(client.ask(storage(b"set", key, b"0")), b"STORED\r\n")
            self.assertEqual([client.ask(b"incr %s 1\r\n" % key) for _ in range(20)], [b"%d\r\n" % i for i in range(1, 21)])
            self.assertEqual(client.ask(b"delete %s\r\n" % key), b"DELETED\r\n")
            self.assertEqual(client.ask(storage(b"add", key, b"again")), b"STORED\r\n")
        changed[0] = (key, b"again")
        ring[3].thaw()
        ring.wait_whole()
        for node in ring.nodes:
            self.assert_has(node, changed)
        self.wait_same(ring, changed)

    def test_a_killed_member_comes_back_with_its_data_and_is_given_the_rest(self):
        ring = self.ring(*REPAIRING)
        self.store(ring[1], PAIRS)
        self.wait_same(ring, PAIRS)
        ring[3].kill()
        kept, changed = PAIRS[:50], [(key, value + b" changed") for key, value in PAIRS[50:]]
        with ring[1].connect() as client:
            for key, value in changed:
                # The first ones may have been on their way to the dead one; each may be repeated, and later ones succeed.
                wait_until(lambda key=key, value=value: client.ask(storage(b"set", key, value)) == b"STORED\r\n",
                           "a ring of two to take a set")
            for key, value in changed:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")
        for node in (ring[1], ring[2]):
            self.assert_has(node, kept + changed)
        ring.restart(3)
        self.assertIn(b"node3", ring[3].ask(b"stats ring\r\n"))
        # Nothing has been read since: it has what it had, and the others compare their copies with its.
        self.assertEqual({len(set(self.tokens(ring, key))) for key, _ in kept}, {1})
        self.wait_same(ring, changed)
        self.assertEqual(ring.counters("repairs_before_reply")[2] + ring.counters("repairs_after_reply")[2], 0)
        for node in ring.nodes:
            self.assert_has(node, kept + changed)

    def test_a_returned_member_serves_nothing_before_it_has_heard_of_a_flush(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        ring[3].kill()
        wait_until(lambda: ring[1].ask(b"flush_all\r\n") == b"OK\r\n", "the others to flush")
        ring[3].start(wait=False)
        ring[3].wait_ready()
        with ring[3].connect() as client:
            for key, _ in PAIRS:
                # It may still say that too few replicas are up, but nothing flushed is ever shown.
                client.send(b"get %s\r\n" % key)
                self.assertIn(client.line()[:12], (b"END", b"SERVER_ERROR"))
        ring.wait_whole()
        self.assertEqual(ring[3].ask(b"get " + b" ".join(key for key, _ in PAIRS) + b"\r\n"), b"END\r\n")

    def test_clients_of_a_killed_member_are_served_by_the_others_while_it_dies_and_returns(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        with ring[2].connect() as client:
            for death in range(3):
                ring[3].kill()
                failures = 0
                for _ in range(2):
                    for key, value in PAIRS:
                        client.send(b"get %s\r\n" % key)
                        reply = client.line()
                        if reply.startswith(b"SERVER_ERROR"):
                            failures += 1
                            continue
                        self.assertTrue(reply.startswith(b"VALUE " + key), reply)
                        self.assertEqual(client.exactly(len(value) + 2 + 5), value + b"\r\nEND\r\n")
                # Only what was under way to the dead one may fail: one request at a time is.
                self.assertLessEqual(failures, 1, death)
                ring.restart(3)
                self.assert_has(ring[3], PAIRS)

    def test_two_of_three_gone_means_errors_and_no_wrong_answers(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        ring[2].kill(signal.SIGKILL)
        ring[3].kill(signal.SIGKILL)
        with ring[1].connect() as client:
            for key, _ in PAIRS[:10]:
                for command in (b"get %s\r\n" % key, storage(b"set", key, b"lost"), b"incr %s 1\r\n" % key,
                                b"delete %s\r\n" % key):
                    self.assertIn(b"SERVER_ERROR", client.ask(command))
        for number in (2, 3):
            ring[number].start(wait=False)
        for number in (2, 3):
            ring[number].wait_ready()
        ring.wait_whole()
        for node in ring.nodes:
            self.assert_has(node, PAIRS)


if __name__ == "__main__":
    cluster.main()
