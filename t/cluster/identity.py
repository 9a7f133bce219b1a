"""Only one process is a node: second ones beside it, others in its place, members that come back with nothing."""

import os
import shutil
import signal
import threading
import time

import cluster
from harness import storage, wait_until

PAIRS = [(b"key-%d" % number, b"value of %d" % number) for number in range(100)]


class Identity(cluster.RingCase):
    def filled(self, *arguments, **options):
        ring = self.ring(*arguments, **options)
        with ring[1].connect() as client:
            for key, value in PAIRS:
                self.assertEqual(client.ask(storage(b"set", key, value)), b"STORED\r\n")
        return ring

    def has_all(self, node):
        """Errors are no values: while two of three copies are doubtful, too few are left that can answer."""
        wanted = b"".join(b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value) for key, value in PAIRS)
        return node.ask(b"".join(b"get %s\r\n" % key for key, _ in PAIRS)) == wanted

    def is_sure(self, node):
        return node.report("status")["doubtful"] == 0 and self.has_all(node)

    def copied(self, node):
        """A copy of a directory that is in use."""
        path = os.path.join(node.directory, "copy")
        shutil.copytree(node.data, path)
        return path

    def second(self, ring, node, data):
        """A process of the same name at addresses of its own."""
        second = self.node(ring, node.name, seeds=ring.seeds, data=data)
        second.start(wait=False)
        second.wait_ports()
        return second

    def incarnation(self, ring, name):
        return next(member["incarnation"] for member in ring[2].report("status")["members"] if member["name"] == name)

    def assert_refused(self, ring, first, second, word):
        """While clients of the first one are served without an error, and its links stay."""
        faults, stop = [], threading.Event()
        links = first.ring_stats()["links"]
        incarnation = self.incarnation(ring, first.name)

        def work():
            with first.connect() as client:
                number = 0
                while not stop.is_set():
                    number += 1
                    answer = client.ask(storage(b"set", b"w-%d" % (number % 50), b"v"))
                    if answer != b"STORED\r\n":
                        faults.append(answer)
        worker = threading.Thread(target=work)
        worker.start()
        try:
            wait_until(lambda: word in second.log(), "the second process to say that it is refused")
            time.sleep(6)
        finally:
            stop.set()
            worker.join()
        self.assertEqual(faults, [])
        self.assertIsNone(second.process.poll())
        self.assertEqual(first.ring_stats()["links"], links)
        self.assertEqual(self.incarnation(ring, first.name), incarnation)
        with self.assertRaises(ConnectionError):
            second.host = cluster.HOST
            second.port = second.ports["client"]
            second.ask(b"mn\r\n")
        self.assertIn(incarnation.encode() if isinstance(incarnation, str) else b"%016x" % incarnation, second.log())
        status = second.ringctl("status")
        self.assertIn(b"another process is", status.stdout + status.stderr)

    def test_a_copied_directory_waits_until_the_first_process_is_gone(self):
        ring = self.filled()
        second = self.second(ring, ring[1], self.copied(ring[1]))
        self.assert_refused(ring, ring[1], second, b"so the ring refuses this one")
        ring[1].kill()
        killed = time.monotonic()
        second.wait_ready()
        self.assertLess(time.monotonic() - killed, 8)
        self.assertIn(b"its files are a copy of those", second.log())
        wait_until(lambda: self.has_all(second), "the copy to have everything")
        ring[1].start(wait=False)
        wait_until(lambda: b"so the ring refuses this one" in ring[1].log(), "the old process to be refused in its turn")
        ring[1].stop()
        second.stop()

    def test_the_same_name_with_an_empty_directory_waits_until_the_first_process_is_gone(self):
        ring = self.filled()
        second = self.second(ring, ring[1], None)
        self.assert_refused(ring, ring[1], second, b"another process is alive that is node node1")
        ring[1].kill()
        killed = time.monotonic()
        second.wait_ready()
        self.assertLess(time.monotonic() - killed, 8)
        wait_until(lambda: self.has_all(second), "the new one to have everything")
        second.stop()

    def test_a_frozen_process_whose_place_was_taken_ends(self):
        ring = self.filled()
        data = self.copied(ring[1])
        ring[1].freeze()
        second = self.second(ring, ring[1], data)
        second.wait_ready()
        wait_until(lambda: self.has_all(second), "the copy to have everything")
        ring[1].thaw()
        self.assertNotEqual(ring[1].wait(), 0)
        self.assertIn(b"this process stops, because another one is node node1", ring[1].log())
        self.assertTrue(self.has_all(second))
        second.stop()

    def wiped(self, ring, number):
        ring[number].kill()
        shutil.rmtree(ring[number].data)
        began = time.monotonic()
        ring[number].start(wait=False)
        ring[number].wait_ready()
        self.assertLess(time.monotonic() - began, 5)

    def test_a_member_without_its_directory_is_taken_back_and_filled_again(self):
        ring = self.filled()
        for number in 3, 1:
            self.wiped(ring, number)
            ring.wait_whole()
            wait_until(lambda number=number: self.is_sure(ring[number]), "the wiped member to have everything")
        self.assertEqual(ring[2].report("status")["epoch"], 3)

    def test_data_without_the_file_that_tells_their_ring_do_not_found_another(self):
        ring = self.filled()
        ring[3].stop()
        saved = os.path.join(ring[3].data, "membership")
        os.rename(saved, saved + ".away")
        ring[3].start(wait=False)
        self.assertNotEqual(ring[3].wait(), 0)
        self.assertIn(b"its file membership is missing", ring[3].log())
        os.rename(saved + ".away", saved)
        ring.restart(3)

    def test_a_killed_process_is_back_at_once(self):
        ring = self.filled()
        for _ in range(3):
            ring[2].process.send_signal(signal.SIGKILL)
            ring[2].process.wait()
            began = time.monotonic()
            ring[2].start(wait=False)
            ring[2].wait_ready()
            self.assertLess(time.monotonic() - began, 2.5)
            self.assertTrue(self.has_all(ring[2]))
            self.assertNotIn(b"copy", ring[2].log())


if __name__ == "__main__":
    cluster.main()
