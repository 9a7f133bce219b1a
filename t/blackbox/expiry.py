"""Expiry, flush times and touch, with times short enough to wait for. Waiting polls and is bounded."""

import time

import harness
import wire
from harness import storage, wait_until


class Expiry(harness.SharedServerCase):
    def gone(self, key, seconds=10):
        wait_until(lambda: not self.client.values(b"get " + key), "%r to expire" % key, seconds, pause=0.05)

    def test_a_relative_time_expires(self):
        key = self.key()
        began = time.time()
        self.client.ask(storage(b"set", key, b"v", exptime=2))
        self.assertEqual(len(self.client.values(b"get " + key)), 1)
        self.gone(key)
        # memcached's clock ticks by the second: a time of 2 lasts more than 1.
        self.assertGreater(time.time() - began, 1.0)

    def test_an_absolute_time_expires(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"v", exptime=int(time.time()) + 2))
        self.assertEqual(len(self.client.values(b"get " + key)), 1)
        self.gone(key)

    def test_expired_is_absent_for_every_command(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"1", exptime=1))
        self.gone(key)
        self.assertEqual(self.client.ask(b"incr %s 1\r\n" % key), b"NOT_FOUND\r\n")
        self.assertEqual(self.client.ask(b"touch %s 0\r\n" % key), b"NOT_FOUND\r\n")
        self.assertEqual(self.client.ask(b"delete %s\r\n" % key), b"NOT_FOUND\r\n")
        self.assertEqual(self.client.ask(storage(b"append", key, b"x")), b"NOT_STORED\r\n")
        self.assertEqual(self.client.ask(storage(b"replace", key, b"x")), b"NOT_STORED\r\n")
        self.assertEqual(self.client.ask(storage(b"cas", key, b"x", token=b"1")), b"NOT_FOUND\r\n")
        self.assertEqual(self.client.ask(b"mg %s v\r\n" % key), b"EN\r\n")
        self.assertEqual(self.client.ask(storage(b"add", key, b"x")), b"STORED\r\n")

    def test_touch_prolongs(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"v", exptime=2))
        self.assertEqual(self.client.ask(b"touch %s 1000\r\n" % key), b"TOUCHED\r\n")
        other = self.key("other")
        self.client.ask(storage(b"set", other, b"v", exptime=2))
        self.gone(other)
        self.assertEqual(len(self.client.values(b"get " + key)), 1)

    def test_touch_shortens(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"v"))
        self.client.ask(b"touch %s 1\r\n" % key)
        self.gone(key)

    def test_gat_and_meta_touch_prolong(self):
        keys = [self.key(str(i)) for i in range(3)]
        for key in keys:
            self.client.ask(storage(b"set", key, b"v", exptime=2))
        self.client.values(b"gat 1000 " + keys[0])
        self.client.ask(b"mg %s T1000\r\n" % keys[1])
        with self.shared.connect() as client:
            client.send(wire.timed(wire.TOUCH, keys[2], 1000))
            self.assertEqual(wire.read_reply(client).status, 0)
        other = self.key("other")
        self.client.ask(storage(b"set", other, b"v", exptime=2))
        self.gone(other)
        self.assertEqual(len(self.client.values(b"get " + b" ".join(keys))), 3)

    def test_incr_keeps_the_time(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"1", exptime=2))
        self.client.ask(b"incr %s 1\r\n" % key)
        self.gone(key)

    def test_meta_shows_the_seconds_left(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"1", exptime=100))
        line = self.client.ask(b"mg %s t\r\n" % key)
        self.assertIn(int(line.split(b"t")[1]), range(90, 101))

    def test_recache_is_won_once_when_little_time_is_left(self):
        key = self.key()
        self.client.ask(storage(b"set", key, b"1", exptime=20))
        self.assertEqual(self.client.ask(b"mg %s R5\r\n" % key), b"HD\r\n")
        self.assertEqual(self.client.ask(b"mg %s R30\r\n" % key), b"HD W\r\n")
        self.assertEqual(self.client.ask(b"mg %s R30\r\n" % key), b"HD Z\r\n")

    def test_touch_survives_a_kill(self):
        with harness.Server() as server:
            server.ask(storage(b"set", b"short", b"v") + storage(b"set", b"long", b"v", exptime=2)
                       + b"touch short 2\r\ntouch long 1000\r\n")
            server.kill()
            server.start()
            with server.connect() as client:
                wait_until(lambda: not client.values(b"get short"), "short to expire", 10)
                self.assertEqual(len(client.values(b"get long")), 1)


class Flush(harness.TestCase):
    """flush_all concerns all keys: a server of its own."""

    def test_a_delayed_flush_comes_later(self):
        server = self.server()
        with server.connect() as client:
            client.ask(storage(b"set", b"a", b"v"))
            self.assertEqual(client.ask(b"flush_all 2\r\n"), b"OK\r\n")
            self.assertEqual(len(client.values(b"get a")), 1)
            wait_until(lambda: not client.values(b"get a"), "the flush", 10, pause=0.05)
            self.assertEqual(client.ask(storage(b"set", b"a", b"v")), b"STORED\r\n")
            self.assertEqual(len(client.values(b"get a")), 1)

    def test_flushed_stays_flushed_after_a_kill(self):
        server = self.server()
        server.ask(storage(b"set", b"a", b"v") + b"flush_all\r\n" + storage(b"set", b"b", b"v"))
        server.kill()
        server.start()
        self.assertEqual(server.ask(b"get a b\r\n"), b"VALUE b 0 1\r\nv\r\nEND\r\n")

    def test_deleted_stays_deleted_after_a_kill(self):
        server = self.server()
        server.ask(storage(b"set", b"a", b"v") + b"delete a\r\n")
        server.kill()
        server.start()
        self.assertEqual(server.ask(b"get a\r\n"), b"END\r\n")

    def test_flush_can_be_forbidden(self):
        server = self.server("-F")
        self.assertEqual(server.ask(storage(b"set", b"a", b"v") + b"flush_all\r\nget a\r\n"),
                         b"STORED\r\nCLIENT_ERROR flush_all not allowed\r\nVALUE a 0 1\r\nv\r\nEND\r\n")

    def test_the_dead_are_swept(self):
        server = self.server("--grace", "1s")
        with server.connect() as client:
            for i in range(200):
                client.ask(storage(b"set", b"k%d" % i, b"v" * 100, exptime=1 if i % 2 else 0))
            for i in range(0, 200, 2):
                client.ask(b"delete k%d\r\n" % i)
            wait_until(lambda: int(client.stats()[b"curr_items"]) == 0, "the sweep", 30, pause=0.1)


if __name__ == "__main__":
    harness.main()
