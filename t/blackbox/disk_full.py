"""A full disk and a full map: a clear error, reads go on, nothing committed is lost, and writes work again when there is
space.

The disk is a small tmpfs in a mount namespace of its own, so that it needs no cleaning up and two runs do not meet. Where
mounting is not permitted this says so loudly and limits the size of files instead."""

import os
import resource
import subprocess
import sys

import harness
import ledger
from harness import storage, wait_until

FULL = b"SERVER_ERROR out of memory storing object"
# What memcached says where nothing is to be stored.
NO_DELETE = b"SERVER_ERROR out of memory"
REFUSED_SET = {("set", FULL)}
SMALL = ["-m", "16", "--log-segment", "1m", "--log-bytes", "8m", "--checkpoint-bytes", "1m", "--checkpoint-age", "200ms"]
MOUNT = 'mount -t tmpfs -o size=%dk,mode=0700 tmpfs "$0" && echo mounted && exec cat'


class SmallDisk:
    """A tmpfs that only those processes see that enter the namespace; it lasts as long as its holder."""

    def __init__(self, case, directory, kilobytes):
        self.directory = directory
        for how in (["-m"], ["-Urm"]):
            self.holder = subprocess.Popen(["unshare", *how, "sh", "-c", MOUNT % kilobytes, directory],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                           preexec_fn=harness.die_with_parent)
            case.addCleanup(self.end, self.holder)
            if self.holder.stdout.readline() == b"mounted\n":
                self.enter = ["nsenter", "--target", str(self.holder.pid), "--mount"]
                if how == ["-Urm"]:
                    self.enter += ["--user", "--preserve-credentials"]
                return
        self.holder = None

    @staticmethod
    def end(holder):
        holder.stdin.close()
        holder.wait(harness.PATIENCE)
        holder.stdout.close()

    def path(self, name):
        """The directory as seen from outside."""
        return os.path.join("/proc/%d/root" % self.holder.pid, self.directory.lstrip("/"), name)

    def free(self):
        about = os.statvfs(self.path(""))
        return about.f_bavail * about.f_frsize

    def fill(self, leave):
        """A file that takes all but `leave` bytes."""
        with open(self.path("filler"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free() - leave)

    def empty(self):
        os.unlink(self.path("filler"))


class DiskFull(harness.TestCase):
    def write_until_refused(self, server, book, seconds=60):
        """Fills what there is; returns the refusals."""
        load = ledger.Load(server, book, "fill", keys=4000, pipeline=20)
        wait_until(lambda: any(writer.refused for writer in load.writers), "the disk to be full", seconds)
        return load.finish()

    def still_serves(self, server, book):
        self.assertEqual(book.problems(server), [])
        with server.connect() as client:
            reply = client.ask(b"delete some.key\r\n")
            self.assertIn(reply, (b"NOT_FOUND\r\n", NO_DELETE + b"\r\n"))
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")

    def writes_again(self, server):
        with server.connect() as client:
            wait_until(lambda: client.ask(storage(b"set", b"again", b"v" * 1000)) == b"STORED\r\n", "writes to work again",
                       30, pause=0.1)

    def test_a_full_disk(self):
        server = self.server(*SMALL, start=False)
        os.mkdir(server.data, 0o700)
        disk = SmallDisk(self, server.data, 48 * 1024)
        if disk.holder is None:
            sys.stderr.write("\nMOUNTING IS NOT PERMITTED HERE: the full disk is imitated by a limit on file sizes\n")
            self.limited_files(server)
            return
        # The data directory proper is below the mount point: the mount's own holds the filler.
        server.data = os.path.join(server.data, "data")
        server.prefix = disk.enter
        server.start()
        book = ledger.Ledger(scale=16)
        load = ledger.Load(server, book, "before", keys=500)
        wait_until(lambda: book.writes > 500, "some writes")
        load.finish()
        disk.fill(leave=6 << 20)

        self.assertLessEqual(REFUSED_SET, set(self.write_until_refused(server, book)))
        self.still_serves(server, book)
        # A crash while it is full, and a start on the full disk.
        server.kill()
        server.start()
        self.still_serves(server, book)
        disk.empty()
        self.writes_again(server)
        self.assertEqual(book.problems(server), [])
        server.stop()
        server.start()
        self.assertEqual(book.problems(server), [])

    def limited_files(self, server):
        server.start()
        book = ledger.Ledger(scale=16)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (3 << 20, resource.RLIM_INFINITY))
        self.assertLessEqual(REFUSED_SET, set(self.write_until_refused(server, book)))
        self.still_serves(server, book)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.writes_again(server)
        server.kill()
        server.start()
        self.assertEqual(book.problems(server), [])

    def test_a_full_map(self):
        server = self.server("--map-size", "24m", "--map-reserve", "10m", *SMALL)
        book = ledger.Ledger(scale=16)
        # Deletes may use the reserve: none of them is refused.
        self.assertEqual(set(self.write_until_refused(server, book)), REFUSED_SET)
        self.still_serves(server, book)
        # Each key can be deleted.
        keys = sorted(book.kinds)
        with server.connect() as client:
            for key in keys:
                sequence = book.next(key, "delete")
                reply = client.ask(b"delete %s\r\n" % key)
                self.assertIn(reply, (b"DELETED\r\n", b"NOT_FOUND\r\n"))
                book.acknowledge(key, sequence)
        self.assertEqual(book.problems(server), [])

    def test_a_full_map_is_usable_after_deletes(self):
        server = self.server("--map-size", "24m", "--map-reserve", "10m", "--grace", "1s", *SMALL)
        book = ledger.Ledger(scale=16)
        self.write_until_refused(server, book)
        with server.connect() as client:
            for key in book.kinds:
                client.ask(b"delete %s\r\n" % key)
        self.writes_again(server)

    def test_a_full_map_survives_a_kill(self):
        server = self.server("--map-size", "24m", "--map-reserve", "10m", *SMALL)
        book = ledger.Ledger(scale=16)
        self.write_until_refused(server, book)
        server.kill()
        server.start()
        self.still_serves(server, book)

    def test_append_and_incr_are_refused_too(self):
        server = self.server("--map-size", "24m", "--map-reserve", "10m", *SMALL)
        self.write_until_refused(server, ledger.Ledger(scale=16))
        with server.connect() as client:
            def refused():
                return client.ask(storage(b"set", b"x", b"v" * 100000)) != b"STORED\r\n"
            wait_until(refused, "a refusal")
            self.assertIn(client.ask(storage(b"append", b"w0.1", b"v" * 100000)),
                          (FULL + b"\r\n", b"NOT_STORED\r\n"))


if __name__ == "__main__":
    harness.main()
