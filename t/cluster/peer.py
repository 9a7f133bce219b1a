"""The dialling side of the connections between nodes, written after docs/messages.md: handshake and frames."""

import hashlib
import hmac
import os
import socket
import struct

import cluster
import harness

MAGIC = b"ring"
HELLO, WELCOME, PROOF, READY, REFUSED = range(1, 6)
DATA, MEMBERSHIP = 1, 2
GREETING, READ, READ_REPLY = 1, 2, 3
MASK = (1 << 64) - 1


def murmur3_x64_128(data, seed):
    """The first half of MurmurHash3_x64_128."""
    def rotate(x, by):
        return (x << by | x >> 64 - by) & MASK

    def mix(x):
        x = (x ^ x >> 33) * 0xff51afd7ed558ccd & MASK
        x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53 & MASK
        return x ^ x >> 33
    c1, c2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
    h1 = h2 = seed
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        k1, k2 = struct.unpack_from("<QQ", data, at)
        h1 ^= rotate(k1 * c1 & MASK, 31) * c2 & MASK
        h1 = ((rotate(h1, 27) + h2) * 5 + 0x52dce729) & MASK
        h2 ^= rotate(k2 * c2 & MASK, 33) * c1 & MASK
        h2 = ((rotate(h2, 31) + h1) * 5 + 0x38495ab5) & MASK
    rest = data[whole:]
    if len(rest) > 8:
        h2 ^= rotate(int.from_bytes(rest[8:], "little") * c2 & MASK, 33) * c1 & MASK
    if rest:
        h1 ^= rotate(int.from_bytes(rest[:8], "little") * c1 & MASK, 31) * c2 & MASK
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & MASK
    h2 = (h2 + h1) & MASK
    h1, h2 = mix(h1), mix(h2)
    return (h1 + h2) & MASK


def hash_mix(x):
    x = (x ^ x >> 33) * 0xff51afd7ed558ccd & MASK
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53 & MASK
    return x ^ x >> 33


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return number, at


def frame(kind, fields, tail=b""):
    head = bytes([kind]) + fields
    length = 4 + 8 + len(head) + len(tail)
    seed = hash_mix(length << 32 | len(head)) & 0xffffffff
    return struct.pack(">IIQ", length, len(head), murmur3_x64_128(head, seed)) + head + tail


def text(name):
    return bytes([len(name)]) + name


def saying(kind, fields):
    return MAGIC + struct.pack(">BH", kind, len(fields)) + fields


class Refused(Exception):
    def __init__(self, reason, words):
        super().__init__(words)
        self.reason, self.words = reason, words


class Peer:
    """A connection to the peer port of a node (of t/cluster/cluster.py)."""

    def __init__(self, node):
        self.sock = socket.create_connection((cluster.HOST, node.wait_ports()["peer"]), timeout=harness.PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = harness.Client(self.sock)
        self.said = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def hear(self, expected):
        header = self.client.exactly(7)
        magic, kind, length = struct.unpack(">4sBH", header)
        fields = self.client.exactly(length)
        if magic != MAGIC:
            raise AssertionError("the handshake has %r" % header)
        if kind == REFUSED:
            raise Refused(fields[0], fields[1:].decode())
        if kind != expected:
            raise AssertionError("message %d of the handshake is %d" % (expected, kind))
        return header + fields, fields

    def hello(self, cluster_name=b"ringcached", node=b"stranger", plane=DATA, versions=(2, 2)):
        fields = struct.pack(">BBBHQ", *versions, plane, 0, 0x1234567890abcdef) + os.urandom(16) + text(cluster_name) + text(node)
        self.said = saying(HELLO, fields)
        self.client.send(self.said)

    def proof(self, role, said, secret):
        return hmac.new(secret, b"ringcached handshake %-8s" % role + said, hashlib.sha256).digest()

    def shake(self, secret=b"", **hello):
        """The whole handshake. Returns the acceptor's name; raises Refused."""
        self.hello(**hello)
        whole, fields = self.hear(WELCOME)
        if not hmac.compare_digest(fields[-32:], self.proof(b"acceptor", self.said + whole[:-32], secret)):
            raise AssertionError("the acceptor does not know our secret")
        self.client.send(saying(PROOF, self.proof(b"dialler", self.said + whole, secret)))
        self.hear(READY)
        name_at = 1 + 8 + 16
        name_at += 1 + fields[name_at]
        return fields[name_at + 1:name_at + 1 + fields[name_at]].decode()

    def next_frame(self):
        """Type, fields and tail of the next frame."""
        length, head_len, checksum = struct.unpack(">IIQ", self.client.exactly(16))
        rest = self.client.exactly(length - 12)
        seed = hash_mix(length << 32 | head_len) & 0xffffffff
        if murmur3_x64_128(rest[:head_len], seed) != checksum:
            raise AssertionError("the checksum of a frame is not as documented")
        return rest[0], rest[1:head_len], rest[head_len:]

    def greet(self, ring_id, epoch=1):
        self.client.send(frame(GREETING, b"\0" + varint(epoch) + struct.pack(">QQQQQ", ring_id, 0, 0, 0, 0)))
        return self.next_frame()
