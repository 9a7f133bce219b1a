"""ringctl: exit statuses, text for people, JSON, and what it says when things go wrong."""

import contextlib
import json
import os
import socket
import tempfile
import threading
import time
import unittest

import fake
import harness
from fake import ringctl


class Text(fake.TestCase):
    def setUp(self):
        self.port = self.node().port

    def show(self, *arguments):
        status, out, errors = ringctl(*arguments, port=self.port)
        self.assertEqual((status, errors), (0, ""))
        for line in out.split("\n"):
            self.assertEqual(line, line.rstrip())
        return out

    def test_status_is_a_table_of_members(self):
        out = self.show("status")
        lines = out.splitlines()
        self.assertTrue(lines[0].startswith("ring 0000000000000abc  epoch 7  fingerprint "), lines[0])
        self.assertIn("4 partitions  2 copies", lines[0])
        self.assertIn("hints 13", lines[0])
        head, own, other = lines[2], lines[3], lines[4]
        self.assertEqual(own.split()[:5], ["*", "a", "up", "10.0.0.1:11211", "10.0.0.1:12211"])
        self.assertEqual(other.split()[:4], ["b", "up", "[fe80::2]:11211", "10.0.0.2:12211"])
        self.assertIn("37.5 %", other)
        self.assertIn("2.5", other)
        self.assertEqual(head.index("STATE"), own.index("up"))
        self.assertEqual(head.index("VERSION"), other.index("0.1.0"))
        self.assertIn("RACK", head)
        self.assertNotIn("DATACENTRE", head)
        self.assertIn("\nwarning: bucket default: w = n = 2", out)

    def test_status_names_who_is_quarantined(self):
        self.port = self.node(environment={"FAKE_SILENT": "1"}).port
        out = self.show("status")
        self.assertRegex(out, r"\n +b +quarantined +")
        self.assertIn("warning: member b is quarantined: its clock is off by 12.5 s", out)
        self.assertIn("warning: 1 of this node's copies are doubtful", out)

    def test_ring_groups_partitions_with_the_same_owners(self):
        out = self.show("ring")
        self.assertIn("[fe80::2]:11211", out)
        self.assertRegex(out, r"\n +2 +0 +a +b\n")
        self.assertRegex(out, r"\n +1 +1 +b +a\n")
        self.assertRegex(out, r"\na +10.0.0.1:11211 +3 +4\n")

    def test_key_shows_owners_versions_and_clocks(self):
        out = self.show("key", "differ")
        self.assertRegex(out, r"^key differ  partition 2  bucket default  epoch 7\n")
        self.assertRegex(out, r"\na +live +a 00000000/1:1 ")
        self.assertRegex(out, r"\nc +deleted +c 00000000/1:2 ")
        self.assertIn("do not have the same", out)
        self.assertIn("all 2 owners agree", self.show("key", "agree"))
        self.assertIn("1 of 2 owners answered", self.show("key", "gone"))

    def test_any_bytes_make_a_key(self):
        self.assertIn("key a/b?c&d=%25%C3%A4+# ", self.show("key", "a/b?c&d=%ä+#"))

    def test_config_shows_and_changes_buckets(self):
        self.assertIn("bucket carts", self.show("config", "carts", "prefix=cart:", "stale-cas=sibling", "w=1"))
        out = self.show("config")
        self.assertRegex(out, r"\ncarts +cart: +2 +1 +siblings +sibling +on +committed +0 +100\n")
        self.assertIn("n = 2 (now 2)", out)

    def test_join_says_what_happened(self):
        self.assertEqual(self.show("join", "10.0.0.4:1"), "10.0.0.4:1 is a member from epoch 8 on\n")

    def test_hints_are_counted_by_owner(self):
        out = self.show("hints")
        self.assertIn("13 hints (900 bytes) kept here; since the start 20 stored, 7 delivered, 2 refused\n", out)
        self.assertRegex(out, r"\nb +12 +90 s\n")
        self.assertRegex(out, r"\n00000063 +1 +2 h\n")  # has left the ring

    def test_antientropy_shows_each_pair_and_the_horizon(self):
        out = self.show("antientropy")
        self.assertRegex(out, r"\nb +3 +3 +10 min +30 s +same +9 +31 +17 +4242\n")
        self.assertRegex(out, r"\nc +1 +0 +- +never +1 left +0 +0 +0 +0\n")
        self.assertIn("horizon: 2.0 to 5.0 s ago; held back by hints of node b\n", out)
        self.assertIn("copies: 1 doubtful, 2 behind\n", out)
        self.assertIn("checker: 2 passes, 9 partitions rebuilt, 0 trees were wrong\n", out)

    def test_repair_of_a_partition_or_of_all(self):
        self.assertEqual(self.show("repair", "2"), "partition 2 is compared with its other owners now\n")
        self.assertIn("all partitions", self.show("repair", "all"))

    def test_verify_asks_again_until_all_copies_are_the_same(self):
        status, out, progress = ringctl("verify", port=self.port)
        self.assertEqual(status, 0)
        self.assertEqual(progress, "1 of 4 partitions differ, 7 hints\n")
        self.assertTrue(out.startswith("identical: all copies of 4 partitions at 3 nodes; 0 hints\n"), out)
        self.assertRegex(out, r"\nb +answered +0 +3 +0\n")
        self.assertTrue(json.loads(self.show("--json", "verify"))["identical"])

    def test_verify_names_what_differs_when_the_time_is_over(self):
        status, out, _ = ringctl("verify", "0", port=self.port)
        self.assertEqual(status, 1)
        self.assertIn("not identical: 1 of 4 partitions; 7 hints\n", out)
        self.assertRegex(out, r"\n +2 +a +000000000000900d\n +c +0000000000000bad\n")

    def test_verify_names_who_does_not_answer(self):
        port = self.node(environment={"FAKE_SILENT": "1"}).port
        status, out, _ = ringctl("verify", "0", port=port)
        self.assertEqual(status, 1)
        self.assertRegex(out, r"\nc +unreachable ")
        self.assertRegex(out, r"\n +c +not heard\n")

    def test_wait_is_over_when_all_are_up(self):
        began = time.monotonic()
        self.assertEqual(self.show("wait"), "")
        self.assertLess(time.monotonic() - began, harness.PATIENCE / 2)

    def test_json_is_what_the_node_says(self):
        for command in (["ring"], ["key", "agree"], ["config"], ["hints"], ["antientropy"]):
            path = {"key": "/key?key=agree"}.get(command[0], "/" + command[0])
            said = fake.request(self.port, "GET", path).body.decode()
            self.assertEqual(self.show("--json", *command), said + "\n")
            self.assertEqual(self.show(*command, "--json"), said + "\n")
        self.assertEqual(json.loads(self.show("-j", "join", "10.0.0.4:1"))["text"],
                         "10.0.0.4:1 is a member from epoch 8 on")
        said, shown = fake.request(self.port, "GET", "/status").json(), json.loads(self.show("--json", "status"))
        self.assertLessEqual(said.pop("now_ms"), shown.pop("now_ms"))
        self.assertEqual(shown, said)

    def test_the_ring_fills_a_map_of_virtual_buckets(self):
        ring = json.loads(self.show("--json", "ring"))
        self.assertEqual([row[0] for row in ring["owners"]], [0, 1, 0, 0])
        self.assertEqual(len(ring["owners"]), ring["partitions"])
        self.assertEqual([(m["host"], m["port"]) for m in ring["members"]],
                         [("10.0.0.1", 11211), ("fe80::2", 11211), ("cache3.example", 11311)])


