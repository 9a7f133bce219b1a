"""The data directory: what is kept across restarts, and what happens to one that is in use, foreign, newer, damaged or not
writeable."""

import glob
import os
import shutil
import tempfile

import harness
from harness import storage, wait_until


class Kept(harness.TestCase):
    def test_data_survives_stop_and_kill(self):
        server = self.server()
        server.ask(storage(b"set", b"a", b"1", flags=5) + storage(b"set", b"b", b"x" * 500000) + b"incr a 41\r\n")
        for end in (server.stop, server.kill):
            end()
            server.start()
            with server.connect() as client:
                self.assertEqual(client.values(b"get a b"), [(b"a", 5, b"42", None), (b"b", 0, b"x" * 500000, None)])

    def test_tokens_survive(self):
        server = self.server()
        server.ask(storage(b"set", b"a", b"1"))
        with server.connect() as client:
            token = client.values(b"gets a")[0][3]
        server.kill()
        server.start()
        with server.connect() as client:
            self.assertEqual(client.values(b"gets a")[0][3], token)
            self.assertEqual(client.ask(storage(b"cas", b"a", b"2", token=token)), b"STORED\r\n")

    def test_the_default_is_the_working_directory(self):
        server = harness.Server(start=False)
        self.addCleanup(server.close)
        server.data = os.path.join(server.directory, "ringcached-data")
        command = server.command
        server.command = lambda: [word for word in command() if word not in ("--data", server.data)]
        server.start()
        server.ask(storage(b"set", b"a", b"1"))
        server.stop()
        self.assertTrue(os.path.isdir(server.data), os.listdir(server.directory))

    def test_the_state_directory_of_systemd_is_used(self):
        server = harness.Server(start=False)
        self.addCleanup(server.close)
        state = os.path.join(server.directory, "state")
        os.mkdir(state)
        server.environment["STATE_DIRECTORY"] = state
        command = server.command
        server.command = lambda: [word for word in command() if word not in ("--data", server.data)]
        server.start()
        server.stop()
        self.assertTrue(os.listdir(state))

    def test_others_cannot_read_it(self):
        server = self.server()
        self.assertEqual(os.stat(server.data).st_mode & 0o077, 0)

    def test_a_volatile_cache_keeps_nothing(self):
        server = self.server("--engine", "memory")
        server.ask(storage(b"set", b"a", b"1"))
        server.stop()
        server.start()
        self.assertEqual(server.ask(b"get a\r\n"), b"END\r\n")

    def test_a_volatile_cache_evicts_within_its_memory(self):
        server = self.server("--engine", "memory", "-m", "16")
        with server.connect() as client:
            for i in range(0, 40000, 50):
                client.send(b"".join(storage(b"set", b"k%d" % j, b"v" * 1000, noreply=True) for j in range(i, i + 50)))
                client.values(b"get k0 k1 k2")  # in use, so not the least recently used
            stats = client.stats()
            self.assertGreater(int(stats[b"evictions"]), 20000)
            self.assertLess(int(stats[b"bytes"]), 16 << 20)
            self.assertEqual(len(client.values(b"get k0 k1 k2")), 3)
            self.assertEqual(client.values(b"get k3 k4 k5"), [])
            self.assertEqual(len(client.values(b"get k39999 k39998 k39997")), 3)

    def test_a_volatile_cache_that_must_not_evict_refuses(self):
        server = self.server("--engine", "memory", "-m", "16", "-M")
        with server.connect() as client:
            replies = [client.ask(storage(b"set", b"k%d" % i, b"v" * 100000)) for i in range(400)]
            self.assertEqual(replies[-1], b"SERVER_ERROR out of memory storing object\r\n")
            self.assertEqual(len(client.values(b"get k0")), 1)
            self.assertEqual(client.ask(b"delete k0\r\n"), b"DELETED\r\n")

    def test_more_data_than_memory(self):
        server = self.server("-m", "16")
        with server.connect() as client:
            for i in range(600):
                self.assertEqual(client.ask(storage(b"set", b"k%d" % i, (b"%04d" % i) * 25000)), b"STORED\r\n")
            for i in range(0, 600, 7):
                self.assertEqual(client.values(b"get k%d" % i)[0][2], (b"%04d" % i) * 25000)


