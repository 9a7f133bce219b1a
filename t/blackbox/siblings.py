"""Siblings on the wire: what clients see of keys with several versions, in each dialect, and how they resolve them."""

import os
import re

import harness
import wire
from harness import storage

CONFIG = """
[bucket default]
durability = committed

[bucket carts]
prefix = cart:
reconcile = siblings
stale-cas = sibling
multi-value = on
max-siblings = 5

[bucket quiet]
prefix = quiet:
reconcile = siblings
stale-cas = sibling
multi-value = off

[bucket sessions]
prefix = session:
reconcile = lww
"""
SIBLINGS = 0xe0  # ringcached's own binary opcode


class Siblings(harness.SharedServerCase):
    options = {"config": CONFIG}

    def cart(self, prefix=b"cart:"):
        return prefix + self.key()

    def make(self, key, *values, first=b"base"):
        """Siblings with these values, in this order of age, all made with the token of `first`. Returns that token."""
        self.assertEqual(self.client.ask(storage(b"set", key, first)), b"STORED\r\n")
        (_, _, value, token), = self.client.values(b"gets " + key)
        self.assertEqual(value, first)
        for value in values:
            self.assertEqual(self.client.ask(storage(b"cas", key, value, token=token)), b"STORED\r\n")
        return token

    def test_two_cas_with_one_token_make_two_siblings(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        found = self.client.values(b"gets " + key)
        self.assertEqual([value for _, _, value, _ in found], [b"milk", b"bread"])

    def test_gets_shows_all_siblings_under_one_token(self):
        key = self.cart()
        old = self.make(key, b"milk", b"bread", b"eggs")
        tokens = {token for _, _, _, token in self.client.values(b"gets " + key)}
        self.assertEqual(len(tokens), 1)
        token = int(tokens.pop())
        self.assertNotEqual(token, int(old))
        self.assertTrue(1 <= token <= 2 ** 63 - 2, token)

    def test_cas_with_the_new_token_resolves(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        token = self.client.values(b"gets " + key)[0][3]
        self.assertEqual(self.client.ask(storage(b"cas", key, b"milk bread", token=token)), b"STORED\r\n")
        found = self.client.values(b"gets " + key)
        self.assertEqual([value for _, _, value, _ in found], [b"milk bread"])
        self.assertNotEqual(found[0][3], token)

    def test_a_token_seen_before_a_sibling_came_does_not_erase_it(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        token = self.client.values(b"gets " + key)[0][3]
        first = self.client.ask(storage(b"cas", key, b"both", token=token))
        second = self.client.ask(storage(b"cas", key, b"other", token=token))
        self.assertEqual((first, second), (b"STORED\r\n", b"STORED\r\n"))
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"both", b"other"])

    def test_get_shows_the_newest_alone(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.values(b"get " + key), [(key, 0, b"bread", None)])

    def test_gats_shows_all_and_gat_the_newest(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gats 1050 " + key)], [b"milk", b"bread"])
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gat 1050 " + key)], [b"bread"])

    def test_asking_again_gets_the_next_sibling(self):
        key = self.cart()
        self.make(key, b"milk", b"bread", b"eggs")
        found = self.client.values(b"get " + b" ".join([key] * 5))
        # Newest first; mentions past the last answer the newest again.
        self.assertEqual([value for _, _, value, _ in found], [b"eggs", b"bread", b"milk", b"eggs", b"eggs"])

    def test_asking_again_counts_each_key_for_itself(self):
        one, two = self.cart() + b"1", self.cart() + b"2"
        self.make(one, b"a", b"b")
        self.make(two, b"c", b"d")
        found = self.client.values(b"get " + b" ".join([one, two, one, two, b"absent", one]))
        self.assertEqual([value for _, _, value, _ in found], [b"b", b"d", b"a", b"c", b"b"])

    def test_asking_again_ends_with_the_line(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.client.send(b"get %s\r\nget %s\r\n" % (key, key))
        self.assertEqual(self.client.until(b"END\r\n"), self.client.until(b"END\r\n"))

    def test_asking_again_works_where_gets_shows_one(self):
        key = self.cart(b"quiet:")
        self.make(key, b"milk", b"bread")
        found = self.client.values(b"gets " + key)
        self.assertEqual([value for _, _, value, _ in found], [b"bread"])
        found = self.client.values(b"gets %s %s" % (key, key))
        self.assertEqual([value for _, _, value, _ in found], [b"bread", b"milk"])

    def test_a_token_of_one_shown_sibling_does_not_erase_the_unseen(self):
        # Where one value of several is shown and stale cas makes siblings, the token covers only what was shown.
        key = self.cart(b"quiet:")
        self.make(key, b"milk", b"bread")
        (_, _, value, token), = self.client.values(b"gets " + key)
        self.assertEqual(value, b"bread")
        self.assertEqual(self.client.ask(storage(b"cas", key, b"rye", token=token)), b"STORED\r\n")
        found = self.client.values(b"gets %s %s %s" % (key, key, key))
        self.assertEqual([value for _, _, value, _ in found][:2], [b"rye", b"milk"])

    def test_an_unknown_token_is_refused(self):
        key = self.cart()
        self.make(key, b"milk")
        self.assertEqual(self.client.ask(storage(b"cas", key, b"x", token=b"12345")), b"EXISTS\r\n")

    def test_a_cas_of_nothing_is_not_found(self):
        self.assertEqual(self.client.ask(storage(b"cas", self.cart(), b"x", token=b"12345")), b"NOT_FOUND\r\n")

    def test_max_siblings_is_a_limit(self):
        key = self.cart()
        token = self.make(key)
        replies = [self.client.ask(storage(b"cas", key, b"%d" % i, token=token)) for i in range(8)]
        self.assertEqual(replies, [b"STORED\r\n"] * 5 + [b"EXISTS\r\n"] * 3)
        self.assertEqual(len(self.client.values(b"gets " + key)), 5)

    def test_set_overwrites_all_siblings(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.ask(storage(b"set", key, b"new")), b"STORED\r\n")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"new"])

    def test_delete_deletes_all_siblings(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.ask(b"delete %s\r\n" % key), b"DELETED\r\n")
        self.assertEqual(self.client.values(b"gets %s %s" % (key, key)), [])

    def test_gets_shows_what_lives_beside_a_delete(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        newest = self.client.ask(b"mg %s c\r\n" % key).split(b" c")[1].strip()
        self.assertEqual(self.client.ask(b"md %s C%s\r\n" % (key, newest)), b"HD\r\n")
        self.assertEqual(self.client.values(b"get " + key), [])
        (_, _, value, token), = self.client.values(b"gets " + key)
        self.assertEqual(value, b"milk")
        self.assertEqual(self.client.ask(storage(b"cas", key, b"eggs", token=token)), b"STORED\r\n")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"eggs"])
        self.assertEqual([value for _, _, value, _ in self.client.values(b"get " + key)], [b"eggs"])

    def test_append_acts_on_the_newest_and_resolves(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.ask(storage(b"append", key, b"+")), b"STORED\r\n")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"bread+"])

    def test_incr_acts_on_the_newest_and_resolves(self):
        key = self.cart()
        self.make(key, b"10", b"20")
        self.assertEqual(self.client.ask(b"incr %s 5\r\n" % key), b"25\r\n")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"25"])

    def test_touch_keeps_siblings_and_token(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        before = self.client.values(b"gets " + key)
        self.assertEqual(self.client.ask(b"touch %s 1050\r\n" % key), b"TOUCHED\r\n")
        self.assertEqual(self.client.values(b"gets " + key), before)

    def test_each_sibling_keeps_its_flags(self):
        key = self.cart()
        token = self.make(key)
        self.client.ask(storage(b"cas", key, b"a", flags=1, token=token))
        self.client.ask(storage(b"cas", key, b"b", flags=2, token=token))
        self.assertEqual([flags for _, flags, _, _ in self.client.values(b"gets " + key)], [1, 2])

    def test_default_bucket_refuses_a_stale_cas(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"1"))
        token = self.client.values(b"gets " + key)[0][3]
        replies = [self.client.ask(storage(b"cas", key, value, token=token)) for value in (b"2", b"3")]
        self.assertEqual(replies, [b"STORED\r\n", b"EXISTS\r\n"])
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"2"])

    def test_in_last_write_wins_the_later_wins_and_a_stale_cas_is_refused(self):
        key = b"session:" + self.key()
        self.client.ask(storage(b"set", key, b"1"))
        token = self.client.values(b"gets " + key)[0][3]
        self.client.ask(storage(b"set", key, b"2"))
        self.assertEqual(self.client.ask(storage(b"cas", key, b"3", token=token)), b"EXISTS\r\n")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"2"])

    def test_the_token_changes_with_every_write(self):
        key = self.cart()
        tokens = set()
        for value in (b"a", b"a", b"b"):
            self.client.ask(storage(b"set", key, value))
            tokens.add(self.client.values(b"gets " + key)[0][3])
        self.assertEqual(len(tokens), 3)

    # Meta.

    def test_meta_counts_siblings(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.ask(b"mg %s n\r\n" % key), b"HD n2\r\n")

    def test_meta_picks_a_sibling(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.ask(b"mg %s v p0\r\n" % key, b"bread\r\n"), b"VA 5\r\nbread\r\n")
        self.assertEqual(self.client.ask(b"mg %s v p1\r\n" % key, b"milk\r\n"), b"VA 4\r\nmilk\r\n")
        self.assertEqual(self.client.ask(b"mg %s v p2\r\n" % key), b"EN\r\n")

    def test_meta_get_shows_the_newest(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        self.assertEqual(self.client.ask(b"mg %s v\r\n" % key, b"bread\r\n"), b"VA 5\r\nbread\r\n")

    def test_meta_set_with_a_stale_token_makes_a_sibling(self):
        key = self.cart()
        token = self.make(key, b"milk")
        self.assertEqual(self.client.ask(b"ms %s 5 C%s\r\nbread\r\n" % (key, token)), b"HD\r\n")
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"milk", b"bread"])

    # Binary.

    def binary(self, *packets):
        with self.shared.connect() as client:
            client.send(b"".join(packets) + wire.packet(wire.NOOP, opaque=0xffff))
            replies = []
            while not replies or replies[-1].opcode != wire.NOOP:
                replies.append(wire.read_reply(client))
            return replies[:-1]

    def test_binary_get_shows_one_packet(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        replies = self.binary(wire.packet(wire.GET, key))
        self.assertEqual([reply.value for reply in replies], [b"bread"])

    def test_a_quiet_run_shows_the_siblings_in_turn(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        replies = self.binary(*[wire.packet(wire.GETQ, key, opaque=i) for i in range(3)])
        self.assertEqual([(reply.opaque, reply.value) for reply in replies], [(0, b"bread"), (1, b"milk"), (2, b"bread")])
        replies = self.binary(*[wire.packet(wire.GETKQ, key, opaque=i) for i in range(2)])
        self.assertEqual([(reply.key, reply.value) for reply in replies], [(key, b"bread"), (key, b"milk")])

    def test_a_noop_ends_a_quiet_run(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        replies = self.binary(wire.packet(wire.GETQ, key), wire.packet(wire.GETQ, b"none"))
        self.assertEqual([reply.value for reply in replies], [b"bread"])
        self.client.close()
        self.client = self.shared.connect()
        self.client.send(wire.packet(wire.GETQ, key) + wire.packet(wire.NOOP) + wire.packet(wire.GETQ, key)
                         + wire.packet(wire.NOOP))
        values = [wire.read_reply(self.client).value for _ in range(4)]
        self.assertEqual(values, [b"bread", b"", b"bread", b""])

    def test_own_opcode_shows_all_siblings(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        replies = self.binary(wire.packet(SIBLINGS, key, opaque=77))
        self.assertEqual([reply.value for reply in replies], [b"bread", b"milk", b""])
        self.assertEqual({reply.opaque for reply in replies}, {77})
        self.assertEqual(len({reply.cas for reply in replies[:-1]}), 1)
        self.assertEqual([reply.value for reply in self.binary(wire.packet(SIBLINGS, b"absent"))], [b""])

    def test_binary_replace_with_a_stale_token_makes_a_sibling(self):
        key = self.cart()
        token = int(self.make(key, b"milk"))
        reply, = self.binary(wire.store(wire.REPLACE, key, b"bread", cas=token))
        self.assertEqual(reply.status, 0)
        self.assertEqual([value for _, _, value, _ in self.client.values(b"gets " + key)], [b"milk", b"bread"])

    # For people.

    def test_stats_siblings_tells_of_each_version(self):
        key = self.cart()
        self.make(key, b"milk", b"bread")
        lines = self.client.ask(b"stats siblings %s\r\n" % key, b"END\r\n").split(b"\r\n")
        versions = [line for line in lines if b" version " in line]
        self.assertEqual(len(versions), 2, lines)
        for word in (b"node", b"counter", b"time_ms", b"size", b"holder"):
            self.assertTrue(all(b" %s " % word in line for line in versions), lines)
        self.assertEqual(sorted(line.split(b" size ")[1].split()[0] for line in versions), [b"4", b"5"])
        # One token stands for both, the one that gets shows.
        token = self.client.values(b"gets " + key)[0][3]
        self.assertIn(token, b" ".join(lines))

    def test_siblings_survive_a_kill(self):
        with harness.Server(config=CONFIG) as server:
            with server.connect() as self.client:
                self.make(b"cart:1", b"milk", b"bread")
                before = self.client.values(b"gets cart:1")
            server.kill()
            server.start()
            with server.connect() as client:
                self.assertEqual(client.values(b"gets cart:1"), before)
                # The table of tokens is gone, the token still equals the fingerprint of what is there.
                self.assertEqual(client.ask(storage(b"cas", b"cart:1", b"all", token=before[0][3])), b"STORED\r\n")
                self.assertEqual([value for _, _, value, _ in client.values(b"gets cart:1")], [b"all"])


class Documented(harness.TestCase):
    def test_the_opcode_and_the_flags_are_documented(self):
        with open(os.path.join(harness.TREE, "docs", "protocol.md"), encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(re.search(r"0x[eE]0", text))


if __name__ == "__main__":
    harness.main()
