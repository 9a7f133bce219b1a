"""The admin port as HTTP: what is answered, who is answered, and that rude clients harm nobody."""

import json
import os
import socket
import tempfile
import time
import unittest

import fake
import harness
from fake import ask, request

TOKEN = "a-token-of-more-than-16"


class Answers(fake.TestCase):
    def setUp(self):
        self.port = self.node().port

    def get(self, path, **options):
        return request(self.port, "GET", path, **options)

    def post(self, path, value, **options):
        return request(self.port, "POST", path, json.dumps(value).encode(), **options)

    def test_status_ring_and_config_are_json(self):
        for path, field in (("/status", "members"), ("/ring", "owners"), ("/config", "buckets")):
            reply = self.get(path)
            self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/json"))
            self.assertEqual(reply.headers["connection"], "close")
            self.assertIsInstance(reply.json()[field], list)

    def test_an_engine_from_80_percent_is_warned_of(self):
        self.assertIn("engine", " ".join(self.get("/status").json()["warnings"]))

    def test_a_key_is_unescaped(self):
        self.assertEqual(self.get("/key?key=%61gr%65e").json()["key"], "agree")
        self.assertEqual(self.get("/key?key=a%00b%ff").json()["key"], "a%00b%FF")
        self.assertEqual(self.get("/key?key=a+b").json()["key"], "a+b")
        self.assertEqual(self.get("/key?other=1&key=k&more=2").json()["key"], "k")

    def test_a_key_has_1_to_250_bytes(self):
        self.assertEqual(self.get("/key?key=" + "k" * 250).status, 200)
        for query in ("", "?", "?key", "?key=", "?kez=1", "?key=" + "k" * 251, "?key=&key=k"):
            reply = self.get("/key" + query)
            self.assertEqual(reply.status, 400, query)
            self.assertIn("accepted", reply.json()["error"])

    def test_owners_that_agree_and_owners_that_do_not(self):
        self.assertEqual([self.get("/key?key=" + key).json()["agree"] for key in ("agree", "differ", "gone")],
                         [True, False, False])

    def test_an_answer_may_come_later(self):
        self.assertTrue(self.get("/key?key=later").json()["agree"])

    def test_an_answer_about_another_table_is_not_given(self):
        reply = self.get("/key?key=moved")
        self.assertEqual(reply.status, 503)
        self.assertIn("ask again", reply.json()["error"])

    def test_who_waits_may_go(self):
        for key in ("later", "never"):
            sock = socket.create_connection(("127.0.0.1", self.port))
            sock.sendall(b"GET /key?key=%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % key.encode())
            sock.close()
        self.assertTrue(self.get("/key?key=agree").json()["agree"])
        time.sleep(0.1)  # past the moment at which the answer comes for who has gone: it must not fall over it
        self.assertEqual(self.get("/status").status, 200)

    def test_a_join_that_is_not_answered_ends_with_the_node(self):
        sock = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(sock.close)
        body = b'{"address":"10.0.0.4:3"}'
        sock.sendall(b"POST /join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.assertEqual(self.get("/status").status, 200)

    def test_a_join_is_answered_with_its_outcome(self):
        good, bad = self.post("/join", {"address": "10.0.0.4:1"}), self.post("/join", {"address": "10.0.0.4:2"})
        self.assertEqual((good.status, good.json()["text"]), (200, "10.0.0.4:1 is a member from epoch 8 on"))
        self.assertEqual((bad.status, bad.json()["error"]), (409, "10.0.0.4:2 holds data already"))

    def test_an_address_to_join_needs_host_and_port(self):
        for address in ("", "host", ":12211", "host:0", "host:65536", "a b:1:2", "*:12211", 7, None, ["host:1"],
                        "h" * 200 + ":1"):
            self.assertEqual(self.post("/join", {"address": address}).status, 400, address)
        self.assertEqual(self.post("/join", {}).status, 400)

    def test_settings_change_for_a_bucket_and_make_a_new_one(self):
        self.assertEqual(self.post("/config", {"bucket": "default", "r": "1", "w": 1, "multi-value": False}).status, 200)
        self.assertEqual(self.post("/config", {"bucket": "carts", "prefix": "cart:", "reconcile": "lww"}).status, 200)
        default, carts = self.get("/config").json()["buckets"]
        self.assertEqual((default["r"], default["w"], default["multi-value"]), (1, 1, "off"))
        self.assertEqual((carts["name"], carts["prefix"], carts["reconcile"], carts["r"]), ("carts", "cart:", "lww", 2))

    def test_wrong_settings_change_nothing_and_say_what_is_accepted(self):
        before = self.get("/config").body
        for change, hint in (({"bucket": "default", "r": 9}, "from 1 to 7"),
                             ({"bucket": "default", "r": 1, "w": 3}, "at most n = 2"),
                             ({"bucket": "default", "r": -1}, "from 1 to 7"),
                             ({"bucket": "default", "r": 1.5}, "text or a whole number"),
                             ({"bucket": "default", "r": None}, "text or a whole number"),
                             ({"bucket": "default", "colour": "red"}, "no setting"),
                             ({"bucket": "default", "port": "1"}, "no setting"),
                             ({"bucket": "default", "prefix": "x"}, "default"),
                             ({"bucket": "default", "reconcile": "lww", "stale-cas": "sibling"}, "bucket default"),
                             ({"bucket": "carts", "r": 1}, "prefix"),
                             ({"bucket": "a b", "prefix": "x"}, "without spaces"),
                             ({"bucket": "n" * 50, "prefix": "x"}, "1 to 49"),
                             ({"bucket": "", "prefix": "x"}, "1 to 49"),
                             ({"bucket": "default"}, "accepted"), ({"r": 1}, "accepted"), ({}, "accepted")):
            reply = self.post("/config", change)
            self.assertEqual(reply.status, 400, change)
            self.assertIn(hint, reply.json()["error"], change)
        self.assertEqual(self.get("/config").body, before)

    def test_a_change_that_the_node_refuses_is_a_conflict(self):
        reply = self.post("/config", {"bucket": "stale", "prefix": "s:"})
        self.assertEqual((reply.status, reply.json()["error"]), (409, "too many changes of the settings"))

    def test_unknown_paths_and_methods(self):
        for path in ("/", "/statuses", "/status/", "//status", "/STATUS", "/..", "/%73tatus"):
            reply = self.get(path)
            self.assertEqual(reply.status, 404, path)
            self.assertIn("/status", reply.json()["error"])
        for method, path, allow in (("POST", "/status", "GET"), ("DELETE", "/config", "GET, POST"),
                                    ("GET", "/join", "POST"), ("PUT", "/join", "POST"), ("OPTIONS", "/config", "GET, POST"),
                                    ("PATCH", "/key", "GET")):
            reply = request(self.port, method, path)
            self.assertEqual((reply.status, reply.headers["allow"]), (405, allow), method)
        self.assertEqual(request(self.port, "HEAD", "/status").status, 405)


class Founding(fake.TestCase):
    def test_a_node_without_a_ring_tells_what_it_waits_for(self):
        port = self.node(environment={"FAKE_FOUNDING": "1"}).port
        status = request(port, "GET", "/status").json()
        self.assertIn("seeds", status["waits_for"])
        self.assertEqual({member["state"] for member in status["members"]}, {"joining"})
        for method, path, body in (("GET", "/ring", None), ("GET", "/key?key=k", None), ("GET", "/config", None),
                                   ("POST", "/config", b"{}"), ("POST", "/join", b"{}")):
            reply = request(port, method, path, body)
            self.assertEqual(reply.status, 503, path)
            self.assertIn("have not answered", reply.json()["error"])


class Access(fake.TestCase):
    def file(self, text, mode=0o600):
        directory = tempfile.TemporaryDirectory(prefix="ringcached-test-")
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def test_a_token_is_asked_for_and_no_other_will_do(self):
        port = self.node(token_file=self.file(TOKEN + "\n")).port
        good = request(port, "GET", "/status", headers=["Authorization: Bearer " + TOKEN])
        self.assertEqual(good.status, 200)
        for header in (None, "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Bearer " + TOKEN[:-1],
                       "Authorization: Bearer " + TOKEN + "x", "Authorization: Bearer " + TOKEN.upper(),
                       "Authorization: Basic " + TOKEN, "Authorization: " + TOKEN, "Authorization: Bearer " + "x" * 5000,
                       "Bearer: " + TOKEN):
            for path in ("/status", "/nothing"):
                reply = request(port, "GET", path, headers=[header] if header else [])
                self.assertEqual((reply.status, reply.headers["www-authenticate"]), (401, "Bearer"), header)
                self.assertIn("token", reply.json()["error"])
        reply = request(port, "POST", "/join", b'{"address":"10.0.0.4:1"}')
        self.assertEqual(reply.status, 401)

    def test_with_a_token_any_name_of_the_host_will_do(self):
        port = self.node(token_file=self.file(TOKEN)).port
        self.assertEqual(request(port, "GET", "/status", host="cache.example",
                                 headers=["Authorization: Bearer " + TOKEN]).status, 200)

    def test_without_a_token_only_addresses_and_localhost_are_named(self):
        port = self.node().port
        for host in ("127.0.0.1", "127.0.0.1:13211", "localhost", "LOCALHOST:1", "[::1]:13211"):
            self.assertEqual(request(port, "GET", "/status", host=host).status, 200, host)
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "1.2.3.4x"):
            self.assertEqual(request(port, "GET", "/status", host=host).status, 403, host)
        self.assertTrue(ask(port, b"GET /status HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200"))

    def test_a_web_page_cannot_post(self):
        port = self.node().port
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            reply = request(port, "POST", "/join", b'{"address":"10.0.0.4:1"}', headers=["Content-Type: " + kind])
            self.assertEqual(reply.status, 415, kind)

    def refused(self, *arguments):
        node = fake.FakeNode(*arguments)
        self.assertEqual(node.close(), 1)
        return node.log.decode()

    def test_an_address_that_others_reach_needs_a_token(self):
        for address in ("0.0.0.0:0", "*:0", "[::]:0"):
            self.assertIn("--admin-token-file", self.refused(address))
        node = self.node("*:0", self.file(TOKEN))
        self.assertEqual(request(node.port, "GET", "/status").status, 401)

    def test_poor_tokens_are_refused(self):
        self.assertIn("16 to 256", self.refused("127.0.0.1:0", self.file("short")))
        self.assertIn("16 to 256", self.refused("127.0.0.1:0", self.file("x" * 257)))
        self.assertIn("16 to 256", self.refused("127.0.0.1:0", self.file("with a blank inside")))
        self.assertIn("is empty", self.refused("127.0.0.1:0", self.file("")))
        self.assertIn("others", self.refused("127.0.0.1:0", self.file(TOKEN, 0o644)))
        self.assertIn("No such file", self.refused("127.0.0.1:0", "/nonexistent/token"))

    def test_an_address_must_make_sense_and_be_free(self):
        for address in ("127.0.0.1", "127.0.0.1:70000", "nonsense", ""):
            self.assertIn("accepted for --admin", self.refused(address))
        port = self.node().port
        self.assertIn("taken", self.refused("127.0.0.1:%d" % port))

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            print("NOT PERMITTED HERE: IPv6")
            return
        node = self.node("[::1]:0")
        status, out, _ = fake.ringctl("-a", "[::1]:%d" % node.port, "status")
        self.assertEqual(status, 0, out)

    def test_off_means_off(self):
        node = self.node("off")
        self.assertEqual(node.port, 0)


class Rudeness(fake.TestCase):
    def setUp(self):
        self.server = self.node()
        self.port = self.server.port

    def tearDown(self):
        self.assertEqual(request(self.port, "GET", "/status").status, 200)

    def test_headers_have_a_limit(self):
        head = b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        self.assertIn(b" 200 ", ask(self.port, head + b"X: " + b"x" * 7000 + b"\r\n\r\n")[:20])
        for data in (head + b"X: " + b"x" * 9000 + b"\r\n\r\n", head + b"X: y\r\n" * 3000 + b"\r\n",
                     b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"x" * 200000):
            self.assertNotIn(b" 200 ", ask(self.port, data)[:20])

    def test_bodies_have_a_limit(self):
        for announced in (65537, 1 << 40, (1 << 63) - 1, 1 << 63, 1 << 70):
            reply = ask(self.port, b"POST /config HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                                   b"Content-Length: %d\r\n\r\n" % announced + b"x" * 70000, half_close=True)
            self.assertNotIn(b" 200 ", reply[:20])
        reply = request(self.port, "POST", "/config", b'"' + b"x" * 65000 + b'"')
        self.assertEqual(reply.status, 400)
        chunks = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        reply = ask(self.port, b"POST /config HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunks * 4, half_close=True)
        self.assertNotIn(b" 200 ", reply[:20])

    def test_bodies_that_are_no_objects(self):
        for body in (b"", b" ", b"{", b"[]", b"7", b'"x"', b"null", b"\0", b"\xff\xfe", b"{} x", b'{"a":1,"a":2}',
                     b"[" * 60000, b'{"bucket":"\xff"}', b'{"bucket":"\\u0000","r":1}', b'{"a":' * 10000):
            reply = request(self.port, "POST", "/config", body)
            self.assertEqual(reply.status, 400, body[:40])
            self.assertTrue(reply.json()["error"])

    def test_what_is_no_http(self):
        for data in (b"get key\r\n", b"\x80\0\0\0" + b"\0" * 20, b"\r\n\r\n", b"GET\r\n\r\n", b"GET /status\r\n\r\n",
                     b"GET /status HTTP/9.9\r\n\r\n", b"FOO /status HTTP/1.1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
                     b"TRACE /status HTTP/1.1\r\n\r\n", b"GET http://[::1 HTTP/1.1\r\n\r\n",
                     b"GET /key?key=%zz%4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /status HTTP/1.1\r\n: x\r\n\r\n",
                     b"GET /\0status HTTP/1.1\r\n\r\n", b"GET * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                     b"POST /config HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"POST /config HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            ask(self.port, data, half_close=True)
            self.assertIsNone(self.server.process.poll(), data)

    def test_a_request_is_cut_anywhere(self):
        data = (b"POST /config HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                b"\r\n{}")
        for at in range(1, len(data)):
            ask(self.port, data[:at], half_close=True)

    def test_a_request_comes_byte_by_byte(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=harness.PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":
                sock.sendall(bytes([byte]))
            self.assertIn(b" 200 ", harness.Client(sock).to_end()[:20])

    def test_one_request_for_each_connection(self):
        one = b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        self.assertEqual(ask(self.port, one * 3).count(b"HTTP/1.1"), 1)

    def test_silent_connections_keep_nobody_out_for_long(self):
        silent = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(40)]  # ADMIN_CONNECTIONS_MAX is 32
        for sock in silent:
            self.addCleanup(sock.close)
        # Those that say nothing are cut after ADMIN_IDLE_SECONDS, 10; then the next in the queue are served.
        began = time.monotonic()
        self.assertEqual(request(self.port, "GET", "/status").status, 200)
        self.assertGreater(time.monotonic() - began, 2)

    def test_many_one_after_the_other(self):
        for _ in range(200):
            self.assertEqual(request(self.port, "GET", "/status").status, 200)
        descriptors = os.listdir("/proc/%d/fd" % self.server.process.pid)
        self.assertLess(len(descriptors), 60)


if __name__ == "__main__":
    unittest.main(verbosity=1)
