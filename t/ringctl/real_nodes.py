"""ringctl against real nodes: a ring of one, a ring of three, and what happens to the admin port at the start."""

import json
import os
import signal
import socket
import unittest

import fake
import harness
from harness import storage


def free_ports(count):
    """Ports that nobody uses just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


class Node(harness.Server):
    """A server whose admin port is known from the file that RINGCACHED_PORTS_FILENAME names."""

    def start(self, wait=True):
        self.ports_path = os.path.join(self.directory, "ports.%d" % (self.starts + 1))
        self.environment["RINGCACHED_PORTS_FILENAME"] = self.ports_path
        super().start(wait)

    def ports(self):
        with open(self.ports_path, encoding="ascii") as file:
            return {name: int(number) for name, number in (line.split() for line in file)}

    def ringctl(self, *arguments):
        return fake.ringctl(*arguments, port=self.ports()["admin"])

    def json(self, *arguments):
        status, out, errors = self.ringctl("--json", *arguments)
        if status != 0:
            raise AssertionError("ringctl %s: %d, %s" % (arguments, status, errors))
        return json.loads(out)

    def request(self, method, path, body=None):
        return fake.request(self.ports()["admin"], method, path, body)


class Alone(harness.TestCase):
    def node(self, *arguments, **options):
        node = Node(*arguments, **options)
        self.addCleanup(self._end, node)
        return node

    def test_a_node_without_peers_is_a_ring_of_one(self):
        node = self.node("--node", "solo")
        status = node.json("status")
        member = status["members"][0]
        self.assertEqual([m["name"] for m in status["members"]], ["solo"])
        self.assertEqual((member["state"], member["self"], member["ownership"], member["coordinates"]),
                         ("up", True, 100, 100))
        self.assertEqual(member["client"], "127.0.0.1:%d" % node.port)
        self.assertEqual((status["waits_for"], status["copies"], status["warnings"]), ("", 1, []))
        ring = node.json("ring")
        self.assertEqual((ring["members"], ring["owners"]),
                         ([{"name": "solo", "host": "127.0.0.1", "port": node.port}], [[0]] * ring["partitions"]))
        self.assertEqual(node.ringctl("wait", "0")[0], 0)

    def test_a_ring_of_one_is_identical_and_keeps_no_hints(self):
        node = self.node()
        self.assertEqual(node.ringctl("verify", "0")[0], 0)
        self.assertEqual(node.json("hints")["count"], 0)
        self.assertEqual(node.json("antientropy")["pairs"], [])
        self.assertIn("nobody to compare", node.ringctl("repair", "all")[2])

    def test_a_key_is_shown_live_deleted_and_absent(self):
        node = self.node()
        with node.connect() as client:
            client.ask(storage(b"set", b"k", b"value", flags=7, exptime=1000))
            replica, = node.json("key", "k")["replicas"]
            version, = replica["versions"]
            self.assertEqual((version["state"], version["size"], version["flags"]), ("live", 5, 7))
            self.assertTrue(900_000 < version["expiry_ms"] - version["time_ms"] <= 1_001_000)
            (_, _, _, token), = client.values(b"gets k")
            self.assertEqual(replica["token"], token.decode())
            client.ask(b"delete k\r\n")
            self.assertEqual(node.json("key", "k")["replicas"][0]["versions"][0]["state"], "deleted")
            client.ask(storage(b"set", b"f", b"value"))
            client.ask(b"flush_all\r\n")
            self.assertEqual(node.json("key", "f")["replicas"][0]["versions"][0]["state"], "flushed")
        key = node.json("key", "nothing")
        self.assertEqual((key["agree"], key["replicas"][0]["outcome"]), (True, "absent"))

    def test_siblings_are_shown_one_by_one(self):
        node = self.node(config="[bucket carts]\nprefix = cart:\nstale-cas = sibling\n")
        with node.connect() as client:
            client.ask(storage(b"set", b"cart:7", b"milk"))
            (_, _, _, token), = client.values(b"gets cart:7")
            for value in (b"milk,eggs", b"milk,beer"):
                self.assertEqual(client.ask(storage(b"cas", b"cart:7", value, token=token)), b"STORED\r\n")
        key = node.json("key", "cart:7")
        self.assertEqual(key["bucket"], "carts")
        self.assertEqual([version["state"] for version in key["replicas"][0]["versions"]], ["live", "live"])
        self.assertEqual(node.ringctl("key", "cart:7")[1].count(" live "), 2)

    def test_settings_change_while_serving(self):
        node = self.node()
        self.assertEqual(node.ringctl("config", "carts", "prefix=cart:", "reconcile=lww", "w=1")[0], 0)
        with node.connect() as client:
            def stats():
                return client.stats(b"buckets")
            harness.wait_until(lambda: stats().get(b"carts:reconcile") == b"lww", "the bucket to be in force")
            self.assertEqual((stats()[b"carts:prefix"], stats()[b"carts:w"], stats()[b"default:w"]), (b"cart:", b"1", b"2"))
            self.assertEqual((stats()[b"default:effective-w"]), b"1")
        self.assertEqual(node.ringctl("config", "carts", "r=9")[0], 1)
        self.assertEqual([bucket["name"] for bucket in node.json("config")["buckets"]], ["default", "carts"])

    def test_stats_ring_tells_the_same_as_status(self):
        node = self.node("--node", "solo")
        with node.connect() as client:
            stats = client.stats(b"ring")
        status = node.json("status")
        self.assertEqual((stats[b"fingerprint"].decode(), int(stats[b"epoch"]), stats[b"node"], stats[b"members"]),
                         (status["fingerprint"], status["epoch"], b"solo", b"1"))

    def test_the_admin_port_can_be_off(self):
        node = self.node("--admin", "off")
        self.assertNotIn("admin", node.ports())

    def test_the_default_is_the_clients_port_plus_2000(self):
        for _ in range(20):
            port, = free_ports(1)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port + 2000))
                except (OSError, OverflowError):
                    continue
            node = self.node("-l", "127.0.0.1", "-p", port, own_port=True, start=False)
            node.start(wait=False)
            node.port = port
            node.wait_ready()
            self.assertEqual(node.ports(), {"client": port, "admin": port + 2000})
            return
        self.fail("no two free ports")

    def test_a_default_port_that_is_taken_is_done_without(self):
        for _ in range(20):
            port, = free_ports(1)
            with socket.socket() as taken:
                try:
                    taken.bind(("127.0.0.1", port + 2000))
                except (OSError, OverflowError):
                    continue
                taken.listen()
                node = self.node("-l", "127.0.0.1", "-p", port, own_port=True, start=False)
                node.start(wait=False)
                node.port = port
                node.wait_ready()
                self.assertNotIn("admin", node.ports())
                self.assertIn(b"there is no admin port, because port %d" % (port + 2000), node.log())
                return
        self.fail("no two free ports")

    def refused(self, hint, *arguments):
        node = self.node(*arguments, start=False)
        node.start(wait=False)
        self.assertNotEqual(node.wait(), 0)
        self.assertIn(hint, node.log().decode())

    def test_a_named_port_that_is_taken_is_an_error(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.refused("the admin port is taken", "--admin", "127.0.0.1:%d" % taken.getsockname()[1])

    def test_an_address_that_others_reach_needs_a_token(self):
        self.refused("--admin-token-file", "--admin", "0.0.0.0:0")

    def test_what_is_no_address_is_told_by_check_config_too(self):
        result = harness.run(harness.RINGCACHED, "--admin", "nonsense", "--check-config")
        self.assertEqual(result.returncode, 64)
        self.assertIn(b"admin: \"nonsense\" is not an address", result.stderr)

    def test_rude_requests_to_a_real_node(self):
        node = self.node()
        port = node.ports()["admin"]
        for data in (b"x" * 100000, b"GET /" + b"x" * 9000, b"POST /config HTTP/1.1\r\nContent-Length: 99\r\n\r\n{",
                     b"\0" * 1000):
            fake.ask(port, data, half_close=True)
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        with node.connect() as client:
            self.assertEqual(client.ask(storage(b"set", b"k", b"v")), b"STORED\r\n")
        for sock in waiting:
            sock.close()
        self.assertEqual(node.request("GET", "/status").status, 200)


def start_ring(names):
    """A node of each name; all name the same seeds and have found each other."""
    ports = free_ports(2 * len(names))
    clients, peers = ports[:len(names)], ports[len(names):]
    seeds = ",".join("127.0.0.1:%d" % peer for peer in peers)
    nodes = [member(name, client, peer, "--seeds", seeds) for name, client, peer in zip(names, clients, peers)]
    for node in nodes:
        node.wait_ready()
    for node in nodes:
        status, _, errors = node.ringctl("wait", "30")
        assert status == 0, errors
    return nodes


class Member(Node):
    """A node whose clients' port stays the same when it is started again."""

    def start(self, wait=True):
        super().start(False)
        self.port = self.client_port
        if wait:
            self.wait_ready()


