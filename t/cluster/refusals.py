"""What comes to a peer port and is not as it should be: it is refused, logged a few times, and everyone else is served."""

import os
import re
import socket
import struct
import tempfile

import cluster
import harness
import peer
from harness import storage, wait_until

LOGGED_MAX = 5  # lines of one kind in ten seconds
SECRET = b"correct horse battery staple"
MALFORMED, VERSIONS, CLUSTERS, SECRETS, NAMESAKE = 1, 2, 3, 4, 6  # enum handshake_reason


class Refusals(cluster.SharedRingCase):
    arguments = ("--request-timeout", "20s")

    def setUp(self):
        self.node = self.shared[1]
        self.key = self.shared.key_of(2, self.stem())  # node 1 needs node 2 for it
        self.served = self.shared[3].connect()
        self.addCleanup(self.served.close)
        self.assertEqual(self.served.ask(storage(b"set", self.key, b"v")), b"STORED\r\n")

    def assert_served(self):
        """Through the node in question and through another, on new and old connections."""
        self.assertEqual(self.node.ask(storage(b"set", self.key, b"v") + b"get %s\r\n" % self.key),
                         b"STORED\r\nVALUE %s 0 1\r\nv\r\nEND\r\n" % self.key)
        self.assertEqual(self.served.values(b"get " + self.key), [(self.key, 0, b"v", None)])

    def lines(self, text):
        return [line for line in self.node.log().splitlines() if re.search(text, line)]

    def wait_logged(self, text):
        return wait_until(lambda: self.lines(text), "the log to have %r" % text)

    def ring_id(self):
        return int(self.node.ring_stats()["cluster"], 16)

    def connected(self):
        link = peer.Peer(self.node)
        self.addCleanup(link.client.close)
        self.assertEqual(link.shake(), "node1")
        return link

    def refused(self, reason, words, **hello):
        with peer.Peer(self.node) as stranger, self.assertRaises(peer.Refused) as refusal:
            stranger.shake(**hello)
        self.assertEqual(refusal.exception.reason, reason)
        self.assertIn(words, refusal.exception.words)
        self.wait_logged(b"refused a connection from ")

    def test_the_handshake_and_the_frames_are_as_documented(self):
        link = self.connected()
        kind, fields, tail = link.greet(self.ring_id())
        self.assertEqual((kind, fields[0], tail), (peer.GREETING, 1, b""))
        epoch, at = peer.read_varint(fields, 1)
        self.assertEqual(epoch, 1)
        self.assertEqual(struct.unpack_from(">Q", fields, at)[0], self.ring_id())
        partition = cluster.hash_of_key(self.key) & 1023
        link.client.send(peer.frame(peer.READ, b"\2" + peer.varint(7) + peer.varint(1) + peer.varint(partition) + self.key))
        kind, fields, tail = link.next_frame()
        while kind == peer.GREETING:  # may come twice
            kind, fields, tail = link.next_frame()
        self.assertEqual((kind, fields[1], peer.read_varint(fields, 2)[0]), (peer.READ_REPLY, 0, 7))
        self.assertIn(b"v", tail)
        self.assert_served()

    def test_another_clusters_name_is_told_and_refused(self):
        self.refused(CLUSTERS, "other", cluster_name=b"other")
        self.assert_served()

    def test_a_future_version_alone_is_refused(self):
        self.refused(VERSIONS, "9", versions=(9, 12))
        self.assert_served()

    def test_the_name_of_another_process_is_refused(self):
        self.refused(NAMESAKE, "node1", node=b"node1")
        self.assert_served()

    def test_a_malformed_hello_is_refused(self):
        self.refused(MALFORMED, "", node=b"")
        self.refused(MALFORMED, "", node=b"a\nb")
        self.refused(MALFORMED, "", plane=9)
        self.assert_served()

    def test_who_says_nothing_or_half_a_thing_is_hung_up_on(self):
        said = (b"", b"r", peer.MAGIC + b"\x01\x00", peer.saying(peer.HELLO, b"x" * 50)[:30])
        links = []
        for words in said:
            links.append(peer.Peer(self.node))
            self.addCleanup(links[-1].client.close)
            links[-1].client.send(words)
        self.assert_served()
        for link in links:
            self.assertEqual(link.client.to_end(), b"")
        self.assert_served()

    def test_strangers_noise_is_refused_and_logged_a_few_times_only(self):
        noises = [b"get a\r\n", b"\x80\x0a" + bytes(22), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", bytes(2000)] * 12
        for noise in noises:
            with peer.Peer(self.node) as link:
                link.client.send(noise)
                link.client.to_end()
        self.assert_served()
        self.assertLessEqual(len(self.lines(b"refused a connection from ")), 3 * LOGGED_MAX)  # of the whole run

    def test_a_flipped_bit_ends_the_connection(self):
        good = peer.frame(peer.GREETING, b"\0" + peer.varint(1) + struct.pack(">QQQQQ", self.ring_id(), 0, 0, 0, 0))
        for at in range(0, len(good) * 8, 7):
            # A longer length, at most: then the node waits for the rest, which is the next test.
            damaged = bytearray(good)
            damaged[at // 8] ^= 1 << at % 8
            if struct.unpack(">I", damaged[:4])[0] > len(good) - 4:
                continue
            link = self.connected()
            link.client.send(bytes(damaged))
            self.assertEqual(link.client.to_end(), b"", at)
        self.wait_logged(b"node stranger .* damaged frame")
        self.assertLessEqual(len(self.lines(b"node stranger at ")), 3 * LOGGED_MAX)
        self.assert_served()

    def test_half_a_frame_and_silence_hold_up_nobody(self):
        whole = peer.frame(peer.GREETING, b"\0" + peer.varint(1) + struct.pack(">QQQQQ", self.ring_id(), 0, 0, 0, 0))
        links = [self.connected() for _ in range(8)]  # more than the node has loops
        for at, link in enumerate(links):
            link.client.send(whole[:(at + 1) * 6])
        self.assert_served()
        # What is missing may still come.
        links[2].client.send(whole[18:])
        self.assertEqual(links[2].next_frame()[0], peer.GREETING)
        self.assert_served()

    def test_what_no_message_may_be_ends_the_connection(self):
        greeting = struct.pack(">QQQQQ", self.ring_id(), 0, 0, 0, 0)
        other = struct.pack(">QQQQQ", self.ring_id() ^ 1, 0, 0, 0, 0)
        for words in (peer.frame(63, b"what is this"), peer.frame(peer.GREETING, b"\0" + peer.varint(1) + greeting + b"x"),
                      peer.frame(peer.GREETING, b"\xff" + peer.varint(1) + greeting),
                      peer.frame(peer.GREETING, b"\0" + peer.varint(1) + other),  # of another ring
                      peer.frame(peer.GREETING, b"\0\x81\x00" + greeting),  # a varint that is not its shortest form
                      peer.frame(peer.READ, b"\2" + peer.varint(1) * 2 + peer.varint(70000) + b"k"),
                      peer.frame(64, b"gossip on the wrong plane"), struct.pack(">IIQ", 0xfffffff0, 5, 0),
                      struct.pack(">IIQ", 13, 16 << 20, 0), struct.pack(">IIQ", 0, 0, 0)):
            link = self.connected()
            link.client.send(words)
            self.assertEqual(link.client.to_end(), b"", words[:40])
        self.assert_served()

    def test_a_flood_of_silent_connections_keeps_nobody_out_for_long(self):
        floods = []
        try:
            for _ in range(400):  # more than may shake hands at the same time
                floods.append(socket.create_connection((cluster.HOST, self.node.ports["peer"]), timeout=harness.PATIENCE))
            self.assert_served()
            # A node that comes back has to wait until the silent ones have been hung up on, and then gets in.
            self.shared[2].stop()
            self.shared.restart(2)
            self.assert_served()
        finally:
            for sock in floods:
                sock.close()


class Secret(cluster.RingCase):
    def test_the_secret_is_proved_by_both_sides(self):
        with tempfile.TemporaryDirectory(prefix="ringcached-secret-") as directory:
            path = os.path.join(directory, "secret")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(SECRET + b"\n")
            ring = self.ring("--secret-file", path)
            with peer.Peer(ring[1]) as friend:
                self.assertEqual(friend.shake(secret=SECRET), "node1")
            with peer.Peer(ring[1]) as stranger:
                stranger.hello()
                whole, _ = stranger.hear(peer.WELCOME)
                stranger.client.send(peer.saying(peer.PROOF, stranger.proof(b"dialler", stranger.said + whole, b"guess")))
                with self.assertRaises(peer.Refused) as refusal:
                    stranger.hear(peer.READY)
                self.assertEqual(refusal.exception.reason, SECRETS)
            with self.assertRaisesRegex(AssertionError, "does not know our secret"), peer.Peer(ring[1]) as stranger:
                stranger.shake(secret=b"guess")
            wait_until(lambda: b"refused a connection from" in ring[1].log(), "the refusal to be logged")
            self.assertNotIn(SECRET, ring[1].log())


if __name__ == "__main__":
    cluster.main()
