"""The loads, and the two programs that can produce them: memtier_benchmark and the project's ringcached-load."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from bench_server import Failed

KEY_PREFIX = "bench-"


class Load:
    def __init__(self, name, title, sets, gets, value_size, pipeline=1):
        self.name, self.title = name, title
        self.sets, self.gets = sets, gets
        self.value_size, self.pipeline = value_size, pipeline


LOADS = [
    Load("mixed", "set:get 1:10, 32 B", 1, 10, 32),
    Load("mixed-1k", "set:get 1:10, 1 KiB", 1, 10, 1024),
    Load("set", "set only, 32 B", 1, 0, 32),
    Load("get", "get only, 32 B", 0, 1, 32),
    Load("pipe-get", "get only, 32 B, pipeline 16", 0, 1, 32, 16),
    Load("pipe-mixed", "set:get 1:10, 32 B, pipeline 16", 1, 10, 32, 16),
]


class Result:
    """What one run of one load on one server gave. Times are in milliseconds of latency and CPU seconds."""

    def __init__(self, ops, ops_per_s, p50, p99, p99_9, misses, errors):
        self.ops, self.ops_per_s = ops, ops_per_s
        self.p50, self.p99, self.p99_9 = p50, p99, p99_9
        self.misses, self.errors = misses, errors
        self.cpu_us_per_op = None
        self.disturbance = 0  # CPUs that neither the server nor the load generator used


class Plan:
    """What is the same for all runs."""

    def __init__(self, seconds, connections, threads, keys, cpu):
        self.seconds, self.connections, self.threads, self.keys, self.cpu = seconds, connections, threads, keys, cpu

    def pinned(self, command):
        return command if self.cpu is None else ["taskset", "-c", str(self.cpu)] + command


def run(command, seconds_max, accepts_failure=False):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds_max)
    except subprocess.TimeoutExpired:
        raise Failed(f"no end after {seconds_max} s: {' '.join(command)}")
    if done.returncode != 0 and not accepts_failure:
        output = done.stdout[-500:] + done.stderr[-1500:]
        raise Failed(f"{' '.join(command)}\nended with status {done.returncode}:\n{output}")
    return done


class Memtier:
    """memtier_benchmark seeds all connections alike unless --distinct-client-seed is given: then they ask for the
    same keys in the same order, and a store looks better than it is."""

    name = "memtier_benchmark"
    protocols = ("text", "binary", "redis")

    def __init__(self, program):
        self.program = program

    def command(self, plan, server, protocol, value_size, json_path):
        return [
            self.program, "--server=127.0.0.1", f"--port={server.port}",
            "--protocol=" + {"text": "memcache_text", "binary": "memcache_binary", "redis": "redis"}[protocol],
            f"--clients={max(1, plan.connections // plan.threads)}", f"--threads={plan.threads}",
            f"--data-size={value_size}", f"--key-prefix={KEY_PREFIX}", "--key-minimum=1",
            f"--key-maximum={plan.keys}", "--distinct-client-seed", "--hide-histogram",
            "--print-percentiles=50,99,99.9", f"--json-out-file={json_path}",
        ]

    def totals(self, command, seconds_max):
        done = run(command, seconds_max)
        path = command_json_path(command)
        with open(path) as file:
            return json.load(file)["ALL STATS"], len(re.findall("error", done.stderr, re.I))

    def prefill(self, plan, server, protocol, value_size):
        with tempfile.TemporaryDirectory() as scratch:
            command = self.command(plan, server, protocol, value_size, os.path.join(scratch, "out.json"))
            command += ["--ratio=1:0", "--key-pattern=P:P", "--requests=allkeys", "--pipeline=16"]
            stats, errors = self.totals(plan.pinned(command), 600)
            if errors or stats["Sets"]["Count"] < plan.keys:
                raise Failed(f"{server.name}: {stats['Sets']['Count']} of {plan.keys} keys could be set")

    def measure(self, plan, server, protocol, load):
        with tempfile.TemporaryDirectory() as scratch:
            command = self.command(plan, server, protocol, load.value_size, os.path.join(scratch, "out.json"))
            command += [f"--ratio={load.sets}:{load.gets}", "--key-pattern=R:R", f"--test-time={plan.seconds}",
                        f"--pipeline={load.pipeline}"]
            stats, errors = self.totals(plan.pinned(command), plan.seconds + 60)
        totals = stats["Totals"]
        shares = totals["Percentile Latencies"]
        # Its own rate divides by a duration that may be a second too long, which counts in a short run.
        misses = round(stats["Gets"]["Misses/sec"] * stats["Runtime"]["Total duration"] / 1000)
        return Result(totals["Count"], totals["Count"] / plan.seconds, shares["p50.00"], shares["p99.00"],
                      shares["p99.90"], misses, errors + totals.get("Connection Errors", 0))


def command_json_path(command):
    return next(word.partition("=")[2] for word in command if word.startswith("--json-out-file="))


class OwnLoader:
    name = "ringcached-load"
    protocols = ("text", "binary")

    def __init__(self, program):
        self.program = program

    def command(self, plan, server, protocol, value_size):
        return plan.pinned([
            self.program, "--host=127.0.0.1", f"--port={server.port}", f"--protocol={protocol}",
            f"--connections={plan.connections}", f"--threads={plan.threads}", f"--keys={plan.keys}",
            f"--key-prefix={KEY_PREFIX}", f"--value-size={value_size}", "--json",
        ])

    def prefill(self, plan, server, protocol, value_size):
        run(self.command(plan, server, protocol, value_size) + ["--prefill", "--seconds=0", "--pipeline=16"], 600)

    def measure(self, plan, server, protocol, load):
        command = self.command(plan, server, protocol, load.value_size)
        command += [f"--ratio={load.sets}:{load.gets}", f"--seconds={plan.seconds}", f"--pipeline={load.pipeline}"]
        done = run(command, plan.seconds + 60, accepts_failure=True)
        if not done.stdout:
            raise Failed(f"{server.name}: {done.stderr}")
        out = json.loads(done.stdout)
        return Result(out["ops"], out["ops_per_s"], out["p50_ms"], out["p99_ms"], out["p99_9_ms"], out["misses"],
                      out["errors"] + out["connections_lost"])


def own_loader_path():
    """Beside the build directories that the README and t/run use, or in PATH."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    beside = os.path.join(top, "build", "bin", "ringcached-load")
    return beside if os.access(beside, os.X_OK) else shutil.which("ringcached-load")


def find_loader(wanted=None):
    """The program called `wanted`; else memtier_benchmark if it is in PATH, else the project's own."""
    if wanted is None:
        wanted = shutil.which("memtier_benchmark") or own_loader_path()
    if wanted is None:
        raise Failed("neither memtier_benchmark nor build/bin/ringcached-load is there; build the project first")
    path = own_loader_path() if wanted == "ringcached-load" else shutil.which(wanted)
    if path is None:
        raise Failed(f"there is no program '{wanted}'")
    return Memtier(path) if "memtier" in os.path.basename(path) else OwnLoader(path)