def member(name, client, peer, *arguments):
    node = Member("--node", name, "-l", "127.0.0.1", "-p", client, "--admin", "127.0.0.1:0", "--peer",
                  "127.0.0.1:%d" % peer, "-t", "1", *arguments, own_port=True, start=False)
    node.client_port, node.peer_address = client, "127.0.0.1:%d" % peer
    node.start(wait=False)
    return node


class Joins(harness.TestCase):
    def ring(self, names):
        nodes = start_ring(names)
        for node in nodes:
            self.addCleanup(self._end, node)
        return nodes

    def newcomer(self, name):
        node = member(name, *free_ports(2))
        self.addCleanup(self._end, node)
        node.wait_ready()
        return node

    def test_a_node_alone_is_taken_into_a_ring_without_data(self):
        nodes = self.ring(["n1", "n2", "n3"])
        fourth = self.newcomer("n4")
        self.assertEqual([m["name"] for m in fourth.json("status")["members"]], ["n4"])
        status, out, errors = nodes[1].ringctl("join", fourth.peer_address)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("n4", out)
        for node in nodes + [fourth]:
            self.assertEqual(node.ringctl("wait", "30")[0], 0)
            harness.wait_until(lambda: len(node.json("ring")["members"]) == 4, "the fourth member to be known")
        rings = [node.json("ring") for node in nodes + [fourth]]
        self.assertEqual(rings[1:], rings[:1] * 3)
        for owners in rings[0]["owners"]:
            self.assertEqual(len(set(owners)), 3)
        for share in fourth.json("status")["members"]:
            self.assertAlmostEqual(share["ownership"], 25, delta=0.1)
        with fourth.connect() as client:
            self.assertEqual(client.ask(storage(b"set", b"k", b"v")), b"STORED\r\n")

    def test_a_ring_with_data_takes_in_nobody(self):
        nodes = self.ring(["n1", "n2", "n3"])
        with nodes[0].connect() as client:
            self.assertEqual(client.ask(storage(b"set", b"k", b"v")), b"STORED\r\n")
        fourth = self.newcomer("n4")
        status, _, errors = nodes[0].ringctl("join", fourth.peer_address)
        self.assertEqual(status, 1)
        self.assertNotEqual(errors, "")
        self.assertEqual(len(nodes[0].json("ring")["members"]), 3)

    def test_nobody_is_taken_in_twice(self):
        nodes = self.ring(["n1", "n2", "n3"])
        before = nodes[0].json("ring")["epoch"]
        nodes[0].ringctl("join", nodes[1].peer_address)
        self.assertEqual(len(nodes[0].json("ring")["members"]), 3)
        self.assertEqual(nodes[0].json("ring")["epoch"], before)


