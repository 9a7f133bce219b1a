"""Loss of power under load: after the restart every acknowledged `synced` write is there, and none is torn.

The server runs with the layer of t/powerloss/shim.c preloaded; it is killed, and started again on a directory in which
what had not been synced is randomly old, new or torn. Environment: RINGCACHED_LONG (more rounds), RINGCACHED_SEED,
RINGCACHED_BUILD (where the layer was built)."""

import os
import random
import shutil
import time

import harness
import image
import ledger

ROUNDS = 80 if os.environ.get("RINGCACHED_LONG") else 8
SMALL = ["-m", "16", "--log-segment", "1m", "--log-bytes", "8m", "--checkpoint-bytes", "256k", "--checkpoint-age", "100ms"]
LAYER = os.path.join(os.environ.get("RINGCACHED_BUILD", os.path.join(harness.TREE, "build")), "lib", "powerloss.so")


class PowerLoss(harness.TestCase):
    def start(self, *arguments, ignore_sync=False, durability="synced"):
        self.assertTrue(os.path.exists(LAYER), LAYER + " is not built")
        self.seed = os.environ.get("RINGCACHED_SEED", "1")
        self.dice = random.Random(self.seed)
        server = self.server(*arguments, config="[bucket default]\ndurability = %s\n" % durability, start=False,
                             preload=LAYER)
        os.mkdir(server.data, 0o700)
        if ignore_sync:
            server.environment["POWERLOSS_IGNORE_SYNC"] = "1"
        self.power_on(server)
        return server

    def power_on(self, server, wait=True):
        shadow = os.path.join(server.directory, "shadow")
        shutil.rmtree(shadow, ignore_errors=True)
        os.mkdir(shadow)
        server.environment.update(POWERLOSS_DATA=server.data, POWERLOSS_SHADOW=shadow)
        server.start(wait)

    @staticmethod
    def layer_is_on(server):
        """Has the layer noted all that was there at the start? Before that the server proper has done nothing."""
        try:
            with open(os.path.join(server.directory, "shadow", "operations"), encoding="utf-8") as file:
                return "sync .\n" in file
        except FileNotFoundError:
            return False

    def power_off(self, server):
        server.kill()
        image_path = os.path.join(server.directory, "image")
        differing = image.build(server.data, os.path.join(server.directory, "shadow"), image_path, self.dice)
        shutil.rmtree(server.data)
        os.rename(image_path, server.data)
        return differing

    def rounds(self, server, rounds, book):
        """Runs them all; returns the problems of the first round that has some."""
        differing = 0
        for number in range(rounds):
            load = ledger.Load(server, book, "%s %d" % (self.seed, number), keys=60)
            time.sleep(self.dice.uniform(0.1, 0.6))  # the length of the load
            server.kill()
            load.finish()
            differing += self.power_off(server)
            if number % 3 == 2:  # the power fails again, while it replays
                self.power_on(server, wait=False)
                time.sleep(self.dice.uniform(0.0, 0.05))
                server.kill()
                if self.layer_is_on(server):
                    self.power_off(server)
            self.power_on(server)
            problems = book.problems(server)
            if problems:
                return ["seed %s, round %d" % (self.seed, number)] + problems
        self.assertGreater(book.writes, 10 * rounds, "the load did nothing")
        self.assertGreater(differing, 0, "no file ever differed from what was synced")
        return []

    def test_synced_writes_survive(self):
        self.assertEqual(self.rounds(self.start(*SMALL), ROUNDS, ledger.Ledger()), [])

    def test_synced_writes_survive_with_a_written_log(self):
        self.assertEqual(self.rounds(self.start("--log-write", "written", *SMALL), max(3, ROUNDS // 2),
                                     ledger.Ledger()), [])

    def test_large_synced_writes_survive(self):
        self.assertEqual(self.rounds(self.start(*SMALL), max(3, ROUNDS // 2), ledger.Ledger(scale=500)), [])

    def test_committed_writes_may_be_lost_but_are_never_torn(self):
        server = self.start(*SMALL, durability="committed")
        book = ledger.Ledger()  # one for all rounds: whatever was lost may leave the value of any earlier write
        for number in range(max(3, ROUNDS // 2)):
            load = ledger.Load(server, book, "%s %d" % (self.seed, number), keys=60)
            time.sleep(self.dice.uniform(0.1, 0.6))
            server.kill()
            load.finish()
            self.power_off(server)
            self.power_on(server)
            self.assertEqual([problem for problem in book.problems(server) if "torn" in problem or "nobody" in problem], [])


class NegativeControl(PowerLoss):
    """With a disk that lies about syncs, synced writes must get lost: else the layer forgets nothing, or the checker sees
    nothing."""

    test_synced_writes_survive = None
    test_synced_writes_survive_with_a_written_log = None
    test_large_synced_writes_survive = None
    test_committed_writes_may_be_lost_but_are_never_torn = None

    def test_ignored_syncs_are_noticed(self):
        try:
            problems = self.rounds(self.start(*SMALL, ignore_sync=True), 12, ledger.Ledger())
        except (AssertionError, EOFError, OSError) as error:
            problems = ["the server does not come up: %s" % error]
        self.assertNotEqual(problems, [])


if __name__ == "__main__":
    harness.main()
