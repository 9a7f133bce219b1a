"""Fifty clients at once, spread over the nodes of a ring: nothing is lost and nothing counted twice while nothing fails."""

import threading

import cluster
import harness
from harness import storage

CLIENTS = 50
TURNS = 200
CONFIG = """
[bucket carts]
prefix = cart:
stale-cas = sibling
max-siblings = 4096
"""
# A machine that is busy with other tests may let a node wait for longer than the ordinary second.
PATIENT = ("--request-timeout", "20s")


class ClientsAtOnce(cluster.SharedRingCase):
    arguments = PATIENT
    options = {"config": CONFIG}

    def together(self, work, clients=CLIENTS):
        """Runs work(number, client) for each client at the same time; client 0, 3, 6 ... are node 1's. Returns the results."""
        results, errors = [None] * clients, []
        gate = threading.Barrier(clients)

        def run(number):
            try:
                with self.shared[number % 3 + 1].connect() as client:
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
            raise next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), errors[0])
        return results

    def value(self, key):
        """What all nodes say that the key has."""
        said = []
        for node in self.shared.nodes:
            with node.connect() as client:
                said.append([value for _, _, value, _ in client.values(b"gets " + key)])
        self.assertEqual(said, [said[0]] * 3)
        return said[0]

    def test_no_incr_is_lost_and_none_is_counted_twice(self):
        for coordinator in (1, 2, 3):
            key = self.shared.key_of(coordinator, self.stem())
            self.shared[1].ask(storage(b"set", key, b"0"))
            turns = TURNS if coordinator == 1 else TURNS // 10

            def work(_, client, key=key, turns=turns):
                client.send(b"incr %s 1\r\n" % key * turns)
                return [int(client.line()) for _ in range(turns)]
            self.assertEqual(sorted(sum(self.together(work), [])), list(range(1, CLIENTS * turns + 1)))
            self.assertEqual(self.value(key), [b"%d" % (CLIENTS * turns)])

    def test_one_add_wins(self):
        for turn in range(15):
            key = self.shared.key_of(turn % 3 + 1, self.stem() + b"%d" % turn)
            replies = self.together(lambda number, client, key=key: client.ask(storage(b"add", key, b"%d" % number)))
            self.assertEqual(sorted(replies), [b"NOT_STORED\r\n"] * (CLIENTS - 1) + [b"STORED\r\n"])
            self.assertEqual(self.value(key), [b"%d" % replies.index(b"STORED\r\n")])

    def test_no_append_is_lost_and_each_clients_are_in_order(self):
        key, pieces = self.shared.key_of(2, self.stem()), 20
        self.shared[1].ask(storage(b"set", key, b""))

        def work(number, client):
            client.send(b"".join(storage(b"append", key, b"%d.%d " % (number, turn)) for turn in range(pieces)))
            return [client.line() for _ in range(pieces)]
        self.assertEqual(self.together(work), [[b"STORED"] * pieces] * CLIENTS)
        words = self.value(key)[0].split()
        self.assertEqual(len(words), CLIENTS * pieces)
        for number in range(CLIENTS):
            self.assertEqual([word for word in words if word.startswith(b"%d." % number)],
                             [b"%d.%d" % (number, turn) for turn in range(pieces)])

    def add_items(self, key, turns, clients):
        """Each client adds items of its own to one value: reads all versions, joins them, writes with the token it got."""
        self.shared[1].ask(storage(b"set", key, b""))

        def items(client):
            found = client.values(b"gets " + key)
            return set(b" ".join(value for _, _, value, _ in found).split()), found[0][3]

        def work(number, client):
            replies = set()
            for turn in range(turns):
                reply = None
                while reply != b"STORED\r\n":
                    have, token = items(client)
                    have.add(b"%d.%d" % (number, turn))
                    reply = client.ask(storage(b"cas", key, b" ".join(sorted(have)), token=token))
                    replies.add(reply)
            return replies
        replies = set.union(*self.together(work, clients))
        self.assertLessEqual(replies, {b"STORED\r\n", b"EXISTS\r\n"})
        return sorted(b"%d.%d" % (number, turn) for number in range(clients) for turn in range(turns))

    def test_cas_adds_every_item_exactly_once(self):
        key = self.shared.key_of(3, self.stem())
        expected = self.add_items(key, 2, CLIENTS)
        self.assertEqual([sorted(value.split()) for value in self.value(key)], [expected])

    def test_no_cart_loses_an_item(self):
        key = self.shared.key_of(1, b"cart:" + self.stem())
        expected = self.add_items(key, 4, 12)
        self.assertEqual(sorted(set(b" ".join(self.value(key)).split())), expected)

    def test_a_read_sees_the_last_own_write_through_whichever_node(self):
        def work(number, client):
            with self.shared[(number + 1) % 3 + 1].connect() as other:
                for turn in range(40):
                    key, value = b"own.%d.%d" % (number, turn % 7), b"%d " % turn * 50
                    writer, reader = (client, other) if turn % 2 else (other, client)
                    self.assertEqual(writer.ask(storage(b"set", key, value)), b"STORED\r\n")
                    self.assertEqual(reader.values(b"get " + key), [(key, 0, value, None)])
        self.together(work, 12)


if __name__ == "__main__":
    cluster.main()
