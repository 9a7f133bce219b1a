"""`stats`: memcached's names with their meanings, and ringcached's own groups."""

import harness
import wire
from harness import storage

# Names of memcached 1.6.18's general statistics that mean nothing here and are left out; docs/protocol.md says so.
LEFT_OUT = {b"libevent", b"reserved_fds", b"read_buf_count", b"read_buf_bytes", b"read_buf_bytes_free", b"read_buf_oom",
            b"response_obj_oom", b"response_obj_count", b"response_obj_bytes", b"malloc_fails", b"log_worker_dropped",
            b"log_worker_written", b"log_watcher_skipped", b"log_watcher_sent", b"log_watchers", b"unexpected_napi_ids",
            b"round_robin_fallback", b"slab_reassign_rescues", b"slab_reassign_chunk_rescues",
            b"slab_reassign_evictions_nomem", b"slab_reassign_inline_reclaim", b"slab_reassign_busy_items",
            b"slab_reassign_busy_deletes", b"slab_reassign_running", b"slabs_moved", b"slab_global_page_pool",
            b"lru_crawler_running", b"lru_crawler_starts", b"lru_maintainer_juggles", b"crawler_reclaimed",
            b"crawler_items_checked", b"lrutail_reflocked", b"moves_to_cold", b"moves_to_warm", b"moves_within_lru",
            b"direct_reclaims", b"lru_bumps_dropped", b"hash_is_expanding", b"hash_power_level", b"hash_bytes"}


class Statistics(harness.TestCase):
    def test_memcacheds_names_are_there(self):
        reference = self.server(program=harness.MEMCACHED)
        subject = self.server()
        with reference.connect() as ours, subject.connect() as theirs:
            missing = set(ours.stats()) - set(theirs.stats()) - LEFT_OUT
        self.assertEqual(missing, set())

    def test_counters_count_what_memcacheds_count(self):
        data = b"".join([
            storage(b"set", b"a", b"1"), storage(b"add", b"a", b"1"), b"get a b a\r\n", b"gets a\r\n", b"incr a 1\r\n",
            b"incr x 1\r\n", b"decr a 1\r\n", b"decr x 1\r\n", storage(b"cas", b"a", b"1", token=b"7"),
            storage(b"cas", b"x", b"1", token=b"7"), b"touch a 0\r\n", b"touch x 0\r\n", b"gat 0 a x\r\n",
            b"mg a v\r\n", b"mg x v\r\n", b"ms m 1\r\nv\r\n", b"md m\r\n", b"md m\r\n", b"ma a\r\n", b"delete x\r\n",
            b"delete a\r\n", b"flush_all\r\n", storage(b"append", b"x", b"1"), storage(b"set", b"k" * 300, b"v"),
            storage(b"set", b"large", b"v" * 2000000)])
        names = (b"cmd_get", b"cmd_set", b"cmd_flush", b"cmd_touch", b"cmd_meta", b"get_hits", b"get_misses",
                 b"delete_hits", b"delete_misses", b"incr_hits", b"incr_misses", b"decr_hits", b"decr_misses",
                 b"cas_hits", b"cas_misses", b"cas_badval", b"touch_hits", b"touch_misses", b"store_too_large")
        found = []
        for program in (harness.MEMCACHED, None):
            server = self.server(program=program)
            server.ask(data)
            with server.connect() as client:
                stats = client.stats()
            found.append({name: stats.get(name) for name in names})
        self.assertEqual(found[1], found[0])

    def test_settings_that_clients_read(self):
        with self.server("-c", "777").connect() as client:
            settings = client.stats(b"settings")
            self.assertEqual(settings[b"maxconns"], b"777")
            for name, value in ((b"domain_socket", b"NULL"), (b"evictions", b"on"), (b"cas_enabled", b"yes"),
                                (b"flush_enabled", b"yes"), (b"item_size_max", b"1048576"), (b"udpport", b"0")):
                self.assertEqual(settings.get(name), value, name)
        with self.server(unix=True).connect() as client:
            self.assertNotEqual(client.stats(b"settings")[b"domain_socket"], b"NULL")

    def test_reset(self):
        with self.server().connect() as client:
            client.values(b"get a")
            self.assertEqual(client.stats()[b"cmd_get"], b"1")
            self.assertEqual(client.ask(b"stats reset\r\n"), b"RESET\r\n")
            self.assertEqual(client.stats()[b"cmd_get"], b"0")

    def test_every_group_answers(self):
        with self.server(config="[bucket b]\nprefix = b:\n").connect() as client:
            client.ask(storage(b"set", b"a", b"1"))
            for group in (b"items", b"slabs", b"sizes", b"conns"):
                client.stats(group)
            for group in (b"latency", b"versions", b"storage", b"buckets", b"siblings a", b"settings"):
                self.assertTrue(client.stats(group), group)
            self.assertIn(b"b:", b" ".join(client.stats(b"buckets").values()) + b" ".join(client.stats(b"buckets")))

    def test_detail_counts_by_prefix(self):
        with self.server().connect() as client:
            self.assertEqual(client.ask(b"stats detail dump\r\n"), b"END\r\n")
            self.assertEqual(client.ask(b"stats detail on\r\n"), b"OK\r\n")
            client.ask(storage(b"set", b"foo:1", b"v"))
            client.values(b"get foo:1 foo:2")
            client.ask(b"delete foo:1\r\n")
            self.assertEqual(client.ask(b"stats detail dump\r\n", b"END\r\n"),
                             b"PREFIX foo get 2 hit 1 set 1 del 1\r\nEND\r\n")
            self.assertEqual(client.ask(b"stats detail off\r\n"), b"OK\r\n")

    def test_binary_stat_ends_with_an_empty_packet(self):
        with self.server().connect() as client:
            client.send(wire.packet(wire.STAT, opaque=5))
            names = set()
            while True:
                reply = wire.read_reply(client)
                self.assertEqual((reply.status, reply.opaque), (0, 5))
                if not reply.key:
                    break
                names.add(reply.key)
            self.assertTrue({b"pid", b"cmd_get", b"curr_items", b"version"} <= names)
            client.send(wire.packet(wire.STAT, b"settings") + wire.packet(wire.NOOP))
            while wire.read_reply(client).opcode != wire.NOOP:
                pass

    def test_items_and_bytes_follow_the_data(self):
        with self.server().connect() as client:
            for i in range(10):
                client.ask(storage(b"set", b"k%d" % i, b"v"))
            stats = client.stats()
            self.assertEqual((stats[b"curr_items"], stats[b"total_items"]), (b"10", b"10"))

    def test_connections_are_counted(self):
        server = self.server()
        with server.connect() as one, server.connect() as two:
            two.ask(b"mn\r\n")
            # The connection that asked whether the server is up may not be gone at once.
            harness.wait_until(lambda: one.stats()[b"curr_connections"] == b"2", "two connections to be counted")


if __name__ == "__main__":
    harness.main()
