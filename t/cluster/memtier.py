"""memtier_benchmark's default load through one node of three: no error, and no key that was stored is missed."""

import json
import os
import re
import shutil
import tempfile

import cluster
import harness

KEYS = 10000


class Memtier(cluster.RingCase):
    def run_load(self, node, *options):
        with tempfile.TemporaryDirectory(prefix="ringcached-memtier-") as directory:
            path = os.path.join(directory, "result.json")
            result = harness.run("memtier_benchmark", "--hide-histogram", "--json-out-file", path, "-s", cluster.HOST, "-p",
                                 node.port, "--key-maximum", KEYS, *options, seconds=harness.PATIENCE + 60)
            output = (result.stdout + result.stderr).decode("utf-8", "replace")
            self.assertEqual(result.returncode, 0, output)
            self.assertEqual(re.findall(r"(?i)^.*\berror.*$", output, re.M), [])
            with open(path, encoding="utf-8") as file:
                return json.load(file)["ALL STATS"]

    def test_the_default_load_has_no_error_and_misses_no_key(self):
        if not shutil.which("memtier_benchmark"):
            print("memtier_benchmark is not in PATH: its load is not run")
            return
        for protocol, seconds in (("memcache_text", 3), ("memcache_binary", 2)):
            with self.subTest(protocol=protocol):
                ring = self.ring("--request-timeout", "20s", threads=1)
                # Once each key, in their order.
                self.run_load(ring[1], "-P", protocol, "-t", "1", "-c", "1", "--pipeline", "20", "--ratio", "1:0",
                              "--key-pattern", "P:P", "-n", KEYS)
                totals = self.run_load(ring[2], "-P", protocol, "--test-time", seconds)
                self.assertEqual(totals["Gets"]["Misses/sec"], 0)
                self.assertGreater(totals["Gets"]["Hits/sec"], 0)
                self.assertGreater(totals["Sets"]["Count"], 0)
                for node in ring.nodes:
                    with node.connect() as client:
                        stats = client.stats()
                    self.assertEqual(stats[b"get_misses"], b"0")
                for name in ("forward_failures", "no_quorum", "timeouts", "malformed_messages", "repeated_forwards"):
                    self.assertEqual(ring.counters(name), [0, 0, 0], name)


if __name__ == "__main__":
    cluster.main()
