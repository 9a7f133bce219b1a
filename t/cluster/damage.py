"""Nodes whose disks, directories or clocks are wrong: the ring is not harmed, nothing that was acknowledged is missing and
nothing that is dead comes back."""

import os
import shutil
import sys
import time

import cluster
from chaos import drain_and_verify
from disk_full import SMALL, SmallDisk
from harness import storage, wait_until
from load import Load

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
PAIRS = [(b"key-%d" % number, b"value of %d " % number + b"v" * 100) for number in range(200)]


class Damage(cluster.RingCase):
    def store(self, node, pairs):
        with node.connect() as client:
            for key, value in pairs:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")

    def assert_has(self, node, pairs):
        with node.connect() as client:
            for key, value in pairs:
                self.assertEqual(client.values(b"get " + key), [(key, 0, value, None)], node.name)

    def assert_lacks(self, node, keys):
        with node.connect() as client:
            for key in keys:
                self.assertEqual(client.values(b"gets " + key), [], (node.name, key))

    @staticmethod
    def restart(node):
        node.start(wait=False)
        node.wait_ready()

    def stats(self, node, group):
        with node.connect() as client:
            return {name.decode(): value.decode() for name, value in client.stats(group).items()}


class Disks(Damage):
    def test_a_damaged_record_is_fetched_from_another_replica(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        ring.wait_whole()
        drain_and_verify(ring)
        node = ring[3]
        node.stop()
        path = os.path.join(node.data, "data.mdb")
        with open(path, "r+b") as file:
            data = bytearray(file.read())
            damaged = 0
            for key, value in PAIRS:
                at = data.find(value)
                while at >= 0:  # old pages may have it, too
                    data[at + len(value) // 2] ^= 0x55
                    damaged += 1
                    at = data.find(value)
            self.assertGreaterEqual(damaged, len(PAIRS))
            file.seek(0)
            file.write(data)
        self.restart(node)
        ring.wait_whole()
        self.assert_has(node, PAIRS)
        self.assertGreater(int(self.stats(node, b"storage")["corrupt_records"]), 0)
        # What was fetched is stored anew; the rest is put right by a repair that somebody asks for.
        self.assertIn(b"all partitions", node.ringctl("repair", "all").stdout)
        drain_and_verify(ring)
        found = [replica["outcome"] for key, _ in PAIRS for replica in node.report("key", key.decode())["replicas"]]
        self.assertEqual(set(found), {"answered"})

    def test_a_full_disk_at_one_of_three(self):
        # What it has refused it is given when copies are compared next.
        ring = self.ring("--antientropy-interval", "2s", *SMALL, start=False)
        node = ring[3]
        os.mkdir(node.data, 0o700)
        disk = SmallDisk(self, node.data, 96 * 1024)
        if disk.holder is None:
            sys.stderr.write("\nMOUNTING IS NOT PERMITTED HERE: a full disk in a ring is not tested\n")
            return
        node.data = os.path.join(node.data, "data")
        node.prefix = disk.enter
        ring.start()
        big = [(b"big-%d" % number, b"%d " % number + b"b" * 50000) for number in range(600)]
        disk.fill(leave=4 << 20)
        for one in ring.nodes:  # also through the full one: others coordinate what it cannot store
            self.store(one, big[one is ring[2]::3])
        wait_until(lambda: self.full_errors(node) > 0, "the disk to be full")
        for one in ring.nodes:
            self.assert_has(one, big[one is ring[2]::3])
        disk.empty()
        drain_and_verify(ring)
        for one in ring.nodes:
            self.assert_has(one, big[::3])

    def full_errors(self, node):
        return int(self.stats(node, b"storage")["full_errors"])


class Directories(Damage):
    def test_a_second_process_with_a_copied_directory_is_refused(self):
        ring = self.ring()
        self.store(ring[1], PAIRS)
        copied = ring[3]
        copied.stop()
        second = self.node(ring, copied.name, seeds=ring.seeds)
        shutil.copytree(copied.data, second.data)
        self.restart(copied)
        ring.wait_whole()
        second.start(wait=False)
        wait_until(lambda: b"another process is node %s" % copied.name.encode() in second.log(), "the second to be refused")
        self.assertEqual(ring[1].ringctl("wait", "5").returncode, 0)
        for node in ring.nodes:
            self.assert_has(node, PAIRS)
        # It serves nobody: who connects is not answered.
        self.assertIsNone(second.port or None)
        second.kill()
        drain_and_verify(ring)

    def test_an_old_copy_of_a_directory_revives_nothing(self):
        # Tombstones are freed long before the copy comes back.
        ring = self.ring("--grace", "3s", "--antientropy-interval", "500ms")
        node, dead, living = ring[3], PAIRS[::2], PAIRS[1::2]
        self.store(ring[1], PAIRS)
        drain_and_verify(ring)
        node.stop()
        old = os.path.join(node.directory, "old")
        shutil.copytree(node.data, old)
        self.restart(node)
        ring.wait_whole()
        with ring[2].connect() as client:
            for key, _ in dead:
                self.assertEqual(client.ask(b"delete %s\r\n" % key), b"DELETED\r\n")
        deleted_ms = time.time() * 1000
        for one in ring.nodes:
            wait_until(lambda one=one: int(self.stats(one, b"horizon")["lowest_ms"]) > deleted_ms,
                       "the horizon of %s to pass the deletes" % one.name)
        wait_until(lambda: all(self.is_freed(ring, key) for key, _ in dead[:5]), "tombstones to be freed")
        node.kill()
        shutil.rmtree(node.data)
        shutil.copytree(old, node.data)
        self.restart(node)
        for one in ring.nodes:
            self.assert_lacks(one, [key for key, _ in dead])
            self.assert_has(one, living)
        ring.wait_whole()
        drain_and_verify(ring)
        for one in ring.nodes:
            self.assert_lacks(one, [key for key, _ in dead])
            self.assert_has(one, living)
        wait_until(lambda: all(self.is_freed(ring, key) for key, _ in dead), "the old copy's records to be freed")

    @staticmethod
    def is_freed(ring, key):
        """No owner has even a tombstone."""
        return {replica["outcome"] for replica in ring[1].report("key", key.decode())["replicas"]} == {"absent"}

    def test_a_frozen_node_revives_nothing_however_late_it_goes_on(self):
        ring = self.ring("--grace", "3s", "--antientropy-interval", "500ms", config="[bucket default]\nreconcile = lww\n")
        self.store(ring[1], PAIRS)
        drain_and_verify(ring)
        ring[3].freeze()
        with ring[1].connect() as client:
            for key, _ in PAIRS:
                self.assertEqual(client.ask(b"delete %s\r\n" % key), b"DELETED\r\n")
        # The grace passes; the horizon does not, for it waits for everybody.
        gone = time.monotonic() + 5
        wait_until(lambda: time.monotonic() > gone, "the grace to be over")
        self.assertIn("held_back_by", self.stats(ring[1], b"horizon"))
        ring[3].thaw()
        for node in ring.nodes:
            self.assert_lacks(node, [key for key, _ in PAIRS])
        ring.wait_whole()
        drain_and_verify(ring)
        for node in ring.nodes:
            self.assert_lacks(node, [key for key, _ in PAIRS])


class Clocks(Damage):
    def test_a_node_whose_clock_is_far_ahead_is_quarantined_and_loses_no_writes(self):
        if not os.path.exists(FAKETIME):
            sys.stderr.write("\nA CLOCK OF ITS OWN IS NOT PERMITTED HERE (no %s, Debian package libfaketime): left to the simulator\n"
                             % FAKETIME)
            return
        ring = self.ring(config="[bucket default]\nreconcile = lww\n")
        node = ring[3]
        self.store(ring[1], PAIRS)
        node.stop()
        node.environment.update(LD_PRELOAD=FAKETIME, FAKETIME="+1h", FAKETIME_DONT_FAKE_MONOTONIC="1")
        node.start(wait=False)
        node.wait_ready()
        wait_until(lambda: self.is_quarantined(ring[1], node), "node %s to be quarantined" % node.name)
        wait_until(lambda: self.is_quarantined(node, node), "node %s to know it itself" % node.name)
        self.assertIn(b"is quarantined: its clock is off", ring[1].ringctl("status").stdout)
        # Written through the one whose clock is ahead, then through one whose clock is right: the later one wins.
        changed = [(key, value + b"2") for key, value in PAIRS]
        with Load(ring.nodes, b"clocks") as load:
            self.store(node, PAIRS)
            self.store(ring[1], changed)
            load.wait_requests(100, ring.nodes, "the load to run")
        for client in load.clients:
            self.assertEqual((client.failures, client.lost), ([], 0))
        for one in ring.nodes:
            self.assert_has(one, changed)
        node.stop()
        node.environment.clear()
        self.restart(node)
        wait_until(lambda: not self.is_quarantined(ring[1], node), "the clock to be right again")
        ring.wait_whole()
        drain_and_verify(ring)
        for one in ring.nodes:
            self.assert_has(one, changed)

    @staticmethod
    def is_quarantined(asked, node):
        return next(member["quarantined"] for member in asked.report("status")["members"] if member["name"] == node.name)


if __name__ == "__main__":
    cluster.main()
