"""Any node answers for any key: the same bytes from the key's coordinator, from every other node, and from memcached."""

import itertools

import cluster
import pairs
import wire
from harness import storage

import differential

# Scripts of t/blackbox/differential.py in which each command of each dialect occurs, with its quiet form.
TEXT = ["set and get", "an empty value", "verbs that store", "cas", "touch keeps the token", "incr and decr",
        "incr of what is no number", "incr and decr of nothing", "incr of a value with flags", "delete", "touch and gat",
        "expiry at once", "noreply", "values that look like replies", "flush_all"]
META = ["mn", "mg of nothing", "mg with each flag", "hit before", "ms with each mode", "append to nothing with vivify",
        "ms with a token", "md", "md with a token", "stale"]
BINARY = ["cas", "arithmetic", "arithmetic with a token", "touch and gat", "flush", "noop and version"]
NODES = (1, 2, 3)


class AnyNode(cluster.SharedRingCase):
    prefixes = itertools.count(1)

    def prefix_of(self, number):
        """A prefix that makes this node the coordinator of the scripts' first key."""
        while True:
            prefix = b"a%08d" % next(self.prefixes)
            if self.shared.coordinator(differential.A.replace(pairs.PREFIX, prefix)) == number:
                return prefix

    def agree(self, scripts, names, is_binary=False):
        reference = pairs.reference_server(self)
        for name in names:
            script = scripts[name]
            ours = pairs.Run(reference, pairs.run_number(), is_binary)
            expected = [ours.step(commands, pairs.ONE_BY_ONE) for commands in script]
            for coordinator, asked in itertools.product(NODES, NODES):
                with self.subTest(script=name, coordinator=coordinator, asked=asked):
                    theirs = pairs.Run(self.shared[asked], self.prefix_of(coordinator), is_binary)
                    self.assertEqual([theirs.step(commands) for commands in script], expected)

    def test_text_commands_are_answered_alike_by_all_nodes_and_memcached(self):
        self.agree(differential.TEXT, TEXT)

    def test_meta_commands_are_answered_alike_by_all_nodes_and_memcached(self):
        self.agree(differential.META, META)

    def test_binary_commands_are_answered_alike_by_all_nodes_and_memcached(self):
        quiet = [name for name in differential.BINARY if "quiet" in name]
        self.assertNotEqual(quiet, [])
        self.agree(differential.BINARY, BINARY + quiet + ["set and get"], True)

    def test_one_retrieval_may_name_keys_of_all_coordinators(self):
        keys = [self.shared.key_of(number, b"%s.%d.%d" % (self.stem()[-20:], number, i)) for i in range(20) for number in NODES]
        for at, key in enumerate(keys):
            if at % 10 != 9:  # some are missing
                self.assertEqual(self.shared[at % 3 + 1].ask(storage(b"set", key, b"value %d" % at, flags=at)), b"STORED\r\n")
        text = b"get " + b" ".join(keys) + b"\r\n"
        requests = [text, b"gets" + text[3:], b"gat 0" + text[3:], b"".join(b"mg %s v f k q O%d c\r\n" % (key, at)
                                                                         for at, key in enumerate(keys)) + b"mn\r\n",
                    b"".join(wire.packet(wire.GETKQ, key, opaque=at) for at, key in enumerate(keys)) + wire.packet(wire.NOOP)]
        for request in requests:
            said = {self.shared[number].ask(request) for number in NODES}
            self.assertEqual(len(said), 1, request[:20])
            said = said.pop()
            for at in range(len(keys)):
                self.assertEqual((b"value %d" % at) in said, at % 10 != 9)

    def test_an_item_set_through_one_node_is_there_through_all_others(self):
        with self.shared[1].connect() as one, self.shared[2].connect() as two, self.shared[3].connect() as three:
            for writer, turn in itertools.product((one, two, three), range(60)):
                key, value = b"%s.%d" % (self.stem()[-20:], turn), b"%d %d" % (id(writer), turn)
                self.assertEqual(writer.ask(storage(b"set", key, value)), b"STORED\r\n")
                for reader in (three, two, one):
                    self.assertEqual(reader.values(b"get " + key), [(key, 0, value, None)])

    def test_what_a_node_cannot_answer_itself_is_forwarded_once(self):
        before = self.shared.counters("forwards")
        served = self.shared.counters("served_forwards")
        for asked, coordinator in itertools.product(NODES, NODES):
            key = self.shared.key_of(coordinator, self.stem()[-20:] + b"%d" % asked)
            self.assertEqual(self.shared[asked].ask(storage(b"set", key, b"1")), b"STORED\r\n")
            self.assertEqual(self.shared[asked].ask(b"incr %s 1\r\n" % key), b"2\r\n")
        # Of each node's three keys it coordinates one; of each of the others it forwards two requests.
        self.assertEqual([after - then for after, then in zip(self.shared.counters("forwards"), before)], [4] * 3)
        self.assertEqual([after - then for after, then in zip(self.shared.counters("served_forwards"), served)], [4] * 3)

    def test_the_first_of_a_pipeline_wins_a_stale_item(self):
        for turn, (asked, coordinator) in enumerate(list(itertools.product(NODES, NODES)) * 20):
            key = self.shared.key_of(coordinator, self.stem()[-20:] + b"%d" % turn)
            with self.shared[asked].connect() as client:
                client.send(storage(b"set", key, b"v") + b"md %s I T1000\r\n" % key + b"mg %s k\r\n" % key * 6)
                self.assertEqual([client.line() for _ in range(2)], [b"STORED", b"HD"])
                self.assertEqual([client.line()[-3:] for _ in range(6)], [b"X W"] + [b"Z X"] * 5, turn)

    def test_all_nodes_know_whether_an_item_has_been_used(self):
        # What makes the get an update is found by reading, which must not count as an earlier use.
        uses = [(b"mg %s h R1500", b"HD h0 W"), (b"mg %s h T1000", b"HD h0"), (b"mg %s h", b"HD h0"),
                (b"touch %s 1000", b"TOUCHED"), (b"gat 1000 %s", b"END")]
        for (asked, coordinator), (command, end) in itertools.product(itertools.product(NODES, NODES), uses):
            key = self.shared.key_of(coordinator, self.stem()[-20:] + b"%d" % len(command))
            with self.shared[asked].connect() as client:
                self.assertEqual(client.ask(storage(b"set", key, b"v", exptime=1000)), b"STORED\r\n")
                self.assertEqual(client.ask(command % key + b"\r\n", end + b"\r\n")[-len(end) - 2:], end + b"\r\n")
            with self.shared[asked % 3 + 1].connect() as client:
                self.assertEqual(client.ask(b"mg %s h\r\n" % key)[:5], b"HD h1", command)

    def test_large_values_go_any_way(self):
        for asked, coordinator in itertools.product(NODES, NODES):
            key = self.shared.key_of(coordinator, self.stem()[-20:] + b"%d" % asked)
            value = bytes(range(256)) * 4000
            with self.shared[asked].connect() as client:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")
                self.assertEqual(client.ask(storage(b"append", key, value[:1000])), b"STORED\r\n")
            for number in NODES:
                with self.shared[number].connect() as client:
                    self.assertEqual(client.values(b"get " + key), [(key, 0, value + value[:1000], None)])

    def test_a_flush_through_any_node_is_every_nodes(self):
        for flusher in NODES:
            keys = [self.shared.key_of(number, self.stem()[-20:]) for number in NODES]
            for key in keys:
                self.assertEqual(self.shared[1].ask(storage(b"set", key, b"v")), b"STORED\r\n")
            self.assertEqual(self.shared[flusher].ask(b"flush_all\r\n"), b"OK\r\n")
            for number in NODES:
                self.assertEqual(self.shared[number].ask(b"get " + b" ".join(keys) + b"\r\n"), b"END\r\n")


if __name__ == "__main__":
    cluster.main()
