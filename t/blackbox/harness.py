"""Starts servers for black-box tests and talks to them over raw sockets.

A server gets a temporary directory of its own, listens on a port that the kernel chose (or on a Unix socket in that
directory), is awaited without fixed sleeps, and is ended by its process id. The program under test is named by the
environment variable RINGCACHED; Debian's memcached, the reference, by MEMCACHED.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RINGCACHED = os.path.abspath(os.environ.get("RINGCACHED", os.path.join(TREE, "build", "bin", "ringcached")))
MEMCACHED = os.environ.get("MEMCACHED", "/usr/bin/memcached")
# Seconds until a missing answer is a failure. Sanitizers and busy machines need more than a person would wait.
PATIENCE = float(os.environ.get("RINGCACHED_TEST_PATIENCE", "30"))
# How many nodes the server under test is to have: it is the first one of a ring of so many. 0: it is alone.
RING = int(os.environ.get("RINGCACHED_RING", "0"))

SANITIZER_MARKS = (b"ERROR: AddressSanitizer", b"ERROR: LeakSanitizer", b"runtime error:", b"WARNING: ThreadSanitizer")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """Runs in the child before exec: no server outlives the test that started it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Impatient(AssertionError):
    """Something did not happen in time."""


def wait_until(condition, what, seconds=None, pause=0.01):
    """Polls `condition` until it is true and returns its value."""
    deadline = time.monotonic() + (PATIENCE if seconds is None else seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Impatient("waited in vain: " + what)
        time.sleep(pause)


class Server:
    """One running server. Use as a context manager; leaving it stops the server and checks how it ended."""

    def __init__(self, *arguments, program=None, unix=False, config=None, data=None, environment=None, start=True,
                 preload=None, prefix=(), own_port=False):
        self.program = program or RINGCACHED
        self.is_memcached = os.path.basename(self.program) == "memcached"
        self.directory = tempfile.mkdtemp(prefix="ringcached-test-")
        self.arguments = [str(argument) for argument in arguments]
        self.unix_path = os.path.join(self.directory, "socket") if unix else None
        self.own_port = own_port  # the test passes -p or -s itself
        self.config_path = None
        if config is not None:
            self.config_path = os.path.join(self.directory, "ringcached.conf")
            self.write_config(config)
        self.data = data or os.path.join(self.directory, "data")
        self.environment = dict(environment or {})
        self.preload = preload
        self.prefix = list(prefix)
        self.host = "127.0.0.1"
        self.process = None
        self.port = None
        self.starts = 0
        self.end_awaited = False  # by the test; a server that ends unasked has crashed
        if start:
            self.start()

    def write_config(self, text):
        with open(self.config_path, "w", encoding="ascii") as file:
            file.write(text)

    def command(self):
        line = self.prefix + [self.program]
        if not self.own_port:
            if self.unix_path:
                line += ["-s", self.unix_path]
            else:
                line += ["-l", "127.0.0.1", "-p", "-1", "-U", "0"]
        if self.is_memcached:
            if os.getuid() == 0:
                line += ["-u", "root"]
        else:
            line += ["--data", self.data]
            if self.config_path:
                line += ["--config", self.config_path]
        return line + self.arguments

    def start(self, wait=True):
        self.starts += 1
        self.end_awaited = False
        self.port = None
        self.port_file = os.path.join(self.directory, "port.%d" % self.starts)
        self.log_path = os.path.join(self.directory, "log.%d" % self.starts)
        environment = dict(os.environ, MEMCACHED_PORT_FILENAME=self.port_file, **self.environment)
        if self.preload:
            environment["LD_PRELOAD"] = self.preload
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, cwd=self.directory, preexec_fn=die_with_parent)
        if wait:
            self.wait_ready()

    def log(self):
        with open(self.log_path, "rb") as file:
            return file.read()

    def exit_early(self, what):
        raise AssertionError("%s: %s ended with %s while %s:\n%s"
                             % (what, self.program, self.process.returncode, what,
                                self.log().decode("utf-8", "replace")))

    def _read_port(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.port_file, encoding="ascii") as file:
                for line in file:
                    if line.startswith("TCP INET: ") and line.endswith("\n"):
                        return int(line.split(": ")[1])
        return None

    def wait_ready(self):
        """Until the server answers. A port may be open before: connections are then accepted once data has been recovered."""
        def ready():
            if self.process.poll() is not None:
                self.exit_early("starting")
            if not self.unix_path and not self.own_port:
                self.port = self._read_port()
                if not self.port:
                    return False
            try:
                # Whatever is said, be it that a password is needed: it ends with the server having closed, so that this
                # connection counts no more.
                self.ask(b"mn\r\n")
                return self.process.poll() is None
            except (ConnectionError, FileNotFoundError):
                return False
        try:
            wait_until(ready, "the server to listen")
        except Impatient as error:
            raise Impatient("%s; its log:\n%s" % (error, self.log().decode("utf-8", "replace"))) from None

    def connect_socket(self):
        if self.unix_path:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(self.unix_path)
            except OSError:
                sock.close()
                raise
        else:
            sock = socket.create_connection((self.host, self.port), timeout=PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(PATIENCE)
        return sock

    def connect(self):
        return Client(self.connect_socket())

    def ask(self, data):
        """One connection: sends all, half-closes, returns everything the server says until it closes."""
        with self.connect() as client:
            client.send(data)
            return client.finish()

    def kill(self, number=signal.SIGKILL):
        self.end_awaited = self.process.poll() is None
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def wait(self, seconds=None):
        self.end_awaited = True
        try:
            return self.process.wait(PATIENCE if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            raise Impatient("the server did not end; its log:\n" + self.log().decode("utf-8", "replace")) from None

    def wait_idle(self, client):
        """Until every thread of the server sleeps: with the input taken (Client.wait_taken), all of it is processed."""
        tasks = "/proc/%d/task" % self.process.pid
        deadline = time.monotonic() + PATIENCE

        def sleeps(task):
            with open("%s/%s/stat" % (tasks, task), "rb") as file:
                return file.read().rpartition(b") ")[2][:1] == b"S"
        while not all(sleeps(task) for task in os.listdir(tasks)):
            client.take_waiting()
            if time.monotonic() > deadline:
                raise Impatient("the server is never idle")

    def stop(self, number=signal.SIGTERM):
        """Stops the server as an operator does and insists on a clean end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.wait()
        log = self.log()
        if code != 0 or any(mark in log for mark in SANITIZER_MARKS):
            raise AssertionError("%s ended with %s, its log:\n%s"
                                 % (self.program, code, log.decode("utf-8", "replace")[-6000:]))

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if self.process is None or (self.process.poll() is not None and self.end_awaited):
                return
            if kind is not None:
                sys.stderr.write("%s (ended with: %s), its log:\n%s\n"
                                 % (self.program, self.process.poll(), self.log().decode("utf-8", "replace")[-6000:]))
            elif self.process.poll() is not None:
                raise AssertionError("%s ended by itself with %s, its log:\n%s"
                                     % (self.program, self.process.poll(), self.log().decode("utf-8", "replace")[-6000:]))
            elif not self.is_memcached:  # the reference takes its time, and is not on trial
                self.stop()
        finally:
            self.close()


class Client:
    """A raw connection."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """Sends all of it; a server that has hung up is not an error here: its last words are still to be read."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)

    def send_in_pieces(self, data, sizes):
        """Sends `data` cut into the given sizes (the last repeats), each taken by the server before the next is sent
        where the socket can tell (Unix sockets)."""
        sizes = list(sizes)
        at = 0
        while at < len(data):
            size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
            self.send(data[at:at + size])
            at += size
            self.wait_taken()

    def wait_taken(self):
        """Until the server has read what was sent; only a Unix socket knows. Replies are taken meanwhile: a server may
        stop reading while they pile up."""
        if self.sock.family != socket.AF_UNIX:
            return
        deadline = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0] != 0:
            self.take_waiting()
            if time.monotonic() > deadline:
                raise Impatient("the server does not read")

    def _fill(self):
        try:
            data = self.sock.recv(262144)
        except ConnectionResetError:
            data = b""
        except socket.timeout:
            raise Impatient("no reply; so far: %r" % self.buffer[-200:]) from None
        self.buffer += data
        return bool(data)

    def take_waiting(self):
        """What has arrived already goes into the buffer."""
        if is_readable(self.sock):
            with contextlib.suppress(ConnectionResetError):
                self.buffer += self.sock.recv(262144)

    def line(self):
        """The next line, without its end. An empty result with the connection closed raises EOFError."""
        while b"\n" not in self.buffer:
            if not self._fill():
                raise EOFError("closed in the middle of a line: %r" % self.buffer[-200:])
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line[:-1] if line.endswith(b"\r") else line

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self._fill():
                raise EOFError("closed after %d of %d bytes" % (len(self.buffer), count))
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def until(self, end):
        """Everything up to and including `end`."""
        while end not in self.buffer:
            if not self._fill():
                raise EOFError("closed before %r came; so far: %r" % (end, self.buffer[-200:]))
        at = self.buffer.index(end) + len(end)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data

    def to_end(self):
        """Everything until the server closes."""
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def finish(self):
        """Half-closes, then reads everything until the server closes."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        return self.to_end()

    def ask(self, data, end=b"\r\n"):
        """Sends and returns the reply up to `end`."""
        self.send(data)
        return self.until(end)

    def values(self, request):
        """A text retrieval: list of (key, flags, value, token or None), in the order of the reply."""
        self.send(request + b"\r\n")
        found = []
        while True:
            line = self.line()
            if line == b"END":
                return found
            words = line.split(b" ")
            if words[0] != b"VALUE":
                raise AssertionError("%r was answered by %r" % (request, line))
            value = self.exactly(int(words[3]) + 2)
            if value[-2:] != b"\r\n":
                raise AssertionError("value without its line end: %r" % value[-20:])
            found.append((words[1], int(words[2]), value[:-2], words[4] if len(words) > 4 else None))

    def stats(self, group=b""):
        """`stats [group]` as a dictionary."""
        self.send(b"stats" + (b" " + group if group else b"") + b"\r\n")
        found = {}
        while True:
            line = self.line()
            if line == b"END":
                return found
            words = line.split(b" ", 2)
            if words[0] != b"STAT":
                raise AssertionError("stats %r was answered by %r" % (group, line))
            found[words[1]] = words[2] if len(words) > 2 else b""


def storage(verb, key, value, flags=0, exptime=0, token=None, noreply=False):
    """A text storage command with its data block."""
    line = b"%s %s %d %d %d" % (verb, key, flags, exptime, len(value))
    if token is not None:
        line += b" " + token
    return line + (b" noreply" if noreply else b"") + b"\r\n" + value + b"\r\n"


def is_readable(sock):
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def is_closed(sock):
    """Has the peer closed, or reset, the connection?"""
    try:
        return is_readable(sock) and sock.recv(1, socket.MSG_PEEK) == b""
    except ConnectionResetError:
        return True


def run(*arguments, seconds=None, **options):
    """Runs a program to its end and returns it, with its output."""
    return subprocess.run([str(argument) for argument in arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE if seconds is None else seconds, check=False,
                          preexec_fn=die_with_parent, **options)


def subject(*arguments, **options):
    """The server under test, for tests that hold for any node of a ring as well as for one alone."""
    if not RING:
        return Server(*arguments, **options)
    sys.path.insert(0, os.path.join(TREE, "t", "cluster"))
    import cluster  # pylint: disable=import-outside-toplevel
    return cluster.first_of_ring(*arguments, count=RING, **options)


def need(path_or_name, package):
    """A program that the tests depend on; a missing one is a failure that names its package, never a silent skip."""
    found = shutil.which(path_or_name)
    if not found:
        raise AssertionError("%s is missing: apt-get install %s" % (path_or_name, package))
    return found


class TestCase(unittest.TestCase):
    maxDiff = 4000

    def server(self, *arguments, **options):
        """A server for this test alone, checked for a clean end after it."""
        server = Server(*arguments, **options)
        self.addCleanup(self._end, server)
        return server

    def subject(self, *arguments, **options):
        """The same for the server under test, which may be a node of a ring."""
        server = subject(*arguments, **options)
        self.addCleanup(self._end, server)
        return server

    def has_failed(self):
        return any(error for _, error in getattr(self._outcome, "errors", ())) or not self._outcome.success

    def _end(self, server):
        server.__exit__(AssertionError if self.has_failed() else None, None, None)


class SharedServerCase(TestCase):
    """Test cases that share one server; keys are made distinct by self.key()."""

    arguments = ()
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.shared = subject(*cls.arguments, **cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.shared.__exit__(None, None, None)

    def setUp(self):
        self.client = self.shared.connect()
        self.addCleanup(self.client.close)

    def key(self, suffix=""):
        return ("%s.%s" % (self.id().rsplit(".", 1)[-1][:150], suffix)).encode("ascii")


def main():
    if not os.access(RINGCACHED, os.X_OK):
        sys.exit("no server at %s: build it, or name one in RINGCACHED" % RINGCACHED)
    unittest.main(module="__main__", verbosity=1)
