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


def is_redis_command(command):
    return os.path.basename(shlex.split(command)[0]) in REDIS_PROGRAMS


class Server:
    """One process, or several that serve together (a ring, a proxy and its backends): then clients talk to the first
    and CPU time, memory and files are those of all."""

    def __init__(self, text, keep=False):
        self.name, equals, commands = text.partition("=")
        self.commands = [command.strip() for command in re.split(r"\s\+\+\s", commands)]
        if not equals or not self.name or "{port}" not in self.commands[0]:
            raise Failed(f"'{text}' is not of the form NAME=COMMAND with {{port}} in the (first) command")
        self.keep = keep
        self.is_redis = is_redis_command(self.commands[0])
        self.processes = []

    def words_of(self, command):
        """The command with {port}, {port:NAME} and {dir} filled in; a NAME means the same port in all commands."""
        words = shlex.split(command)
        if os.path.exists(words[0]):
            words[0] = os.path.abspath(words[0])
        filled = []
        for word in words:
            word = re.sub(r"\{port(?::\w+)?\}", lambda match: str(self.ports.setdefault(match[0], free_port())), word)
            filled.append(word.replace("{dir}", self.directory))
        return filled

    def start(self, cpu=None):
        self.directory = tempfile.mkdtemp(prefix=f"ringcached-bench-{re.sub('[^a-zA-Z0-9]', '-', self.name)}-")
        self.port = free_port()
        self.ports = {"{port}": self.port}
        self.log_path = os.path.join(self.directory, "bench-server.log")
        pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
        # The first one may need the others (a proxy its backends), so it is started last.
        with open(self.log_path, "wb") as log:
            for command in reversed(self.commands):
                self.processes.insert(0, self.begin(pinned + self.words_of(command), log))
        self.wait_until_it_listens()

    def begin(self, command, log):
        try:
            return subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            raise Failed(f"{self.name}: cannot run {command[0]}: {error.strerror}")

    def wait_until_it_listens(self):
        give_up = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < give_up:
            self.check_alive()
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
        for process in self.processes:
            if process.poll() is not None:
                raise Failed(f"{self.name} died (status {process.returncode}):\n{self.log_tail()}")

    def cpu_seconds(self):
        """User and system time of all threads; the kernel keeps it in ticks, for threads that ended too."""
        ticks = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_SECOND

    def resident_kib(self):
        total = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/status") as status:
                total += int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.M).group(1))
        return total

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
        """Ends the processes as their operator would; the directory stays until remove()."""
        running = [process for process in self.processes if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        give_up = time.monotonic() + STOP_SECONDS_MAX
        for process in running:
            try:
                process.wait(max(0.1, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"{self.name} ignored SIGTERM for {STOP_SECONDS_MAX} s and was killed", file=sys.stderr)
                process.kill()
                process.wait()
        self.processes = []

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
