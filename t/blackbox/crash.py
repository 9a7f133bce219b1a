"""kill -9 under load: after the restart every acknowledged write is there, and none is torn. Environment: RINGCACHED_LONG
(more rounds), RINGCACHED_SEED."""

import os
import random
import time

import harness
import ledger

ROUNDS = 60 if os.environ.get("RINGCACHED_LONG") else 6
# Small limits, so that segments are changed and checkpoints written all the time.
SMALL = ["-m", "16", "--log-segment", "1m", "--log-bytes", "8m", "--checkpoint-bytes", "1m", "--checkpoint-age", "300ms"]


class Crash(harness.TestCase):
    def rounds(self, *arguments, durability="committed", rounds=ROUNDS, scale=8):
        seed = os.environ.get("RINGCACHED_SEED", "1")
        dice = random.Random(seed)
        server = self.server(*arguments, config="[bucket default]\ndurability = %s\n" % durability)
        book = ledger.Ledger(scale)
        for number in range(rounds):
            before = book.writes
            load = ledger.Load(server, book, "%s %d" % (seed, number))
            time.sleep(dice.uniform(0.2, 0.9))  # the length of the load, not a wait for anything
            server.kill()
            load.finish()
            self.assertGreater(book.writes, before, "the load did nothing")
            if number % 3 == 2:  # once more, while it replays
                server.start(wait=False)
                time.sleep(dice.uniform(0.0, 0.05))
                server.kill()
            server.start()
            problems = book.problems(server)
            self.assertEqual(problems, [], "seed %s, round %d, %d writes" % (seed, number, book.writes))

    def test_committed_writes_survive(self):
        self.rounds(*SMALL)

    def test_committed_writes_survive_with_one_thread(self):
        self.rounds("-t", "1", *SMALL, rounds=max(2, ROUNDS // 3))

    def test_committed_writes_survive_with_a_written_log(self):
        self.rounds("--log-write", "written", *SMALL, rounds=max(2, ROUNDS // 2))

    def test_committed_writes_survive_with_the_default_limits(self):
        self.rounds(rounds=max(2, ROUNDS // 3))

    def test_large_committed_writes_survive(self):
        self.rounds(*SMALL, rounds=max(2, ROUNDS // 3), scale=900)

    def test_synced_writes_survive(self):
        self.rounds(*SMALL, durability="synced", rounds=max(2, ROUNDS // 3))


class NegativeControls(harness.TestCase):
    """The checker notices what the server must never do."""

    def loaded(self):
        server = self.server()
        book = ledger.Ledger()
        load = ledger.Load(server, book, "control")
        harness.wait_until(lambda: book.writes > 500, "some writes")
        load.finish()
        self.assertEqual(book.problems(server), [])
        key = next(key for key, kinds in book.kinds.items() if kinds[book.acknowledged[key] - 1] == "set")
        return server, book, key

    def test_a_lost_write_is_noticed(self):
        server, book, key = self.loaded()
        server.ask(b"delete %s\r\n" % key)
        self.assertEqual(len(book.problems(server)), 1)

    def test_a_torn_write_is_noticed(self):
        server, book, key = self.loaded()
        with server.connect() as client:
            value = client.values(b"get " + key)[0][2]
            client.ask(harness.storage(b"set", key, value[:-1] + bytes([value[-1] ^ 1])))
        self.assertEqual(len(book.problems(server)), 1)

    def test_an_older_write_is_noticed(self):
        server, book, key = self.loaded()
        with server.connect() as client:
            old = client.values(b"get " + key)[0][2]
            sequence = book.next(key, "set")
            book.acknowledge(key, sequence)
            self.assertTrue(old)
        self.assertEqual(len(book.problems(server)), 1)

    def test_a_lost_data_directory_is_noticed(self):
        # What a server that keeps nothing would look like.
        server = self.server("--engine", "memory")
        book = ledger.Ledger()
        load = ledger.Load(server, book, "control")
        harness.wait_until(lambda: book.writes > 500, "some writes")
        server.kill()
        load.finish()
        server.start()
        self.assertGreater(len(book.problems(server)), 50)


if __name__ == "__main__":
    harness.main()