class Refused(harness.TestCase):
    def refused(self, data, says, *arguments, prefix=()):
        with tempfile.TemporaryDirectory(prefix="ringcached-test-") as directory:
            result = harness.run(*prefix, harness.RINGCACHED, "-l", "127.0.0.1", "-p", "-1", "--data", data, *arguments,
                                 cwd=directory)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(says, result.stderr.decode())
        self.assertIn(data, result.stderr.decode())

    def used(self):
        """A data directory that a server has used and left."""
        server = self.server()
        server.ask(storage(b"set", b"a", b"1"))
        server.stop()
        return server.data

    def test_in_use(self):
        server = self.server()
        self.refused(server.data, "in use")
        self.assertEqual(server.ask(b"mn\r\n"), b"MN\r\n")

    def test_in_use_after_a_restart_of_the_first(self):
        server = self.server()
        server.kill()
        server.start()
        self.refused(server.data, "in use")

    def test_of_another_program(self):
        with tempfile.TemporaryDirectory(prefix="ringcached-test-") as data:
            with open(os.path.join(data, "letter.txt"), "w", encoding="ascii") as file:
                file.write("dear all")
            self.refused(data, "not empty")
            self.assertEqual(os.listdir(data).count("letter.txt"), 1)

    def test_of_another_node(self):
        self.refused(self.used(), "belongs to", "--node", "another")

    def test_of_a_later_release(self):
        data = self.used()
        path = os.path.join(data, "identity")
        with open(path, encoding="ascii") as file:
            text = file.read()
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace("ringcached-data 1", "ringcached-data 99", 1))
        self.refused(data, "later release")

    def test_with_a_damaged_identity(self):
        data = self.used()
        with open(os.path.join(data, "identity"), "wb") as file:
            file.write(b"\0" * 64)
        self.refused(data, "damaged")

    def test_that_is_a_file(self):
        with tempfile.NamedTemporaryFile(prefix="ringcached-test-") as file:
            self.refused(file.name, "director")

    def test_without_parent(self):
        self.refused("/nonexistent/parent/data", "parent")

    def test_that_is_not_writeable(self):
        data = self.used()
        if os.getuid() != 0:
            os.chmod(data, 0o500)
            self.addCleanup(os.chmod, data, 0o700)
            self.refused(data, "ermission")
            return
        # root may write anywhere but on a read-only file system: one in a mount namespace of the server's own.
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        probe = harness.run("unshare", "-m", "sh", "-c", script, data, "true")
        if probe.returncode == 0:
            self.refused(data, "ead-only", prefix=("unshare", "-m", "sh", "-c", script, data))
        else:
            # No mounts here (a container): the same claim as another user.
            os.chmod(data, 0o500)
            os.chown(data, 65534, 65534)
            parent = os.path.dirname(data)
            os.chmod(parent, 0o755)
            self.refused(data, "ermission", prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))


class Damaged(harness.TestCase):
    def test_a_flipped_bit_in_the_log_is_not_served(self):
        server = self.server("--checkpoint-age", "1h")
        value = b"precious" * 1000
        server.ask(storage(b"set", b"whole", b"fine") + storage(b"set", b"bad", value))
        server.kill()
        damaged = 0
        for path in self.files(server.data):
            with open(path, "r+b") as file:
                content = file.read()
                at = content.find(value[:4000])
                if at >= 0:
                    file.seek(at + 2000)
                    file.write(b"X")
                    damaged += 1
        self.assertGreater(damaged, 0, "the value is in no file")
        server.start()
        with server.connect() as client:
            found = client.values(b"get bad")
            self.assertNotIn(b"X", found[0][2] if found else b"")
            self.assertEqual(len(client.values(b"get whole")), 1)

    def test_a_flipped_bit_in_the_data_file_is_not_served(self):
        server = self.server()
        value = b"precious" * 1000
        server.ask(storage(b"set", b"whole", b"fine") + storage(b"set", b"bad", value))
        server.stop()  # writes a checkpoint
        damaged = 0
        for path in self.files(server.data):
            with open(path, "r+b") as file:
                content = file.read()
                at = content.find(value[:3000])
                if at >= 0:
                    file.seek(at + 1500)
                    file.write(b"X")
                    damaged += 1
        self.assertGreater(damaged, 0, "the value is in no file")
        server.start()
        with server.connect() as client:
            client.send(b"get bad\r\n")
            reply = client.line()
            self.assertFalse(reply.startswith(b"VALUE"), reply)
        with server.connect() as client:
            self.assertEqual(len(client.values(b"get whole")), 1)

    def test_a_lost_log_segment_is_no_end(self):
        server = self.server("--checkpoint-age", "1h")
        server.ask(storage(b"set", b"a", b"1"))
        server.kill()
        for path in self.files(server.data):
            if "log" in os.path.basename(path) and "lock" not in path:
                with open(path, "r+b") as file:
                    file.truncate(100)
        server.start()
        self.assertEqual(server.ask(storage(b"set", b"b", b"2")), b"STORED\r\n")

    @staticmethod
    def files(data):
        return [path for path in glob.glob(os.path.join(data, "**"), recursive=True) if os.path.isfile(path)]

    def test_a_copied_directory_works(self):
        server = self.server()
        server.ask(storage(b"set", b"a", b"1"))
        server.stop()
        copy = os.path.join(server.directory, "copy")
        shutil.copytree(server.data, copy)
        self.assertEqual(self.server(data=copy).ask(b"get a\r\n"), b"VALUE a 0 1\r\n1\r\nEND\r\n")

    def test_the_log_is_bounded(self):
        server = self.server("-m", "64", "--log-segment", "1m", "--log-bytes", "8m", "--checkpoint-bytes", "2m")
        with server.connect() as client:
            for i in range(600):
                self.assertEqual(client.ask(storage(b"set", b"k%d" % (i % 50), os.urandom(50000))), b"STORED\r\n")
            wait_until(lambda: sum(os.path.getsize(path) for path in self.files(server.data) if "data.mdb" not in path)
                       <= 10 << 20, "old segments to be recycled", 15)


if __name__ == "__main__":
    harness.main()
