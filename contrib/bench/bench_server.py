"""A server under measurement: started on a free loopback port in a directory of its own, watched through /proc."""

import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS_MAX = 15
STOP_SECONDS_MAX = 60
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
REDIS_PROGRAMS = ("redis-server", "valkey-server", "keydb-server")


class Failed(Exception):
    """Something that the person who runs the benchmark must hear about."""


def allow_many_files():
    """Servers and clients inherit the highest limit that we may set: thousands of connections need it."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def machine_busy_seconds():
    """CPU time that the whole machine has used, and what its host has taken from it."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, interrupts, soft, stolen = map(int, stat.readline().split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / TICKS_PER_SECOND


class Server:
    def __init__(self, text, keep=False):
        self.name, equals, self.command = text.partition("=")
        if not equals or not self.name or "{port}" not in self.command:
            raise Failed(f"'{text}' is not of the form NAME=COMMAND with {{port}} in the command")
        self.keep = keep
        program = os.path.basename(shlex.split(self.command)[0])
        self.is_redis = program in REDIS_PROGRAMS
        self.process = None

    def start(self, cpu=None):
        self.directory = tempfile.mkdtemp(prefix=f"ringcached-bench-{re.sub('[^a-zA-Z0-9]', '-', self.name)}-")
        self.port = free_port()
        words = shlex.split(self.command)
        if os.path.exists(words[0]):
            words[0] = os.path.abspath(words[0])
        command = [word.replace("{port}", str(self.port)).replace("{dir}", self.directory) for word in words]
        if cpu is not None:
            command = ["taskset", "-c", str(cpu)] + command
        self.log_path = os.path.join(self.directory, "bench-server.log")
        with open(self.log_path, "wb") as log:
            try:
                self.process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log)
            except OSError as error:
                raise Failed(f"{self.name}: cannot run {command[0]}: {error.strerror}")
        self.wait_until_it_listens()

    def wait_until_it_listens(self):
        give_up = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} stopped at once:\n{self.log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed(f"{self.name} does not listen after {START_SECONDS_MAX} s:\n{self.log_tail()}")

    def log_tail(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()[-2000:]

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} died (status {self.process.returncode}):\n{self.log_tail()}")

    def cpu_seconds(self):
        """User and system time of all its threads; the kernel keeps it in ticks, for threads that ended too."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.M).group(1))

    def file_bytes(self):
        """What its files take on the disk: blocks in use, not the nominal size of files with holes."""
        total = 0
        for folder, _, names in os.walk(self.directory):
            for name in names:
                path = os.path.join(folder, name)
                if path != self.log_path and not os.path.islink(path):
                    total += os.lstat(path).st_blocks * 512
        return total

    def stop(self):
        """Ends the process as its operator would; the directory stays until remove()."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            print(f"{self.name} ignored SIGTERM for {STOP_SECONDS_MAX} s and was killed", file=sys.stderr)
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.stop()
        directory = getattr(self, "directory", None)
        if directory is None:
            return
        if self.keep:
            print(f"{self.name}: kept {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)
        self.directory = None


def wait_until_quiet(servers, seconds_max=20):
    """Returns when none uses more than a tenth of a CPU: what they put off (log, checkpoint) is done by then."""
    give_up = time.monotonic() + seconds_max
    before = [server.cpu_seconds() for server in servers]
    while time.monotonic() < give_up:
        time.sleep(0.3)
        for server in servers:
            server.check_alive()
        now = [server.cpu_seconds() for server in servers]
        if all(after - earlier < 0.03 for after, earlier in zip(now, before)):
            return
        before = now
