"""Cas tokens and siblings across the nodes of a ring: what one node gives, every node takes."""

import itertools
import os
import signal

import cluster
import wire
from harness import storage, wait_until

CONFIG = """
[bucket carts]
prefix = cart:
stale-cas = sibling
multi-value = on
"""
NODES = (1, 2, 3)


class Tokens(cluster.SharedRingCase):
    options = {"config": CONFIG}

    def setUp(self):
        self.clients = {}
        for number in NODES:
            self.clients[number] = self.shared[number].connect()
            self.addCleanup(self.clients[number].close)

    def gets(self, key, number):
        """Values and the one token."""
        found = self.clients[number].values(b"gets " + key)
        tokens = {token for _, _, _, token in found}
        self.assertEqual(len(tokens), 1, found)
        return sorted(value for _, _, value, _ in found), tokens.pop()

    def everywhere(self, key):
        """The same by all nodes: values and token."""
        said = [self.gets(key, number) for number in NODES]
        self.assertEqual(said, [said[0]] * 3)
        return said[0]

    def test_all_nodes_give_the_same_token_for_the_same_versions(self):
        for coordinator in NODES:
            for prefix in (b"", b"cart:"):
                key = self.shared.key_of(coordinator, prefix + self.stem())
                seen = set()
                for writer in NODES:
                    self.clients[writer].ask(storage(b"set", key, b"%d" % writer))
                    values, token = self.everywhere(key)
                    self.assertEqual(values, [b"%d" % writer])
                    for number in NODES:
                        client = self.clients[number]
                        self.assertEqual(client.ask(b"mg %s c\r\n" % key), b"HD c%s\r\n" % token)
                        with self.shared[number].connect() as binary:
                            binary.send(wire.packet(wire.GET, key))
                            self.assertEqual(wire.read_reply(binary).cas, int(token))
                    seen.add(token)
                self.assertEqual(len(seen), 3)

    def test_a_token_of_one_node_is_good_at_every_other_and_stale_after(self):
        for coordinator, reader, writer in itertools.product(NODES, NODES, NODES):
            key = self.shared.key_of(coordinator, self.stem())
            self.clients[1].ask(storage(b"set", key, b"old"))
            _, token = self.gets(key, reader)
            write = storage(b"cas", key, b"new", token=token)
            self.assertEqual(self.clients[writer].ask(write), b"STORED\r\n")
            for number in NODES:
                self.assertEqual(self.clients[number].ask(write), b"EXISTS\r\n")
                self.assertEqual(self.clients[number].ask(b"md %s C%s\r\n" % (key, token)), b"EX\r\n")
            self.assertEqual(self.everywhere(key)[0], [b"new"])

    def test_touch_keeps_the_token_on_all_nodes(self):
        for coordinator, toucher in itertools.product(NODES, NODES):
            key = self.shared.key_of(coordinator, self.stem())
            self.clients[1].ask(storage(b"set", key, b"v"))
            _, token = self.everywhere(key)
            self.assertEqual(self.clients[toucher].ask(b"touch %s 1000\r\n" % key), b"TOUCHED\r\n")
            self.assertEqual(self.everywhere(key)[1], token)
            for number in NODES:
                self.assertIn(int(self.clients[number].ask(b"mg %s t\r\n" % key)[4:-2]), range(900, 1001))

    def test_siblings_of_three_nodes_are_every_nodes_and_one_cas_resolves_them(self):
        for coordinator, resolver in itertools.product(NODES, NODES):
            key = self.shared.key_of(coordinator, b"cart:" + self.stem())
            self.clients[1].ask(storage(b"set", key, b"base"))
            _, base = self.gets(key, 2)
            for number in NODES:
                self.assertEqual(self.clients[number].ask(storage(b"cas", key, b"by %d" % number, token=base)), b"STORED\r\n")
            values, token = self.everywhere(key)
            self.assertEqual(values, [b"by 1", b"by 2", b"by 3"])
            self.assertNotEqual(token, base)
            self.assertEqual(self.clients[resolver].ask(storage(b"cas", key, b"all", token=token)), b"STORED\r\n")
            values, last = self.everywhere(key)
            self.assertEqual(values, [b"all"])
            # The base token has been superseded: it makes a sibling of what it does not cover, wherever it is used.
            self.assertEqual(self.clients[resolver % 3 + 1].ask(storage(b"cas", key, b"late", token=base)), b"STORED\r\n")
            self.assertEqual(self.everywhere(key)[0], [b"all", b"late"])
            self.assertNotEqual(self.everywhere(key)[1], last)

    def test_deletes_and_adds_of_one_key_alternate_through_all_nodes(self):
        for coordinator in NODES:
            key = self.shared.key_of(coordinator, self.stem())
            for turn in range(30):
                first, second = self.clients[turn % 3 + 1], self.clients[(turn + 1) % 3 + 1]
                self.assertEqual(first.ask(storage(b"add", key, b"%d" % turn)), b"STORED\r\n")
                self.assertEqual(second.ask(storage(b"add", key, b"no")), b"NOT_STORED\r\n")
                self.assertEqual(self.everywhere(key)[0], [b"%d" % turn])
                self.assertEqual(second.ask(b"delete %s\r\n" % key), b"DELETED\r\n")
                self.assertEqual(first.ask(b"delete %s\r\n" % key), b"NOT_FOUND\r\n")
                self.assertEqual(first.values(b"get " + key), [])


class Reloads(cluster.RingCase):
    def test_a_bucket_that_one_node_reads_anew_is_every_nodes(self):
        ring = self.ring(config="[bucket default]\nstale-cas = exists\n")
        ring[2].write_config("[bucket default]\nstale-cas = sibling\n")
        os.kill(ring[2].process.pid, signal.SIGHUP)
        for number in NODES:
            key = ring.key_of(number)

            def makes_siblings(key=key, number=number):
                with ring[number].connect() as client:
                    client.ask(storage(b"set", key, b"1"))
                    token = client.values(b"gets " + key)[0][3]
                    return [client.ask(storage(b"cas", key, b"2", token=token)) for _ in range(2)] == [b"STORED\r\n"] * 2
            wait_until(makes_siblings, "node %d to have the new setting" % number)


if __name__ == "__main__":
    cluster.main()
