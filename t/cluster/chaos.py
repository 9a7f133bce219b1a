"""Real processes are killed, frozen, cut off, wiped and restarted at random under a recorded workload; afterwards hints
drain, the replicas become identical, and the simulator's checks judge the history (ringsim --judge).

    python3 t/cluster/chaos.py                       about 40 seconds, as in CI
    python3 t/cluster/chaos.py --long                one hour; --minutes N for others
    python3 t/cluster/chaos.py --nodes 5 --seed 7    a ring of five, with stand-ins; the faults of another run

One fault at a time. A node loses its data only when the replicas have been identical since the last one did: that is all that
W = 2 promises to survive."""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time

import cluster
import harness
import recorder
import workload
from harness import wait_until

RINGSIM = os.environ.get("RINGSIM", os.path.join(os.path.dirname(harness.RINGCACHED), "ringsim"))
CALM_SECONDS = 2
IDENTICAL_SECONDS = 30
OPTIONS = argparse.Namespace(minutes=0.4, nodes=3, seed=None, keep=False)


def drain_and_verify(ring, seconds=IDENTICAL_SECONDS):
    """Until nothing is kept for others and `ringctl verify` finds all replicas identical. Returns how long it took."""
    began = time.monotonic()
    result = ring[1].ringctl("verify", "%d" % (seconds * harness.PATIENCE / 30), seconds=seconds * 4 + harness.PATIENCE)
    if result.returncode != 0:
        raise AssertionError("the replicas do not become identical:\n" + (result.stdout + result.stderr).decode())
    return time.monotonic() - began


def judge(path):
    """The verdict of the simulator's checks: None when all is good, else what they say."""
    result = harness.run(RINGSIM, "--judge", path, "--checks", seconds=3600)
    text = (result.stdout + result.stderr).decode("utf-8", "replace")
    return text, result.returncode


class Faults:
    """One after the other, until the time is over."""

    def __init__(self, ring, prng, seconds):
        self.ring, self.prng = ring, prng
        self.end = time.monotonic() + seconds
        self.longest = max(2.0, min(15.0, seconds / 8))
        self.done = {}
        self.may_wipe = True

    def wait(self, seconds):
        time.sleep(max(0.0, min(seconds, self.end - time.monotonic())))

    def last(self):
        """Mostly short: what happens around a detection of failures is more interesting than a long silence."""
        self.wait(min(self.longest, 0.1 + self.prng.expovariate(1 / 2.0)))

    def restart(self, node):
        node.start(wait=False)
        self.ring.wall.leads_to(node.name, node.wait_ports()["peer"])
        node.wait_ready()

    def kill(self, node):
        node.kill()
        self.last()
        self.restart(node)

    def stop(self, node):
        node.stop()
        self.last()
        self.restart(node)

    def freeze(self, node):
        node.freeze()
        self.last()
        node.thaw()

    def cut(self, node):
        self.ring.wall.cut([node.name], [other.name for other in self.ring.nodes if other is not node])
        self.last()
        self.ring.wall.heal()

    def wipe(self, node):
        node.kill()
        self.last()
        shutil.rmtree(node.data)
        self.restart(node)
        self.may_wipe = False

    def is_identical(self):
        return self.ring[1].ringctl("verify", "5").returncode == 0

    def run(self):
        # Each kind at least once, then as it comes.
        faults = [self.kill, self.freeze, self.cut, self.wipe, self.stop]
        self.prng.shuffle(faults)
        while time.monotonic() < self.end:
            fault = faults.pop() if faults else self.prng.choice([self.kill, self.kill, self.freeze, self.freeze, self.cut,
                                                                  self.wipe, self.stop])
            if fault == self.wipe and not self.may_wipe:
                if not self.is_identical():
                    continue
                self.may_wipe = True
            fault(self.prng.choice(self.ring.nodes))
            self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1
            self.wait(self.prng.random() * 1.5)


class Chaos(cluster.RingCase):
    def setUp(self):
        self.seed = OPTIONS.seed if OPTIONS.seed is not None else random.randrange(1 << 32)
        self.prng = random.Random(self.seed)
        self.directory = tempfile.mkdtemp(prefix="ringcached-chaos-")
        self.addCleanup(self.tidy)

    def tidy(self):
        if self.has_failed():
            print("seed %d; the history is kept in %s" % (self.seed, self.directory), file=sys.stderr)
        else:
            shutil.rmtree(self.directory)

    def sizes(self):
        if OPTIONS.minutes < 2:
            return workload.Sizes(others=3)
        return workload.Sizes(carts=100, others=5)

    def run_workload(self, ring, history):
        work = workload.Workload(ring, history, self.seed, self.sizes())
        work.start()
        faults = Faults(ring, self.prng, OPTIONS.minutes * 60)
        try:
            faults.wait(CALM_SECONDS)
            history.mark("fault")
            faults.run()
        finally:
            work.stop()
        return work, faults

    def test_what_was_acknowledged_is_there_and_what_is_dead_stays_dead(self):
        ring = self.ring(count=OPTIONS.nodes, walled=True, config=workload.CONFIG)
        path = os.path.join(self.directory, "history")
        history = recorder.Recorder(path, [node.name for node in ring.nodes], 3, workload.KINDS)
        self.addCleanup(history.close)
        work, faults = self.run_workload(ring, history)
        ring.wait_whole()
        took = drain_and_verify(ring)
        history.mark("mended")
        # What has expired must be past the clocks' bound before a read of it can be wrong.
        wait_until(lambda: time.monotonic() > work.last_expiry() + 5, "the sessions to expire")
        recorder.read_everything(ring, history, self.prng)
        history.close()
        text, status = judge(path)
        print("seed %d: %d keys, operations %s, faults %s, identical after %.1f s\n%s"
              % (self.seed, len(history.kinds), history.outcomes, faults.done, took, text))
        self.assertEqual(status, 0, text)
        self.control(path)

    def control(self, path):
        """A checker that cannot fail shows nothing: the same history, in which one cart shows its first item alone."""
        with open(path, encoding="ascii") as file:
            lines = [json.loads(line) for line in file]
        mended = next(line["mended"] for line in lines if "mended" in line)
        first = next(line for line in lines if line.get("kind") == "cart" and line["op"] == "add" and line["outcome"] == "done")
        for line in lines:
            if line.get("key") == first["key"] and line["sent"] >= mended:
                line["seen"] = [[first["value"], "1"]]
        with open(path + ".broken", "w", encoding="ascii") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        text, status = judge(path + ".broken")
        self.assertEqual(status, 1, "a lost item is not noticed: " + text)
        self.assertIn(first["key"] + " fails acknowledged", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="how long things go wrong")
    parser.add_argument("--long", action="store_true", help="the same as --minutes 60")
    parser.add_argument("--nodes", type=int, default=OPTIONS.nodes)
    parser.add_argument("--seed", type=int)
    options, rest = parser.parse_known_args()
    OPTIONS.nodes, OPTIONS.seed = options.nodes, options.seed
    if options.long:
        OPTIONS.minutes = 60
    elif options.minutes:
        OPTIONS.minutes = options.minutes
    elif os.environ.get("RINGCACHED_LONG") == "1":
        OPTIONS.minutes = 10
    sys.argv[1:] = rest
    cluster.main()


if __name__ == "__main__":
    main()