class RefusalCase(fake.TestCase):
    def refuse(self, status, hint, *arguments, port=None):
        got, out, errors = ringctl(*arguments, port=port)
        self.assertEqual((got, out), (status, ""), errors)
        self.assertTrue(errors.startswith("ringctl: "), errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertIn(hint, errors)


class Refusals(RefusalCase):
    def test_what_the_node_refuses_is_1(self):
        port = self.node().port
        self.refuse(1, "10.0.0.4:2 holds data already", "join", "10.0.0.4:2", port=port)
        self.refuse(1, "accepted: {\"address\"", "join", "nonsense", port=port)
        self.refuse(1, "from 1 to 7", "config", "default", "r=9", port=port)
        self.refuse(1, "no setting", "config", "default", "colour=red", port=port)
        self.refuse(1, "ask again", "key", "moved", port=port)
        self.refuse(1, "no copy of that partition", "repair", "3", port=port)
        self.refuse(1, "accepted: {\"partition\"", "repair", "4", port=port)

    def test_a_node_that_waits_is_1(self):
        port = self.node(environment={"FAKE_FOUNDING": "1"}).port
        self.refuse(1, "have not answered", "ring", port=port)
        self.refuse(1, "does not serve yet: the seeds", "wait", "0", port=port)
        self.refuse(1, "does not serve yet: the seeds", "wait", "1", port=port)
        status, out, _ = ringctl("status", port=port)
        self.assertEqual(status, 0)
        self.assertIn("this node does not serve yet: the seeds", out)

    def test_a_missing_or_wrong_token_is_1(self):
        with tempfile.TemporaryDirectory(prefix="ringcached-test-") as directory:
            right, wrong, none = (os.path.join(directory, name) for name in ("right", "wrong", "none"))
            for path, text in ((right, "the-right-token-it-is\n"), (wrong, "another-token-it-is\n")):
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
                os.chmod(path, 0o600)
            port = self.node(token_file=right).port
            self.refuse(1, "--token-file", "status", port=port)
            self.refuse(1, "--token-file", "--token-file", wrong, "status", port=port)
            self.refuse(64, "cannot read a token", "--token-file", none, "status", port=port)
            self.assertEqual(ringctl("--token-file", right, "status", port=port)[0], 0)
            self.assertEqual(ringctl("status", "-t", right, port=port)[0], 0)

    def test_wrong_usage_is_64(self):
        for words in ([], ["nonsense"], ["key"], ["key", "a", "b"], ["join"], ["status", "now"], ["config", "default"],
                      ["config", "default", "r"], ["config", "default", "=1"], ["wait", "soon"], ["key", ""], ["repair"],
                      ["repair", "some"], ["repair", "65536"], ["verify", "soon"], ["hints", "b"], ["antientropy", "b"],
                      ["key", "k" * 251]):
            self.refuse(64, "", *words, port=1)
        self.assertEqual(ringctl("--nonsense")[0], 64)

    def test_nobody_there_is_69_and_says_what_to_do(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, does not listen
            port = taken.getsockname()[1]
            self.refuse(69, "cannot connect to 127.0.0.1:%d: Connection refused: is the node running?" % port, "status",
                        port=port)
            self.refuse(69, "-a HOST:PORT", "wait", "0", port=port)

    def test_addresses_that_make_no_sense_are_69(self):
        for address in ("[::1", "[::1]x", "host:", "host:0x1", "host:65536", "127.0.0.1:99999999999"):
            self.refuse(69, address, "-a", address, "status")
        self.refuse(69, "cannot find the host", "-a", "host.invalid:1", "status")

    def test_help_and_version(self):
        status, out, _ = ringctl("--help")
        self.assertEqual(status, 0)
        self.assertTrue(out.startswith("usage: ringctl"))
        self.assertRegex(ringctl("--version")[1], r"^ringctl \d+\.\d+\.\d+\n$")


class StrangeReplies(RefusalCase):
    """Something else listens where the admin port is thought to be."""

    def speak(self, *replies):
        """A listener that answers its first connections with these bytes; returns its port."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(harness.PATIENCE)

        def serve():
            for reply in replies:
                with contextlib.suppress(OSError):
                    sock, _ = listener.accept()
                    sock.settimeout(harness.PATIENCE)
                    with sock:
                        sock.recv(65536)
                        sock.sendall(reply)
        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        return listener.getsockname()[1]

    def test_what_is_no_admin_port_is_69(self):
        for reply in (b"", b"ERROR\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
                      b"\0" * 100, b"HTTP/1.1 OK 200\r\n\r\n{}", b"HTTP/2 200\r\n\r\n{}", b"HTTP/1.1 20\r\n\r\n{}"):
            self.refuse(69, "did not answer as an admin port does", "status", port=self.speak(reply))

    def test_an_answer_that_is_no_object_is_69(self):
        for body in (b"", b"[]", b"{", b"<html>", b"\xff"):
            self.refuse(69, "not one of an admin port", "status", port=self.speak(b"HTTP/1.1 200 OK\r\n\r\n" + body))

    def test_a_refusal_without_reason(self):
        for reply in (b"HTTP/1.0 500 Oops\r\n\r\n", b"HTTP/1.1 413 X\r\nContent-Type: text/html\r\n\r\n<HTML>"):
            self.refuse(1, "HTTP status", "status", port=self.speak(reply))

    def test_empty_answers_are_shown_as_nothing(self):
        for command in (["status"], ["ring"], ["key", "k"], ["config"], ["hints"], ["antientropy"]):
            for body in (b"{}", b'{"members":7,"owners":[[]],"replicas":[{}],"buckets":[[]],"warnings":[1],"epoch":1}'):
                status, _, errors = ringctl(*command, port=self.speak(b"HTTP/1.1 200 OK\r\n\r\n" + body))
                self.assertEqual((status, errors), (0, ""), command)

    def test_nothing_commands_the_terminal(self):
        evil = b'{"epoch":1,"cluster":"\\u001b[1m","members":[{"name":"\\u001b[2J","state":"up\\n"}],"warnings":["\\u001b]0;x\\u0007"]}'
        status, out, _ = ringctl("status", port=self.speak(b"HTTP/1.1 200 OK\r\n\r\n" + evil))
        self.assertEqual(status, 0)
        self.assertNotIn("\x1b", out)
        self.refuse(1, "?[2J", "status", port=self.speak(b'HTTP/1.1 500 X\r\n\r\n{"error":"\\u001b[2J\\r\\nx"}'))

    def test_wait_goes_on_until_somebody_is_there(self):
        up = b'HTTP/1.1 200 OK\r\n\r\n{"waits_for":"","members":[{"state":"up"},{"state":"%s"}]}'
        port = self.speak(b"", b"HTTP/1.1 503 X\r\n\r\n{}", up % b"joining", up % b"down", up % b"up")
        self.assertEqual(ringctl("wait", port=port)[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
