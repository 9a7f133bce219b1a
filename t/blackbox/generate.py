"""Seeded scripts for the differential tests: every command of the text, meta and binary dialects, well formed, nearly
well formed and wrong. The same seed gives the same script."""

import base64
import random

from pairs import PREFIX
import wire

# Stored numbers stay below 2^63: above, memcached looks for a minus sign in whatever lies behind the value in memory.
NUMBERS = [b"0", b"1", b"5", b"10", b"99", b"100", b"9223372036854775", b"1844674407370955161", b"9 ", b"12abc"]
BAD_NUMBERS = [b"abc", b"-1", b"-5", b"99999999999999999999999", b"1x", b"+1", b"0x10", b"1.5",
               b"18446744073709551616"]  # numbers beyond 32 bits as times: see docs/differences.md
# Relative, far enough away not to expire in the test; already expired; absolute and long ago; never.
EXPTIMES = [0, 0, 0, 0, 1050, 2050, -1, 2592001, -100]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.spoiled_block = False  # the last command may leave its data block, or take the next command as its own

    # What commands are made of.

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def key(self):
        number = self.random.randrange(60)
        if number == 0:
            return PREFIX + b"x" * (250 - len(PREFIX))
        if number == 1:
            return PREFIX + b"x" * (251 - len(PREFIX))
        if number == 2:
            return PREFIX + b"\xc3\xa4\xff\x01"
        return PREFIX + b".%d" % (number % 6)

    def value(self):
        kind = self.random.randrange(10)
        if kind < 4:
            return self.random.choice(NUMBERS)
        if kind < 7:
            return bytes(self.random.randrange(97, 123) for _ in range(self.random.randrange(30)))
        if kind == 7:
            return b"a\r\nb\r\nEND\r\n"
        if kind == 8:
            return bytes(self.random.randrange(256) for _ in range(self.random.randrange(300)))
        return b"v" * self.random.choice([1, 100, 1023, 1024, 2047, 2048, 4000, 16384, 40000])

    def value_for(self, key):
        """With a key that is too long the data block becomes a line, and one of over 2048 bytes ends the connection, or
        does not: that depends on how the kernel cut the stream."""
        return self.value() if len(key) <= 250 else self.value()[:1000]

    def exptime(self):
        return self.random.choice(EXPTIMES)

    def flags(self):
        return self.random.choice([0, 0, 1, 13, 65535, 4294967295])

    def delta(self):
        return self.random.choice([0, 1, 1, 2, 9, 10, 100, 4294967295])

    def token(self):
        return b"<<cas%d>>" % self.random.randrange(10)

    def noreply(self):
        return b" noreply" if self.chance(12) else b""

    # Text.

    def text_store(self):
        verb = self.random.choice([b"set", b"set", b"set", b"add", b"replace", b"append", b"prepend", b"cas", b"cas"])
        key = self.key()
        value = self.value_for(key)
        line = [verb, key, b"%d" % self.flags(), b"%d" % self.exptime(), b"%d" % len(value)]
        if verb == b"cas":
            line.append(self.token())
        return b" ".join(line) + self.noreply() + b"\r\n" + value + b"\r\n"

    def text_get(self):
        verb = self.random.choice([b"get", b"get", b"gets", b"gets"])
        count = self.random.choice([1, 1, 1, 2, 3, 20])
        # A key that is too long stands alone: of the others in its line memcached has then noted a hit, or touched them.
        return verb + b" " + b" ".join(self.key()[:250 if count > 1 else None] for _ in range(count)) + b"\r\n"

    def text_gat(self):
        verb = self.random.choice([b"gat", b"gats"])
        keys = b" ".join(self.key()[:250] for _ in range(self.random.choice([1, 1, 2])))
        return b"%s %d %s\r\n" % (verb, self.exptime(), keys)

    def text_arithmetic(self):
        return b"%s %s %d%s\r\n" % (self.random.choice([b"incr", b"decr"]), self.key(), self.delta(), self.noreply())

    def text_other(self):
        kind = self.random.randrange(12)
        if kind < 5:
            return b"delete %s%s\r\n" % (self.key(), self.random.choice([b"", b"", b" 0", b" 10", b" noreply",
                                                                        b" 0 noreply"]))
        if kind < 9:
            return b"touch %s %d%s\r\n" % (self.key(), self.exptime(), self.noreply())
        if kind == 9:
            return self.random.choice([b"flush_all\r\n", b"flush_all 0\r\n", b"flush_all noreply\r\n", b"mn\r\n",
                                       b"flush_all abc\r\n"])
        if kind == 10:
            return self.random.choice([b"version\r\n", b"verbosity 0\r\n", b"verbosity\r\n", b"verbosity 0 noreply\r\n",
                                       b"mn\r\n"])
        return self.random.choice([b"\r\n", b" \r\n", b"foo\r\n", b"GET a\r\n", b"get\r\n", b"set a\r\n", b"gets \r\n",
                                   b"mn x\r\n", b"incr a\r\n", b"touch a\r\n", b"gat 0\r\n", b"delete\r\n", b"mg\r\n",
                                   b"cas a 0 0 1\r\n", b"getx a\r\n", b"gett\r\n", b"sets a 0 0 1\r\n"])

    def spoil(self, command):
        """Makes a well-formed line doubtful: a token dropped, doubled, or turned into nonsense. Not one with a long
        data block: where the line is refused the block becomes a line, and one of over 2048 bytes ends the connection."""
        line, end, rest = command.partition(b"\r\n")
        self.spoiled_block = bool(rest)
        words = line.split(b" ")
        at = self.random.randrange(len(words))
        kind = self.random.randrange(8)
        if kind == 0:
            del words[at]
        elif kind == 1:
            words.insert(at, words[at])
        elif kind in (2, 3):
            # Also in place of the key, but then one that no other run uses.
            words[at] = (PREFIX if at == 1 else b"") + self.random.choice(BAD_NUMBERS)
        elif kind == 4:
            words[at] = words[at].upper()
        elif kind == 5:
            words.insert(at, b"")
        elif kind == 6:
            words.append(b"extra")
        elif rest and words[0] in (b"set", b"add", b"replace", b"append", b"prepend") and len(words) > 4:
            # A data block that is shorter or longer than announced.
            words[4] = b"%d" % max(0, len(rest) - 2 + self.random.choice([-1, -2, 1, 2]))
        else:
            end = b"\n"
        # A length that swallows all the rest: memcached then answers only once it has it all, and so never.
        length = words[4:5] if rest and words[0] != b"ms" else words[2:3]
        if length and length[0].isdigit() and int(length[0]) > 500000:
            return command
        return b" ".join(words) + end + rest

    # Meta.

    def meta_key(self):
        if self.chance(20):
            # Keys of their own: memcached remembers how a key was sent when it was stored.
            return base64.b64encode(PREFIX + b".b%d" % self.random.randrange(6)), [b"b"]
        return self.key(), []

    def meta_flags(self, letters, required=()):
        flags = list(required)
        if flags:
            letters = [letter for letter in letters if letter != b"N"]  # what N creates is not marked as base64
        for _ in range(self.random.choice([0, 1, 2, 3, 4, 6])):
            letter = self.random.choice(letters)
            if self.chance(90) and any(flag[:1] == letter for flag in flags):
                continue
            if letter == b"O":
                letter += self.random.choice([b"1", b"opaque", b"x" * 31])
            elif letter == b"T":
                letter += b"%d" % self.random.choice([0, 30, 1050, 2050, -1])
            elif letter == b"R":
                # Not a time that items are given: a second may pass between the two.
                letter += b"%d" % self.random.choice([0, 500, 1500, 2500, -1])
            elif letter == b"N":
                letter += b"%d" % self.random.choice([0, 1050, 2050])
            elif letter == b"F":
                letter += b"%d" % self.flags()
            elif letter == b"C":
                letter += self.token()
            elif letter in (b"D", b"J"):
                letter += b"%d" % self.delta()
            elif letter == b"M":
                letter += self.random.choice([b"I", b"D", b"+", b"-", b"incr", b"i", b"d"])
            elif letter == b"m":
                letter = b"M" + self.random.choice([b"S", b"E", b"A", b"P", b"R", b"s", b"e", b"a", b"p", b"r", b"set"])
            flags.append(letter)
        if b"I" in flags and b"I" in letters and b"F" in letters:
            # ms I with a token that was never given: see docs/differences.md.
            flags = [flag for flag in flags if not flag.startswith(b"C")]
        self.random.shuffle(flags)
        if b"t" in flags and any(flag[:1] in (b"T", b"N") for flag in flags):
            flags.remove(b"t")  # before T or N it is the old time in memcached: see docs/differences.md
            if b"T-1" not in flags:  # a time that is over is shown as 2^32 less something
                flags.append(b"t")
        return b"".join(b" " + flag for flag in flags)

    def meta(self):
        key, more = self.meta_key()
        kind = self.random.randrange(20)
        if kind < 7:
            letters = [b"c", b"f", b"h", b"k", b"l", b"O", b"q", b"s", b"t", b"u", b"v", b"v", b"N", b"R", b"T"]
            return b"mg " + key + self.meta_flags(letters, more) + b"\r\n"
        if kind < 12:
            value = self.value_for(key)
            letters = [b"c", b"C", b"F", b"I", b"k", b"O", b"q", b"T", b"m"]
            return b"ms %s %d%s\r\n" % (key, len(value), self.meta_flags(letters, more)) + value + b"\r\n"
        if kind < 15:
            return b"md " + key + self.meta_flags([b"C", b"I", b"k", b"O", b"q", b"T"], more) + b"\r\n"
        if kind < 18:
            letters = [b"C", b"N", b"J", b"D", b"T", b"M", b"q", b"t", b"c", b"v", b"k", b"O"]
            # What N creates takes no notice of T in memcached: one of the two.
            letters = [b"C", b"J", b"D", b"M", b"q", b"c", b"v", b"k", b"O"]
            letters += self.random.choice([[b"N"], [b"T", b"t"]])
            return b"ma " + key + self.meta_flags(letters, more) + b"\r\n"
        if kind == 18:
            return b"me " + key + (b" b" if more else b"") + b"\r\n"
        return b"mn\r\n"

    def spoil_meta(self, command):
        line, end, rest = command.partition(b"\r\n")
        kind = self.random.randrange(5)
        if kind == 0:
            line += self.random.choice([b" !", b" Z", b" Tabc", b" MZ", b" Oxx xx", b" \x01", b" S5", b" Ea", b" Fx",
                                        b" Dx", b" Nx", b" Rx", b" Cx", b" Jx", b" T", b" D", b" O"])
        elif kind == 1:
            line += b" O1 O2"
        elif kind == 2:
            line += b" k" * self.random.choice([2, 5, 20])
        elif kind == 3:
            return self.spoil(command)
        else:
            line += b" "
        return line + end + rest

    # Binary.

    def binary(self):
        opaque = self.random.getrandbits(32)
        kind = self.random.randrange(20)
        key = self.key()
        if len(key) > 250:
            key = key[:250]  # a longer one ends the connection: see the hand-written scripts
        if kind < 6:
            opcode = self.random.choice([wire.SET, wire.SET, wire.ADD, wire.REPLACE, wire.SETQ, wire.ADDQ,
                                         wire.REPLACEQ])
            packet = wire.store(opcode, key, self.value(), self.flags(), self.exptime(), opaque=opaque)
        elif kind < 11:
            packet = wire.packet(self.random.choice([wire.GET, wire.GETQ, wire.GETK, wire.GETKQ]), key, opaque=opaque)
        elif kind < 13:
            packet = wire.packet(self.random.choice([wire.APPEND, wire.PREPEND, wire.APPENDQ, wire.PREPENDQ]), key,
                                 value=self.value(), opaque=opaque)
        elif kind < 15:
            opcode = self.random.choice([wire.INCREMENT, wire.DECREMENT, wire.INCREMENTQ, wire.DECREMENTQ])
            packet = wire.arithmetic(opcode, key, self.delta(), self.delta(),
                                     self.random.choice([0, 1050, 0xffffffff]), opaque=opaque)
        elif kind < 17:
            opcode = self.random.choice([wire.TOUCH, wire.GAT, wire.GATQ, wire.GATK, wire.GATKQ])
            packet = wire.timed(opcode, key, self.exptime(), opaque=opaque)
        elif kind == 17:
            packet = wire.packet(self.random.choice([wire.DELETE, wire.DELETE, wire.DELETEQ]), key, opaque=opaque)
        elif kind == 18:
            packet = self.random.choice([
                wire.packet(wire.NOOP, opaque=opaque), wire.packet(wire.VERSION, opaque=opaque),
                wire.packet(wire.FLUSH, opaque=opaque), wire.packet(wire.FLUSHQ, opaque=opaque),
                wire.packet(wire.FLUSH, extras=b"\0\0\0\0", opaque=opaque)])
        else:
            packet = wire.packet(self.random.choice([0x1b, 0x1f, 0x25, 0x3d, 0xf0]), opaque=opaque)
        if self.chance(15) and packet[1] not in (
                wire.INCREMENT, wire.DECREMENT, wire.INCREMENTQ, wire.DECREMENTQ):
            packet = packet[:16] + self.token() + packet[24:]
        return packet

    # Scripts.

    def script(self, dialect, steps=12):
        """A list of steps; the last command of each shows whether the server is still in step."""
        result = []
        for _ in range(steps):
            commands = []
            self.spoiled_block = False
            for _ in range(self.random.choice([1, 2, 5, 12, 30])):
                if self.spoiled_block:
                    break  # what is then one line may be long, and over 2048 bytes that depends on the cuts
                if dialect == "binary":
                    commands.append(self.binary())
                    continue
                if dialect == "meta" and self.chance(70):
                    command = self.meta()
                    commands.append(self.spoil_meta(command) if self.chance(8) and len(command) < 2000 else command)
                    continue
                command = self.random.choice([self.text_store, self.text_store, self.text_get, self.text_get,
                                              self.text_gat, self.text_arithmetic, self.text_other])()
                commands.append(self.spoil(command) if self.chance(10) and len(command) < 2000 else command)
            commands.append(wire.packet(wire.NOOP, opaque=0xfeed) if dialect == "binary" else b"mn\r\n")
            result.append(commands)
        return result

    def splits(self):
        """Sizes of the pieces to send in; None for everything at once."""
        kind = self.random.randrange(4)
        if kind == 0:
            return None
        if kind == 1:
            return [self.random.choice([1, 2, 3, 7])]
        return [self.random.choice([1, 2, 3, 10, 24, 100, 1000, 5000]) for _ in range(2000)]
