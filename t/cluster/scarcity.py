"""One node runs out of something: descriptors, its directory, its disk. The others and their clients do not notice."""

import contextlib
import resource
import shutil
import time

import cluster
from harness import storage, wait_until

VALUE = b"v" * 20000


class Scarcity(cluster.RingCase):
    def test_clients_do_not_take_the_last_descriptors_from_other_nodes(self):
        ring = self.ring("-c", "1024")
        node = ring[1]
        resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (160, 160))
        refused, clients = 0, []
        with contextlib.ExitStack() as stack:
            for _ in range(300):
                client = stack.enter_context(node.connect())
                clients.append(client)
            served = 0
            for client in clients:
                try:
                    answer = client.ask(b"mn\r\n")
                except ConnectionError:
                    answer = b""
                served += answer == b"MN\r\n"
                refused += answer != b"MN\r\n"
            self.assertGreater(served, 20)
            self.assertGreater(refused, 100)
            self.assertIn(b"limit of open files", node.log())
            self.assertGreaterEqual(int(clients[0].stats()[b"rejected_connections"]), refused)
            # Another node comes back: it gets its connections although clients would take all.
            ring[2].kill()
            ring[2].start(wait=False)
            ring[2].wait_ready()
            def linked():
                stats = clients[0].stats(b"ring")
                return int(stats[b"links"]) == (ring.threads + 1) * 2
            wait_until(linked, "the links of the node without descriptors")
            for number in range(50):
                self.assertEqual(clients[0].ask(storage(b"set", b"k-%d" % number, b"v")), b"STORED\r\n")
                self.assertEqual(ring[2].ask(storage(b"set", b"l-%d" % number, b"v")), b"STORED\r\n")
        wait_until(lambda: node.ask(b"mn\r\n") == b"MN\r\n", "new connections to be served again", 15)

    def test_a_directory_that_is_deleted_is_told_and_its_node_filled_again(self):
        ring = self.ring()
        for number in range(20):
            self.assertEqual(ring[1].ask(storage(b"set", b"k-%d" % number, b"v")), b"STORED\r\n")
        shutil.rmtree(ring[3].data)
        wait_until(lambda: b"has been deleted while this process works in it" in ring[3].log(), "the loss to be told", 20)
        for node in ring.nodes:
            for number in range(20):
                self.assertEqual(node.ask(storage(b"set", b"k-%d" % number, b"new")), b"STORED\r\n")
        ring[3].kill()
        began = time.monotonic()
        ring[3].start(wait=False)
        ring[3].wait_ready()
        self.assertLess(time.monotonic() - began, 5)
        wait_until(lambda: all(ring[3].ask(b"get k-%d\r\n" % number) == b"VALUE k-%d 0 3\r\nnew\r\nEND\r\n" % number
                               for number in range(20)), "the node to be filled again")

    def test_a_full_disk_at_one_node_fails_no_write(self):
        ring = self.ring(start=False)
        ring[3].arguments += ["--map-size", "20m", "--map-reserve", "10m", "--log-bytes", "1m", "--log-segment", "256k"]
        ring.start()
        for number in range(600):
            node = ring[1 + number % 3]
            self.assertEqual(node.ask(storage(b"set", b"k-%d" % number, VALUE)), b"STORED\r\n", (number, node.name))
        stats = {}
        with ring[3].connect() as client:
            stats = client.stats(b"storage")
        full = [int(value) for name, value in stats.items() if b"full" in name and value.isdigit()]
        self.assertGreater(max(full, default=0), 0, stats)
        for number in range(600):
            node = ring[1 + number % 3]
            self.assertEqual(node.ask(b"get k-%d\r\n" % number), b"VALUE k-%d 0 20000\r\n%s\r\nEND\r\n" % (number, VALUE))


if __name__ == "__main__":
    cluster.main()
