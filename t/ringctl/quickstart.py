"""contrib/quickstart as a person uses it, with ports and data of its own."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import fake
import harness

SCRIPT = os.path.join(harness.TREE, "contrib", "quickstart")
PORTS = (0, 1, 2, 1000, 1001, 1002, 2000, 2001, 2002)


def find_port():
    """A port that leaves all that follow from it free; below the ports that the system gives away."""
    for _ in range(100):
        port = random.randrange(15000, 29000)
        sockets = []
        try:
            for above in PORTS:
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port + above))
            return port
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise AssertionError("no free ports")


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="ringcached-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        # ringctl and ringcached as they are installed: beside each other.
        self.programs = os.path.join(self.directory, "bin")
        os.mkdir(self.programs)
        os.symlink(harness.RINGCACHED, os.path.join(self.programs, "ringcached"))
        os.symlink(fake.RINGCTL, os.path.join(self.programs, "ringctl"))
        self.port = find_port()
        self.processes = []

    def start(self, *options, port=None):
        """Starts it; its output goes to a file."""
        path = os.path.join(self.directory, "output.%d" % len(self.processes))
        with open(path, "wb") as output:
            process = subprocess.Popen(["sh", SCRIPT, "--programs", self.programs, "--port", str(port or self.port),
                                        *options], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       cwd=self.directory, start_new_session=True)
        process.path = path
        self.processes.append(process)
        self.addCleanup(self.clean, process)
        return process

    def clean(self, process):
        """Whatever happened: the whole session that start made is ended, nobody else."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(harness.PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def output(self, process):
        with open(process.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def await_text(self, process, text):
        def seen():
            if text in self.output(process):
                return True
            if process.poll() is not None:
                raise AssertionError("quickstart ended with %d:\n%s" % (process.returncode, self.output(process)))
            return False
        try:
            harness.wait_until(seen, text)
        except harness.Impatient as error:
            raise AssertionError("%s\n%s" % (error, self.output(process))) from None

    def ask(self, offset, data):
        return fake.ask(self.port + offset, data + b"quit\r\n")

    def stop(self, process, number=signal.SIGINT):
        process.send_signal(number)
        self.assertEqual(process.wait(harness.PATIENCE), 0, self.output(process))
        for above in PORTS:
            with socket.socket() as probe:
                self.assertNotEqual(probe.connect_ex(("127.0.0.1", self.port + above)), 0)
        self.assertIn("quickstart | stopped", self.output(process))
        self.assertFalse(any(mark.decode() in self.output(process) for mark in harness.SANITIZER_MARKS))

    def test_a_ring_of_three_and_its_data_survives(self):
        first = self.start()
        self.await_text(first, "Any node answers for any key")
        self.assertEqual(self.ask(0, b"set greeting 0 0 5\r\nhello\r\n"), b"STORED\r\n")
        for offset in (0, 1, 2):
            self.assertEqual(self.ask(offset, b"get greeting\r\n"), b"VALUE greeting 0 5\r\nhello\r\nEND\r\n")
        status, out, _ = fake.ringctl("status", port=self.port + 2000)
        self.assertEqual((status, out.count(" up ")), (0, 3))
        self.stop(first)
        again = self.start()
        self.await_text(again, "Any node answers for any key")
        self.assertEqual(self.ask(2, b"get greeting\r\n"), b"VALUE greeting 0 5\r\nhello\r\nEND\r\n")
        self.stop(again, signal.SIGTERM)
        # The members know each other by their addresses.
        other = self.start(port=self.port + 3)
        self.assertEqual(other.wait(harness.PATIENCE), 1)
        self.assertIn("uses --port %d" % self.port, self.output(other))

    def test_what_it_says_to_try_works(self):
        process = self.start()
        self.await_text(process, "ringctl -a 127.0.0.1:%d key greeting" % (self.port + 2000))
        lines = [line.strip() for line in self.output(process).splitlines() if line.startswith("    ")
                 and "|" not in line.split("'")[0] and "memcstat" not in line]
        self.assertEqual(len(lines), 4, self.output(process))
        results = [harness.run("bash", "-c", line, cwd=self.directory) for line in lines]
        self.assertEqual([result.returncode for result in results], [0] * 4)
        self.assertEqual(results[0].stdout, b"STORED\r\n")
        self.assertEqual(results[1].stdout, b"VALUE greeting 0 5\r\nhello\r\nEND\r\n")
        self.assertIn(b"node2", results[2].stdout)
        self.assertIn(b"key greeting", results[3].stdout)
        self.stop(process)

    def test_a_second_run_says_that_the_first_one_runs(self):
        first = self.start()
        self.await_text(first, "Any node answers for any key")
        second = self.start()
        self.assertEqual(second.wait(harness.PATIENCE), 1)
        self.assertIn("a quickstart is running", self.output(second))
        self.assertEqual(fake.ringctl("wait", "0", port=self.port + 2000)[0], 0)
        self.stop(first)

    def test_a_node_that_dies_is_told_of_and_the_others_go_on(self):
        process = self.start()
        self.await_text(process, "Any node answers for any key")
        with open(os.path.join(self.directory, "ringcached-data", "2", "lock"), encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.await_text(process, "quickstart | node2 has ended with status 137")
        self.assertEqual(self.ask(0, b"set k 0 0 1\r\nv\r\n"), b"STORED\r\n")
        self.stop(process)

    def test_a_taken_port_ends_it_with_the_reason(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port + 1))
            taken.listen()
            process = self.start()
            self.assertEqual(process.wait(harness.PATIENCE), 1)
        self.assertIn("cannot listen on 127.0.0.1 port %d" % (self.port + 1), self.output(process))
        self.assertIn("not all nodes came up", self.output(process))

    def test_one_node(self):
        process = self.start("--nodes", "1")
        self.await_text(process, "ringcached-data/alone")
        self.assertEqual(self.ask(0, b"set k 0 0 1\r\nv\r\n"), b"STORED\r\n")
        self.stop(process)
        self.assertTrue(os.path.exists(os.path.join(self.directory, "ringcached-data", "alone", "identity")))

    def test_the_data_of_an_earlier_release_is_served_by_one_node_and_left_alone_by_three(self):
        data = os.path.join(self.directory, "ringcached-data")
        with harness.Server(data=data) as server:
            server.ask(b"set k 0 0 3\r\nold\r\n")
        ring = self.start()
        self.await_text(ring, "Any node answers for any key")
        self.assertIn("--nodes 1 serves it", self.output(ring))
        self.assertEqual(self.ask(0, b"get k\r\n"), b"END\r\n")
        self.stop(ring)
        one = self.start("--nodes", "1")
        self.await_text(one, "In another terminal")
        self.assertEqual(self.ask(0, b"get k\r\n"), b"VALUE k 0 3\r\nold\r\nEND\r\n")
        self.stop(one)

    def test_wrong_usage(self):
        for options in (["--nodes", "2"], ["--nodes"], ["--port", "x"], ["--port", "70000"], ["--nonsense"], ["more"]):
            result = harness.run("sh", SCRIPT, *options, cwd=self.directory)
            self.assertEqual(result.returncode, 64, options)
            self.assertIn(b"usage", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
