"""The three dialects on the wire: binary packets, and replies made comparable.

A reply is made comparable by replacing what two correct servers may choose freely: cas tokens (by the order of their
first appearance, so that 'the same token again' is still compared) and times that tick.
"""

import re
import struct

# Opcodes of the binary protocol.
GET, SET, ADD, REPLACE, DELETE, INCREMENT, DECREMENT, QUIT, FLUSH, GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND = \
    range(0x10)
STAT, SETQ, ADDQ, REPLACEQ, DELETEQ, INCREMENTQ, DECREMENTQ, QUITQ, FLUSHQ, APPENDQ, PREPENDQ = range(0x10, 0x1b)
TOUCH, GAT, GATQ = range(0x1c, 0x1f)
SASL_LIST, SASL_AUTH, SASL_STEP, GATK, GATKQ = range(0x20, 0x25)

HEADER = struct.Struct(">BBHBBHIIQ")


def packet(opcode, key=b"", extras=b"", value=b"", opaque=0, cas=0, magic=0x80, data_type=0, vbucket=0, key_len=None,
           extras_len=None, body_len=None):
    """A request; the lengths can be made to lie."""
    return HEADER.pack(magic, opcode, len(key) if key_len is None else key_len,
                       len(extras) if extras_len is None else extras_len, data_type, vbucket,
                       len(extras) + len(key) + len(value) if body_len is None else body_len, opaque, cas) \
        + extras + key + value


def store(opcode, key, value, flags=0, exptime=0, **more):
    return packet(opcode, key, struct.pack(">II", flags, exptime & 0xffffffff), value, **more)


def arithmetic(opcode, key, delta, initial=0, exptime=0, **more):
    return packet(opcode, key, struct.pack(">QQI", delta, initial, exptime & 0xffffffff), **more)


def timed(opcode, key, exptime, **more):
    return packet(opcode, key, struct.pack(">I", exptime & 0xffffffff), **more)


class Reply:
    def __init__(self, header, body):
        (self.magic, self.opcode, key_len, extras_len, self.data_type, self.status, self.body_len, self.opaque,
         self.cas) = HEADER.unpack(header)
        self.extras = body[:extras_len]
        self.key = body[extras_len:extras_len + key_len]
        self.value = body[extras_len + key_len:]

    def __repr__(self):
        return "<%02x %02x status %d opaque %x cas %d extras %r key %r value %r>" % (
            self.magic, self.opcode, self.status, self.opaque, self.cas, self.extras, self.key[:60], self.value[:80])


def read_reply(client):
    header = client.exactly(HEADER.size)
    return Reply(header, client.exactly(HEADER.unpack(header)[6]))


def split_replies(data):
    """All replies in `data`; the last element is what is left over when the stream ends in the middle."""
    found = []
    while len(data) >= HEADER.size:
        length = HEADER.unpack(data[:HEADER.size])[6]
        if len(data) < HEADER.size + length:
            break
        found.append(Reply(data[:HEADER.size], data[HEADER.size:HEADER.size + length]))
        data = data[HEADER.size + length:]
    return found, data


class Tokens:
    """Cas tokens by the order of their appearance. 0 stays 0: it means 'none'."""

    def __init__(self):
        self.seen = []

    def name(self, token):
        if token == 0:
            return b"0"
        if token not in self.seen:
            self.seen.append(token)
        return b"<token %d>" % self.seen.index(token)

    def nth(self, number):
        """A token to send: the one that got this number, or one that nobody was given. memcached orders its tokens by
        age and lets `ms I` win over nothing but older ones: 1 is older than all."""
        return self.seen[number] if number < len(self.seen) else 1


def _meta_flag(flag, tokens):
    if re.fullmatch(rb"c\d+", flag):
        return b"c" + tokens.name(int(flag[1:]))
    if re.fullmatch(rb"t\d+", flag):
        # Seconds to live count down while the test runs; the tests use values 50 above a multiple of 100.
        return b"t<%d>" % (int(flag[1:]) // 100)
    if re.fullmatch(rb"l\d", flag):
        return b"l<small>"
    return flag


def comparable_text(data, tokens):
    """A stream of text and meta replies as a list of comparable pieces."""
    pieces = []
    while data:
        line, newline, data = data.partition(b"\n")
        words = line.rstrip(b"\r").split(b" ")
        end = line[len(line.rstrip(b"\r")):] + newline
        block = 0
        if words[0] == b"VALUE" and len(words) in (4, 5) and words[3].isdigit():
            block = int(words[3]) + 2
            if len(words) == 5 and words[4].isdigit():
                words[4] = tokens.name(int(words[4]))
        elif words[0] == b"VA" and len(words) > 1 and words[1].isdigit():
            block = int(words[1]) + 2
            words[2:] = [_meta_flag(word, tokens) for word in words[2:]]
        elif words[0] in (b"HD", b"EN", b"NS", b"EX", b"NF"):
            words[1:] = [_meta_flag(word, tokens) for word in words[1:]]
        elif words[0] == b"ME":
            words[2:] = [word.split(b"=")[0] + b"=..." if word.split(b"=")[0] in (b"la", b"cas", b"cls", b"size", b"exp")
                         else word for word in words[2:]]
        elif words[0] == b"VERSION":
            words[1:] = [b"..."]
        pieces.append(b" ".join(words) + end + data[:block])
        data = data[block:]
    return pieces


def comparable_binary(data, tokens):
    """A stream of binary replies as a list of comparable pieces."""
    replies, rest = split_replies(data)
    pieces = []
    for reply in replies:
        value = b"..." if reply.opcode == VERSION and reply.status == 0 else reply.value
        pieces.append(b"%02x op=%02x status=%d type=%d opaque=%x cas=%s extras=%s key=%s value=%s" % (
            reply.magic, reply.opcode, reply.status, reply.data_type, reply.opaque, tokens.name(reply.cas),
            reply.extras.hex().encode(), reply.key, value))
    return pieces + ([rest] if rest else [])
