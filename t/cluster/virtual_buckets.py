"""An unmodified libmemcached client that is given the ring's table reaches each key's coordinator directly."""

import os
import subprocess

import cluster
import harness

PROGRAM = os.path.join(os.environ.get("RINGCACHED_BUILD", os.path.join(harness.TREE, "build")), "bin", "virtual_buckets")


class VirtualBuckets(cluster.RingCase):
    def run_client(self, table, turn=0):
        """Runs t/cluster/virtual_buckets.c with the table of `ringctl ring --json`; `turn` makes it a wrong one."""
        members = table["members"]
        lines = ["%d %d" % (len(members), table["partitions"])]
        lines += ["%s %d" % (member["host"], member["port"]) for member in members]
        lines += ["%d" % ((owners[0] + turn) % len(members)) for owners in table["owners"]]
        result = subprocess.run([PROGRAM], input="\n".join(lines).encode(), capture_output=True, timeout=harness.PATIENCE,
                                check=False, preexec_fn=harness.die_with_parent)
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_no_request_has_to_be_forwarded(self):
        ring = self.ring()
        self.assertEqual(len({node.ringctl("ring", "--json").stdout for node in ring.nodes}), 1)
        self.run_client(ring[2].report("ring"))
        self.assertEqual(ring.counters("forwards"), [0, 0, 0])
        self.assertEqual(ring.counters("served_forwards"), [0, 0, 0])
        # It has done something: each node has been asked for its share.
        sets = []
        for node in ring.nodes:
            with node.connect() as client:
                sets.append(int(client.stats()[b"cmd_set"]))
        self.assertEqual(sum(sets), 2 * 2000)
        self.assertTrue(all(1000 < count < 1700 for count in sets), sets)

    def test_a_wrong_table_is_served_too_and_shows_in_the_counter(self):
        ring = self.ring()
        self.run_client(ring[1].report("ring"), turn=1)
        self.assertEqual(sum(ring.counters("forwards")), 2 * 2000)  # each set; any owner answers a get


if __name__ == "__main__":
    cluster.main()
