"""The byte stream may be cut anywhere: every command of a long conversation, sent byte by byte and cut in two at every
byte, is answered as when it is sent at once; over TCP and over a Unix socket."""

import harness
import wire
from harness import storage

TEXT = b"".join([
    storage(b"set", b"a", b"value"), b"get a\r\n", b"get a b a\r\n", storage(b"add", b"a", b"x"),
    storage(b"set", b"n", b"10", noreply=True), b"incr n 5\r\n", b"decr n 100\r\n", b"touch a 0\r\n", b"gat 0 a\r\n",
    b"mg a v s k O1\r\n", b"ms m 5 T0\r\nmetav\r\n", b"mg m v\r\n", b"md m q\r\n", b"ma n N0\r\n", b"mn\r\n",
    storage(b"append", b"a", b"\r\n"), b"get a\r\n", b"set a 0 0 2\r\ntoo long\r\n", b"foo\r\n", b"\r\n",
    storage(b"set", b"k" * 251, b"v"), b"delete a\r\n", b"get a\r\n", b"verbosity 0\r\n", b"flush_all\r\n", b"mn\r\n"])
BINARY = b"".join([
    wire.store(wire.SET, b"a", b"value", 7), wire.packet(wire.GET, b"a"), wire.packet(wire.GETK, b"b"),
    wire.packet(wire.GETKQ, b"a"), wire.packet(wire.GETQ, b"b"), wire.store(wire.ADDQ, b"a", b"x"),
    wire.arithmetic(wire.INCREMENT, b"n", 1, 5), wire.packet(wire.APPEND, b"a", value=b"more"),
    wire.timed(wire.GAT, b"a", 0), wire.packet(0x3d, b"a", b"1234", b"body"), wire.packet(wire.DELETE, b"a"),
    wire.packet(wire.STAT, b"reset"), wire.packet(wire.NOOP, opaque=1)])


class Splits(harness.TestCase):
    def replies(self, server, data, sizes):
        server.ask(b"flush_all\r\n")
        with server.connect() as client:
            client.send_in_pieces(data, sizes)
            reply = client.finish()
        if data is BINARY:
            return wire.comparable_binary(reply, wire.Tokens())
        return wire.comparable_text(reply, wire.Tokens())

    def every_split(self, data, unix, every):
        server = self.server(unix=unix)
        whole = self.replies(server, data, [len(data)])
        self.assertGreater(len(whole), 10)
        self.assertEqual(self.replies(server, data, [1]), whole)
        for at in range(1, len(data), every):
            self.assertEqual(self.replies(server, data, [at, len(data)]), whole, "cut at byte %d" % at)

    def test_text_over_a_unix_socket(self):
        self.every_split(TEXT, True, 1)

    def test_binary_over_a_unix_socket(self):
        self.every_split(BINARY, True, 1)

    def test_text_over_tcp(self):
        self.every_split(TEXT, False, 7)

    def test_binary_over_tcp(self):
        self.every_split(BINARY, False, 7)

    def test_a_large_value_in_pieces(self):
        server = self.server(unix=True)
        value = bytes(range(256)) * 4000
        for sizes in ([65536], [1000], [1, 16384, 99999], [len(value)]):
            with server.connect() as client:
                client.send_in_pieces(storage(b"set", b"large", value) + b"get large\r\n", sizes)
                self.assertEqual(client.finish(),
                                 b"STORED\r\nVALUE large 0 %d\r\n" % len(value) + value + b"\r\nEND\r\n")


if __name__ == "__main__":
    harness.main()