class RingOfThree(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = start_ring(["n1", "n2", "n3"])

    @classmethod
    def tearDownClass(cls):
        for node in cls.nodes:
            node.__exit__(None, None, None)

    def test_every_node_tells_of_the_same_ring(self):
        rings = [node.json("ring") for node in self.nodes]
        self.assertEqual(rings[1:], rings[:1] * 2)
        ring = rings[0]
        self.assertEqual(sorted(member["name"] for member in ring["members"]), ["n1", "n2", "n3"])
        self.assertEqual(sorted(member["port"] for member in ring["members"]), sorted(node.port for node in self.nodes))
        self.assertEqual(len(ring["owners"]), ring["partitions"])
        for owners in ring["owners"]:
            self.assertEqual(sorted(owners), [0, 1, 2])
        first = [sum(owners[0] == i for owners in ring["owners"]) for i in range(3)]
        self.assertLessEqual(max(first) - min(first), 1)

    def test_status_shows_each_node_itself(self):
        for node in self.nodes:
            status = node.json("status")
            own, = (member for member in status["members"] if member["self"])
            self.assertEqual(own["client"], "127.0.0.1:%d" % node.port)
            self.assertEqual({member["state"] for member in status["members"]}, {"up"})
            self.assertAlmostEqual(sum(member["ownership"] for member in status["members"]), 100, places=1)
            self.assertAlmostEqual(sum(member["coordinates"] for member in status["members"]), 100, places=1)
            self.assertEqual(status["waits_for"], "")

    def test_a_key_is_the_same_on_its_owners_whoever_is_asked(self):
        with self.nodes[0].connect() as client:
            self.assertEqual(client.ask(storage(b"set", b"k", b"value")), b"STORED\r\n")
        for node in self.nodes:
            def agree():
                return node.json("key", "k")["agree"]  # w = 2: the third owner may have it a moment later
            harness.wait_until(agree, "all owners to have the key")
            key = node.json("key", "k")
            self.assertEqual(sorted(replica["name"] for replica in key["replicas"]), ["n1", "n2", "n3"])
            self.assertEqual([replica["versions"][0]["size"] for replica in key["replicas"]], [5] * 3)
            self.assertIn("all 3 owners agree", node.ringctl("key", "k")[1])

    def test_settings_go_to_all(self):
        self.assertEqual(self.nodes[1].ringctl("config", "visits", "prefix=visit:", "w=1")[0], 0)
        for node in self.nodes:
            harness.wait_until(lambda: any(bucket["name"] == "visits" and bucket["w"] == 1
                                           for bucket in node.json("config")["buckets"]), "the bucket to arrive")
        self.assertTrue(any("bucket visits: r + w <= n" in warning
                            for warning in self.nodes[0].json("status")["warnings"]))

    def test_nobody_can_be_taken_in_who_is_not_there(self):
        port, = free_ports(1)
        status, _, errors = self.nodes[0].ringctl("join", "127.0.0.1:%d" % port)
        self.assertEqual(status, 1)
        self.assertIn("127.0.0.1:%d" % port, errors)

    def test_all_copies_are_verified_through_any_node(self):
        with self.nodes[1].connect() as client:
            for number in range(50):
                self.assertEqual(client.ask(storage(b"set", b"verified-%d" % number, b"value")), b"STORED\r\n")
        for node in self.nodes:
            self.assertEqual(node.ringctl("repair", "all")[0], 0)
            status, out, _ = node.ringctl("verify")
            self.assertEqual(status, 0, out)
            self.assertTrue(out.startswith("identical: all copies of 1024 partitions at 3 nodes; 0 hints\n"), out)
        self.assertEqual(self.nodes[0].ringctl("repair", "0")[0], 0)
        self.assertIn("accepted", self.nodes[0].ringctl("repair", "1024")[2])

    def test_hints_and_comparisons_are_shown(self):
        for node in self.nodes:
            hints = node.json("hints")
            self.assertEqual((hints["enabled"], hints["count"], hints["owners"]), (True, 0, []))
            harness.wait_until(lambda node=node: all(pair["compared_ms"] for pair in node.json("antientropy")["pairs"]),
                               "both others to be compared")
            compared = node.json("antientropy")
            self.assertEqual(len(compared["pairs"]), 2)
            for pair in compared["pairs"]:
                self.assertEqual(pair["partitions"], 1024)
            harness.wait_until(lambda node=node: node.json("antientropy")["horizon"]["behind"] == 0, "nothing to be behind")
            with node.connect() as client:
                for group, name in ((b"hints", b"kept"), (b"antientropy", b"checker_passes"), (b"horizon", b"lowest_ms")):
                    self.assertIn(name, client.stats(group))

    def test_a_node_that_is_gone_is_down_and_comes_back(self):
        other, gone = self.nodes[0], self.nodes[2]
        with other.connect() as client:
            self.assertEqual(client.ask(storage(b"set", b"kept", b"value")), b"STORED\r\n")
        gone.kill(signal.SIGKILL)

        def state():
            return {member["name"]: member["state"] for member in other.json("status")["members"]}["n3"]
        harness.wait_until(lambda: state() == "down", "the node to be seen as down")
        self.assertTrue(any("member n3 is down" in warning for warning in other.json("status")["warnings"]))
        key = other.json("key", "kept")
        self.assertEqual({replica["name"]: replica["outcome"] for replica in key["replicas"]}["n3"], "unreachable")
        self.assertFalse(key["agree"])
        self.assertEqual(other.ringctl("wait", "0")[0], 1)
        status, out, _ = other.ringctl("verify", "0")
        self.assertEqual(status, 1)
        self.assertRegex(out, r"\nn3 +unreachable ")
        gone.start()
        for node in self.nodes:
            self.assertEqual(node.ringctl("wait", "30")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
