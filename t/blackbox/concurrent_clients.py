"""Many clients at once, on several threads of the server: what each of them must be able to rely on. Run under
ThreadSanitizer, too."""

import os
import random
import threading

import harness
import wire
from harness import storage

CLIENTS = 8
TURNS = 2000 if os.environ.get("RINGCACHED_LONG") else 200
CONFIG = """
[bucket default]
durability = committed
[bucket synced]
prefix = synced:
durability = synced
[bucket carts]
prefix = cart:
stale-cas = sibling
max-siblings = 4096
"""
SMALL = ["-m", "16", "--log-segment", "1m", "--log-bytes", "8m", "--checkpoint-bytes", "1m", "--checkpoint-age", "200ms"]


class Concurrent(harness.TestCase):
    def together(self, server, work, clients=CLIENTS):
        """Runs work(number, client) for each client at the same time; returns the results."""
        results, errors = [None] * clients, []
        gate = threading.Barrier(clients)

        def run(number):
            try:
                with server.connect() as client:
                    gate.wait(harness.PATIENCE)
                    results[number] = work(number, client)
            except BaseException as error:  # pylint: disable=broad-except
                errors.append(error)
                gate.abort()
        threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(harness.PATIENCE * 4)
            self.assertFalse(thread.is_alive(), "a client is not answered")
        if errors:
            raise errors[0]
        return results

    def test_no_incr_is_lost(self):
        server = self.server("-t", "4", config=CONFIG)
        for key in (b"n", b"synced:n"):
            server.ask(storage(b"set", key, b"0"))
            turns = TURNS if key == b"n" else TURNS // 10

            def work(_, client, key=key, turns=turns):
                client.send(b"incr %s 1\r\n" % key * turns)
                return [int(client.line()) for _ in range(turns)]
            seen = sorted(sum(self.together(server, work), []))
            self.assertEqual(seen, list(range(1, CLIENTS * turns + 1)))

    def test_no_append_is_lost(self):
        server = self.server("-t", "4")
        server.ask(storage(b"set", b"log", b""))

        def work(number, client):
            for turn in range(TURNS):
                self.assertEqual(client.ask(storage(b"append", b"log", b"%d.%d " % (number, turn))), b"STORED\r\n")
        self.together(server, work)
        with server.connect() as client:
            words = client.values(b"get log")[0][2].split()
        self.assertEqual(len(words), CLIENTS * TURNS)
        for number in range(CLIENTS):
            own = [word for word in words if word.startswith(b"%d." % number)]
            self.assertEqual(own, [b"%d.%d" % (number, turn) for turn in range(TURNS)])

    def test_one_add_wins(self):
        server = self.server("-t", "4")
        for turn in range(50):
            replies = self.together(server, lambda number, client, turn=turn:
                                    client.ask(storage(b"add", b"k%d" % turn, b"%d" % number)), 4)
            self.assertEqual(sorted(replies), [b"NOT_STORED\r\n"] * 3 + [b"STORED\r\n"])

    def test_one_cas_wins(self):
        server = self.server("-t", "4")
        server.ask(storage(b"set", b"n", b"0"))

        def work(_, client):
            wins = 0
            while wins < TURNS // 10:
                _, _, value, token = client.values(b"gets n")[0]
                reply = client.ask(storage(b"cas", b"n", b"%d" % (int(value) + 1), token=token))
                self.assertIn(reply, (b"STORED\r\n", b"EXISTS\r\n"))
                wins += reply == b"STORED\r\n"
        self.together(server, work)
        self.assertEqual(server.ask(b"get n\r\n").split(b"\r\n")[1], b"%d" % (CLIENTS * (TURNS // 10)))

    def test_no_cart_loses_an_item(self):
        # Each client adds its items to one cart: reads all siblings, joins them, writes with the token it got.
        server = self.server("-t", "4", config=CONFIG)
        server.ask(storage(b"set", b"cart:1", b""))
        turns = TURNS // 20

        def items(client):
            found = client.values(b"gets cart:1")
            return set(b" ".join(value for _, _, value, _ in found).split()), found[0][3]

        def work(number, client):
            for turn in range(turns):
                have, token = items(client)
                have.add(b"%d.%d" % (number, turn))
                while client.ask(storage(b"cas", b"cart:1", b" ".join(sorted(have)), token=token)) != b"STORED\r\n":
                    more, token = items(client)
                    have |= more
        self.together(server, work)
        with server.connect() as client:
            self.assertEqual(items(client)[0], {b"%d.%d" % (number, turn) for number in range(CLIENTS)
                                                for turn in range(turns)})

    def test_values_are_never_mixed(self):
        server = self.server("-t", "4", *SMALL, config=CONFIG)
        keys = [b"k%d" % i for i in range(20)] + [b"synced:k%d" % i for i in range(5)]

        def work(number, client):
            dice = random.Random(number)
            for _ in range(TURNS):
                key = dice.choice(keys)
                if dice.randrange(3) == 0:
                    value = bytes([dice.randrange(97, 123)]) * dice.choice([10, 1000, 20000, 300000])
                    self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")
                elif dice.randrange(10) == 0:
                    client.ask(b"delete %s\r\n" % key)
                else:
                    for _, _, value, _ in client.values(b"get %s %s" % (key, dice.choice(keys))):
                        self.assertEqual(len(set(value)), 1)
        self.together(server, work)

    def test_statistics_and_flushes_under_load(self):
        server = self.server("-t", "4", *SMALL)

        def work(number, client):
            for turn in range(TURNS):
                client.ask(storage(b"set", b"k%d" % (turn % 50), b"v" * 500, exptime=turn % 3))
                client.values(b"get k1 k2 k3")
                if number == 0 and turn % 10 == 0:
                    client.stats()
                    client.stats(b"storage")
                    client.stats(b"latency")
                    client.stats(b"buckets")
                if number == 1 and turn % 50 == 0:
                    client.ask(b"flush_all\r\n")
                if number == 2 and turn % 50 == 0:
                    client.ask(b"stats reset\r\n")
                    client.ask(b"stats detail on\r\n")
        self.together(server, work)

    def test_connections_come_and_go(self):
        server = self.server("-t", "4")

        def work(number, _):
            for turn in range(TURNS // 4):
                with server.connect() as client:
                    if turn % 2:
                        self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
                    else:
                        client.send(wire.packet(wire.NOOP))
                        self.assertEqual(wire.read_reply(client).status, 0)
        self.together(server, work)

    def test_a_read_sees_the_last_own_write(self):
        server = self.server("-t", "4", *SMALL)

        def work(number, client):
            dice = random.Random(number)
            mine = {}
            for turn in range(TURNS * 2):
                key = b"c%d.%d" % (number, dice.randrange(300))
                if dice.randrange(2):
                    mine[key] = b"%d " % turn * 200
                    client.ask(storage(b"set", key, mine[key]))
                else:
                    found = client.values(b"get " + key)
                    self.assertEqual(found[0][2] if found else None, mine.get(key))
        self.together(server, work)


if __name__ == "__main__":
    harness.main()
