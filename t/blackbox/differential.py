"""Differential tests with scripts written by hand: every command and every error string that is easy to get wrong."""

import os
import random
import re
import socket
import threading

import harness
import pairs
import wire
from pairs import PREFIX as P

LONG_KEY = P + b"x" * (250 - len(P))
TOO_LONG_KEY = LONG_KEY + b"x"
MARK = b"mn\r\n"


def text(*commands):
    """One step: the lines, each with its end, and a mark that shows whether the server is still in step."""
    return [command + b"\r\n" for command in commands] + [MARK]


def put(key, value, verb=b"set", more=b"0 0", tail=b""):
    return b"%s %s %s %d%s\r\n%s" % (verb, key, more, len(value), tail, value)


A, B, C, N = P + b"a", P + b"b", P + b"c", P + b"n"
LARGEST = 1048517

TEXT = {
    "set and get": [text(put(A, b"value"), b"get " + A, b"gets " + A, b"get " + A + b" " + B + b" " + A)],
    "an empty value": [text(put(A, b""), b"get " + A)],
    "flags are 32 bits": [text(*[put(A, b"v", more=b"%d 0" % flags) + b"\r\nget " + A for flags in
                                 (0, 1, 65535, 65536, 2147483648, 4294967295)])],
    "flags that are none": [text(put(A, b"v", more=flags + b" 0"), b"get " + A) for flags in
                            (b"-1", b"4294967296", b"x", b"1x", b"18446744073709551615")],
    "verbs that store": [text(put(A, b"1", b"replace"), put(A, b"1", b"append"), put(A, b"1", b"prepend"),
                              put(A, b"2", b"add"), put(A, b"3", b"add"), put(A, b"4", b"replace"),
                              put(A, b"5", b"append", b"9 9"), put(A, b"6", b"prepend", b"9 9"), b"get " + A)],
    "cas": [text(put(A, b"1"), b"gets " + A),
            text(put(A, b"2", b"cas", tail=b" <<cas0>>"), b"gets " + A, put(A, b"3", b"cas", tail=b" <<cas0>>"),
                 put(B, b"3", b"cas", tail=b" <<cas0>>"), b"get " + A),
            text(put(A, b"3", b"cas", tail=b" <<cas1>> noreply"), put(A, b"3", b"cas", tail=b" <<cas0>> noreply"),
                 put(B, b"3", b"cas", tail=b" 7 noreply"), b"gets " + A)],
    "cas with tokens that are none": [text(put(A, b"1"), put(A, b"2", b"cas", tail=tail), b"get " + A)
                                      for tail in (b"", b" x", b" 1x", b" -1", b" 0", b" 1",
                                                   b" 18446744073709551616", b" 1 2", b" 1 noreply 3")],
    "touch keeps the token": [text(put(A, b"1"), b"gets " + A, b"touch " + A + b" 1050", b"gets " + A,
                                   b"gats 0 " + A, b"gats 1050 " + A)],
    "incr and decr": [text(put(N, b"10"), b"decr " + N + b" 1", b"get " + N, b"incr " + N + b" 91", b"get " + N,
                           b"decr " + N + b" 1000", b"get " + N, b"incr " + N + b" 18446744073709551615",
                           b"get " + N, b"incr " + N + b" 1", b"get " + N, b"incr " + N + b" 0"),
                      text(put(N, b"18446744073709551615"), b"incr " + N + b" 2", b"get " + N)],
    "incr of what is no number": [text(put(N, value), b"incr " + N + b" 1", b"get " + N, b"decr " + N + b" 1",
                                       b"get " + N)
                                  for value in (b"", b"abc", b"1 ", b" 1", b"1x", b"-1", b"+1", b"0x1", b"1.0",
                                                b"18446744073709551616", b"99999999999999999999", b"007",
                                                b"12345678901234567890123", b"1" + b" " * 40)],
    "incr by what is no number": [text(put(N, b"10"), b"incr " + N + b" " + delta, b"decr " + N + b" " + delta,
                                       b"get " + N)
                                  for delta in (b"abc", b"-1", b"1x", b"18446744073709551616", b"", b"1 2", b"+1",
                                                b"1.5", b"0x1")],
    "incr and decr of nothing": [text(b"incr " + N + b" 1", b"decr " + N + b" 1", b"incr " + N + b" x",
                                      b"incr " + N + b" 1 noreply", b"get " + N)],
    "incr of a value with flags": [text(put(N, b"5", more=b"77 1050"), b"incr " + N + b" 10", b"gets " + N,
                                        b"mg " + N + b" t f")],
    "delete": [text(put(A, b"1"), b"delete " + A, b"delete " + A, put(A, b"1"), b"delete " + A + b" 0",
                    put(A, b"1"), b"delete " + A + b" 10", b"delete " + A + b" noreply", b"get " + A,
                    b"delete " + A + b" 0 noreply", b"delete " + A + b" 0 noreply x", b"delete " + A + b" x y")],
    "touch and gat": [text(b"touch " + A + b" 0", b"gat 0 " + A, put(A, b"1"), b"touch " + A + b" 1050",
                           b"mg " + A + b" t", b"gat 2050 " + A + b" " + B + b" " + A, b"mg " + A + b" t",
                           b"gats 0 " + A, b"mg " + A + b" t", b"touch " + A + b" x", b"gat x " + A, b"gat " + A,
                           b"gat", b"touch", b"touch " + A, b"touch " + A + b" 0 noreply", b"touch " + A + b" -1",
                           b"get " + A)],
    "expiry at once": [text(put(A, b"1", more=b"0 -1"), b"get " + A, put(A, b"1", more=b"0 2592001"), b"get " + A,
                            put(A, b"1", b"add", b"0 2678400"), b"get " + A, put(A, b"1", more=b"0 2592000"),
                            b"get " + A, put(A, b"2", b"add"), b"gat -1 " + A, b"get " + A)],
    "expiry times that are none": [text(put(A, b"1", more=b"0 " + exptime), b"get " + A)
                                   for exptime in (b"x", b"1x", b"99999999999999999999",
                                                   b"-99999999999999999999", b"1.5")],
    "lines that are no command": [text(line) for line in (
        b"", b" ", b"foo", b"GET " + A, b"Set " + A + b" 0 0 1", b"get", b"get ", b"gets", b"set", b"set " + A,
        b"set " + A + b" 0", b"set " + A + b" 0 0", b"incr", b"incr " + A, b"decr " + A, b"delete", b"touch " + A,
        b"gat 0", b"gats", b"cas " + A + b" 0 0 1", b"version x", b"verbosity", b"verbosity x", b"verbosity 0",
        b"verbosity 0 noreply", b"verbosity 0 0 0", b"mn x", b"mg", b"ms", b"md", b"ma", b"me", b"quitx", b"get\t" + A,
        b" get " + A, b"get  " + A, b"get " + A + b" ", b"gettt " + A, b"stats noreply", b"flush", b"mx a",
        b"slabs", b"slabs automove invalid", b"lru", b"lru_crawler", b"cache_memlimit", b"cache_memlimit x",
        b"shutdown x", b"misbehave", b"ge", b"g", b"m", b"set " + A + b" 0 0 1 noreply x y")],
    "set with too many words": [text(b"set " + A + b" 0 0 1 x\r\nv", b"get " + A), text(
        b"set " + A + b" 0 0 1 noreply\r\nv", b"get " + A), text(b"set " + A + b" 0 0 1 noreply x\r\nw", b"get " + A)],
    "lengths that lie": [text(put(A, b"old"), b"set " + A + b" 0 0 " + length + b"\r\nvalue", b"get " + A)
                         for length in (b"-1", b"x", b"4", b"4294967295", b"2147483647", b"2147483648",
                                        b"99999999999999999999", b"5x", b"", b"0", b"3")],
    "add and append with a bad chunk": [text(put(A, b"old"), verb + b" " + A + b" 0 0 3\r\nvalue", b"get " + A)
                                        for verb in (b"add", b"append", b"prepend", b"replace", b"set")],
    "keys": [text(put(LONG_KEY, b"v"), b"get " + LONG_KEY, b"gets " + LONG_KEY + b" " + A),
             text(put(TOO_LONG_KEY, b"v")), text(b"get " + TOO_LONG_KEY), text(b"get " + A + b" " + TOO_LONG_KEY),
             text(put(A, b"v"), b"get " + A + b" " + TOO_LONG_KEY + b" " + A), text(b"delete " + TOO_LONG_KEY),
             text(b"incr " + TOO_LONG_KEY + b" 1"), text(b"touch " + TOO_LONG_KEY + b" 1"),
             text(b"gat 0 " + TOO_LONG_KEY), text(b"gat 0 " + A + b" " + TOO_LONG_KEY), text(b"mg " + TOO_LONG_KEY),
             text(b"ms " + TOO_LONG_KEY + b" 1\r\nv"), text(b"md " + TOO_LONG_KEY), text(b"ma " + TOO_LONG_KEY),
             text(b"me " + TOO_LONG_KEY),
             text(put(P + b"\x01\x7f\xff\xc3\xa4", b"v"), b"get " + P + b"\x01\x7f\xff\xc3\xa4")],
    "many mentions": [text(put(A, b"1"), put(B, b"2"), b"get " + b" ".join([A, B, C] * 40)),
                      text(b"gets" + (b" " + A) * 9000), text(b"get" + (b" " + A) * 18725)],
    "noreply": [text(put(A, b"1", tail=b" noreply"), put(A, b"2", b"add", tail=b" noreply"),
                     put(A, b"3", b"append", tail=b" noreply"), put(A, b"0", b"prepend", tail=b" noreply"),
                     b"get " + A, put(N, b"5", b"set", tail=b" noreply"), b"incr " + N + b" 5 noreply",
                     b"decr " + N + b" 1 noreply", b"get " + N, b"touch " + N + b" 0 noreply",
                     b"delete " + N + b" noreply", b"get " + N, b"flush_all noreply", b"get " + A,
                     b"verbosity 0 noreply", put(TOO_LONG_KEY, b"1", tail=b" noreply"), b"get " + A,
                     put(A, b"1", tail=b" NOREPLY"), b"get " + A)],
    "values that look like replies": [text(put(A, b"END\r\nVALUE x 0 1\r\nERROR"), b"get " + A,
                                           put(B, bytes(range(256))), b"get " + B)],
    "large values": [text(put(A, b"v" * size), b"get " + A) for size in (1023, 8191, 65535, 262144, 1000000)],
    "largest values": [text(put(A, b"old"), put(A, b"v" * (LARGEST - len(A) + over)), b"get " + A)
                       for over in (0, 1, 1000)],
    "values far too large": [text(put(A, b"old"), put(A, b"v" * 1500000), b"get " + A),
                             text(put(A, b"old"), put(A, b"v" * 1500000, b"add"), b"get " + A),
                             text(put(A, b"old"), put(A, b"v" * 1500000, b"append"), b"get " + A),
                             text(put(A, b"old"), put(A, b"v" * 1500000, tail=b" noreply"), b"get " + A)],
    "append past the limit": [text(put(A, b"v" * 1000000), put(A, b"w" * 100000, b"append"),
                                   put(A, b"w" * 100000, b"prepend"), b"mg " + A + b" s")],
    "flush_all": [text(put(A, b"1"), b"flush_all", b"get " + A, put(A, b"2"), b"get " + A, b"flush_all 0", b"get " + A,
                       put(A, b"3"), b"flush_all 1050", b"get " + A, b"flush_all invalid", b"flush_all 0 noreply",
                       b"get " + A, b"flush_all noreply x", b"flush_all 0 0 0", b"delete " + A, put(A, b"5"),
                       b"flush_all", b"incr " + A + b" 1", put(A, b"6", b"append"), b"touch " + A + b" 1",
                       put(A, b"7", b"add"), b"get " + A)],
    "a line end of its own": [[b"set " + A + b" 0 0 1\nv\r\n", b"get " + A + b"\n", b"delete " + A + b"\n", b"foo\n",
                               b"\n", b"mg " + A + b"\n", MARK]],
    "no command after quit": [[put(A, b"1") + b"\r\n", b"quit\r\n", b"get " + A + b"\r\n"]],
    "quit with words": [text(b"quit x")],
    "a rude line closes": [[b"GET / HTTP/1.0\r\n", MARK], [b"POST /x HTTP/1.1\r\n", MARK], [b"get " + A + b" HTTP/1.1\r\n"]],
    "a line without end closes": [[b"x" * 2049], [b"set " + b"x" * 3000], [b"delete " + b"x" * 9000]],
    "a long line with an end": [text(b"set " + A + b" " * 300 + b"0 0 1\r\nv", b"get " + A),
                                text(b"x" * 500), text(b"delete " + b"y" * 1000)],
    "half a command": [[b"get " + A], [b"set " + A + b" 0 0 10\r\nhalf"], [b"set " + A + b" 0 0 1\r\nv\r"],
                       [b"\r"], [b"\x80"]],
    "what other tools ask": [text(b"slabs reassign 1"),
                             text(b"lru tune 10 20"), text(b"lru mode x"), text(b"slabs automove 0"),
                             text(b"lru temp_ttl x"), text(b"lru_crawler sleep x"), text(b"lru_crawler enable x"),
                             text(b"extstore x")],
    "statistics of nothing": [text(b"stats detail"), text(b"stats detail x"), text(b"stats cachedump"),
                              text(b"stats reset"), text(b"stats detail off")],
}

META = {
    "mn": [text(b"mn")],
    "mg of nothing": [text(b"mg " + A), text(b"mg " + A + b" v q"), text(b"mg " + A + b" s v k O1 c t"),
                      text(b"mg " + A + b" k O1 q")],
    "mg with each flag": [text(put(A, b"value", more=b"77 1050"), *[
        b"mg " + A + b" " + flags for flags in (b"", b"v", b"s", b"f", b"k", b"t", b"c", b"h", b"l", b"u", b"q", b"O9",
                                                b"s v", b"v s", b"k q v", b"t f c k s O0 v", b"b", b"T1050", b"T2050 t",
                                                b"N1050", b"R30", b"R0", b"h h", b"k k")])],
    "hit before": [text(put(A, b"v"), b"mg " + A + b" h u", b"mg " + A + b" h u v", b"mg " + A + b" h",
                        b"mg " + A + b" h", b"get " + A), text(put(A, b"v"), b"get " + A, b"mg " + A + b" h"),
                   text(put(A, b"v"), b"touch " + A + b" 0", b"mg " + A + b" h"),
                   text(put(A, b"1"), b"incr " + A + b" 1", b"mg " + A + b" h")],
    "ms with each mode": [text(b"ms " + A + b" 2 MR\r\nv1", b"ms " + A + b" 2 MA\r\nv2", b"ms " + A + b" 2 MP\r\nv3",
                               b"ms " + A + b" 2 ME\r\nv4", b"ms " + A + b" 2 ME\r\nv5", b"ms " + A + b" 2 MA\r\nv6",
                               b"ms " + A + b" 2 MP\r\nv7", b"ms " + A + b" 2 MR\r\nv8", b"ms " + A + b" 2 MS\r\nv9",
                               b"mg " + A + b" v", b"ms " + A + b" 2 Mx\r\nvA", b"ms " + A + b" 2 Mset\r\nvA",
                               b"ms " + A + b" 2 M\r\nvA", b"ms " + A + b" 2 MZ\r\nvB", b"mg " + A + b" v")],
    "ms with each flag": [text(*[b"ms " + A + b" 2 " + flags + b"\r\nab\r\nmg " + A + b" v f t" for flags in (
        b"F5", b"T1050", b"T-1", b"T0", b"k", b"O1", b"q", b"c", b"k O1 c", b"F4294967295", b"F4294967296", b"Fx",
        b"Tx", b"I", b"b", b"S2", b"C0", b"C1", b"C1 I", b"v", b"t", b"O" + b"x" * 32, b"O" + b"x" * 33)])],
    "ms with a wrong length": [text(b"ms " + A + b" x\r\nab"), text(b"ms " + A + b"\r\nab"),
                               text(b"ms " + A + b" -1\r\nab"), text(b"ms " + A + b" 1\r\nab"),
                               text(b"ms " + A + b" 3\r\nab"), text(b"ms " + A + b" 2 2\r\nab"),
                               text(b"ms " + A + b" S2\r\nab"), text(b"ms " + A + b" 1500000\r\n" + b"v" * 1500000),
                               text(b"ms " + A + b" 1500000 q\r\n" + b"v" * 1500000)],
    "append to nothing with vivify": [text(b"ms " + A + b" 1 MA N0\r\nv", b"ms " + A + b" 1 MA N1050\r\nw",
                                           b"mg " + A + b" v t", b"ms " + B + b" 1 MP N1050\r\nv", b"mg " + B + b" v t")],
    "ms with a token": [text(put(A, b"1"), b"mg " + A + b" c"),
                        text(b"ms " + A + b" 1 C<<cas0>> c\r\n2", b"ms " + A + b" 1 C<<cas0>> c\r\n3", b"mg " + A + b" c v",
                             b"ms " + B + b" 1 C<<cas0>>\r\n4", b"ms " + A + b" 1 C<<cas0>> q\r\n5",
                             b"ms " + A + b" 1 C<<cas0>> I\r\n6", b"mg " + A + b" v c", b"mg " + A + b" v c"),
                        text(b"ms " + A + b" 1 C<<cas1>> q\r\n7", b"mg " + A + b" v c")],
    "md": [text(b"md " + A, put(A, b"1"), b"md " + A + b" q k O1", b"md " + A + b" q k O1", b"md " + A + b" k O1",
                put(A, b"1"), b"md " + A + b" C1", b"mg " + A + b" c", b"md " + A + b" x", b"md " + A + b" v",
                b"md " + A + b" T30", b"mg " + A + b" t")],
    "md with a token": [text(put(A, b"1"), b"mg " + A + b" c"), text(b"md " + A + b" C<<cas0>> k O2", b"mg " + A)],
    "stale": [text(put(A, b"1", more=b"0 1050"), b"md " + A + b" I T2050", b"mg " + A + b" c v t", b"mg " + A + b" v t",
                   b"mg " + A + b" c", b"md " + A + b" I", b"mg " + A + b" v", b"ms " + A + b" 1\r\n2", b"mg " + A + b" v",
                   b"mg " + A + b" t")],
    "stale and a token": [text(put(A, b"1"), b"md " + A + b" I", b"mg " + A + b" c v"),
                          text(b"ms " + A + b" 1 C<<cas0>>\r\n2", b"mg " + A + b" v c", b"mg " + A + b" v")],
    "vivify": [text(b"mg " + A + b" N1050 v t", b"mg " + A + b" N1050 v t", b"mg " + A + b" v",
                    b"ms " + A + b" 2\r\nab", b"mg " + A + b" N1050 v"),
               text(b"mg " + B + b" N1050 c", b"add " + B + b" 0 0 1\r\nx", b"mg " + B + b" v c s k q O5")],
    "recache": [text(put(A, b"1", more=b"0 50"), b"mg " + A + b" R30 v", b"mg " + A + b" R100 v", b"mg " + A + b" R100 v",
                     b"mg " + A + b" v", put(B, b"1"), b"mg " + B + b" R100 v t")],
    "ma": [text(b"ma " + N, b"ma " + N + b" q", put(N, b"10"), b"ma " + N, b"ma " + N + b" v", b"ma " + N + b" D5 v",
                b"ma " + N + b" MI v", b"ma " + N + b" MD v", b"ma " + N + b" M- v", b"ma " + N + b" M+ v",
                b"ma " + N + b" Mincr v", b"ma " + N + b" mode v", b"ma " + N + b" MX v", b"ma " + N + b" M v",
                b"ma " + N + b" MD D100 v", b"mg " + N + b" v s", b"ma " + N + b" t c v k O1 b",
                b"ma " + N + b" T1050 t", b"ma " + N + b" q k O1", b"ma " + N + b" q v",
                b"ma " + N + b" D18446744073709551615 v", b"ma " + N + b" Dx", b"ma " + N + b" D-1", b"ma " + N + b" Jx",
                b"ma " + N + b" Nx", b"ma " + N + b" f")],
    "ma that creates": [text(b"ma " + A + b" N0 J13 v t", b"ma " + A + b" N0 J13 v t", b"ma " + B + b" N1050 v t",
                             b"ma " + C + b" J5", b"ma " + N + b" q N0", b"ma " + N + b" v", b"mg " + N + b" v t")],
    "ma of what is no number": [text(put(A, b"abc"), b"ma " + A, b"ma " + A + b" q", b"mg " + A + b" v")],
    "ma with a token": [text(put(N, b"1"), b"mg " + N + b" c"), text(b"ma " + N + b" C<<cas0>> v c", b"ma " + N
                                                                     + b" C<<cas0>> v", b"mg " + N + b" v")],
    "me": [text(b"me " + A, put(A, b"v"), b"me " + A, b"me " + A + b" b", b"me " + A + b" x", b"get " + A, b"me " + A,
                b"me", b"me " + A + b" " + B)],
    "base64": [text(b"ms QFBSRUZJWEBAYQ== 1 b k\r\nv", b"mg QFBSRUZJWEBAYQ== b k v", b"me QFBSRUZJWEBAYQ== b",
                    b"md QFBSRUZJWEBAYQ== b k q", b"ma QFBSRUZJWEBAYQ== b k N0",
                    b"mg QFBSRUZJWEBAYg== k b", b"mg !!! b", b"mg QFBSRUZJWEBAYQ b v", b"mg Q b", b"ms !!! 1 b\r\nv",
                    b"md =w== b", b"ma =w== b", b"ms QFBSRUZJWEBAYWEgYg== 1 b\r\nv", b"mg QFBSRUZJWEBAYWEgYg== b v k")],
    "flags that are wrong": [text(*[line for line in (
        b"mg " + A + b" !", b"mg " + A + b" Z", b"mg " + A + b" E1", b"mg " + A + b" m o o o o o o o o o",
        b"mg " + A + b" Tx", b"mg " + A + b" Nx", b"mg " + A + b" Rx", b"mg " + A + b" T", b"mg " + A + b" O",
        b"mg " + A + b" O" + b"o" * 32, b"mg " + A + b" O" + b"o" * 33, b"mg " + A + b" \x01", b"mg " + A + b" vv",
        b"mg " + A + b" v v", b"mg " + A + b" 1", b"mg " + A + b" C5", b"mg " + A + b" I", b"md " + A + b" N1",
        b"ms " + A + b" 1 !\r\nv", b"ms " + A + b" 1 E5\r\nv", b"ms " + A + b" 1 Z\r\nv")])],
    "quiet": [text(b"mg " + A + b" q v", b"mg " + A + b" q k O5", b"ms " + A + b" 1 q\r\nv", b"mg " + A + b" q v",
                   b"mg " + A + b" q", b"ms " + A + b" 1 q ME\r\nv", b"ms " + B + b" 1 q MR\r\nv", b"md " + A + b" q",
                   b"md " + A + b" q", b"ma " + A + b" q", b"ms " + A + b" 1 q C5\r\nv", b"mn", b"mg " + A + b" q")],
    "many flags": [text(put(A, b"v"), b"mg " + A + b" s v f t k c h l u q O1 T0",
                        b"mg " + A + b" " + b" ".join([b"s"] * 20), b"mg " + A + b" " + b" ".join([b"s"] * 40))],
}


def binary(*packets):
    return list(packets) + [wire.packet(wire.NOOP, opaque=0xfeed)]


def set_(key, value, opcode=wire.SET, **more):
    return wire.store(opcode, key, value, **more)


def with_token(packet, number):
    """The packet with the N-th token that the server gave."""
    return packet[:16] + b"<<cas%d>>" % number + packet[24:]


BINARY = {
    "set and get": [binary(set_(A, b"value", flags=0xdeadbeef, opaque=7), wire.packet(wire.GET, A, opaque=8),
                           wire.packet(wire.GETK, A), wire.packet(wire.GETQ, A), wire.packet(wire.GETKQ, A),
                           wire.packet(wire.GET, B), wire.packet(wire.GETK, B), wire.packet(wire.GETQ, B),
                           wire.packet(wire.GETKQ, B))],
    "verbs that store": [binary(set_(A, b"1", wire.REPLACE), wire.packet(wire.APPEND, A, value=b"1"),
                                wire.packet(wire.PREPEND, A, value=b"1"), set_(A, b"2", wire.ADD, flags=3),
                                set_(A, b"3", wire.ADD), set_(A, b"4", wire.REPLACE, flags=5),
                                wire.packet(wire.APPEND, A, value=b"z"), wire.packet(wire.PREPEND, A, value=b"a"),
                                wire.packet(wire.GET, A), wire.packet(wire.DELETE, A), wire.packet(wire.DELETE, A))],
    "quiet verbs": [binary(set_(A, b"1", wire.REPLACEQ), wire.packet(wire.APPENDQ, A, value=b"1"),
                           wire.packet(wire.PREPENDQ, A, value=b"1"), set_(A, b"2", wire.ADDQ), set_(A, b"3", wire.ADDQ),
                           set_(A, b"4", wire.REPLACEQ), wire.packet(wire.APPENDQ, A, value=b"z"),
                           wire.packet(wire.PREPENDQ, A, value=b"a"), set_(B, b"b", wire.SETQ),
                           wire.packet(wire.GETQ, A), wire.packet(wire.GETQ, C), wire.packet(wire.DELETEQ, A),
                           wire.packet(wire.DELETEQ, A), wire.arithmetic(wire.INCREMENTQ, N, 1, 5),
                           wire.arithmetic(wire.DECREMENTQ, N, 1), wire.arithmetic(wire.INCREMENTQ, B, 1),
                           wire.packet(wire.GET, N), wire.packet(wire.FLUSHQ), wire.packet(wire.GET, N))],
    "cas": [binary(set_(A, b"1"), wire.packet(wire.GET, A)),
            binary(with_token(set_(A, b"2"), 0), with_token(set_(A, b"3"), 0), with_token(set_(B, b"3"), 0),
                   with_token(set_(A, b"3", wire.ADD), 0), with_token(set_(A, b"3", wire.REPLACE), 1),
                   with_token(wire.packet(wire.APPEND, A, value=b"x"), 2),
                   with_token(wire.packet(wire.DELETE, A), 0), with_token(wire.packet(wire.GET, A), 0)),
            binary(with_token(set_(A, b"3", wire.REPLACEQ), 0), with_token(wire.packet(wire.DELETEQ, A), 0))],
    "arithmetic": [binary(wire.arithmetic(wire.INCREMENT, N, 1, 10, 0xffffffff), wire.arithmetic(wire.INCREMENT, N, 5, 10),
                          wire.arithmetic(wire.INCREMENT, N, 5, 10), wire.arithmetic(wire.DECREMENT, N, 3, 10),
                          wire.packet(wire.GET, N), wire.arithmetic(wire.DECREMENT, N, 1000), wire.packet(wire.GET, N),
                          wire.arithmetic(wire.INCREMENT, N, 2 ** 64 - 1), wire.arithmetic(wire.INCREMENT, N, 2),
                          set_(A, b"abc"), wire.arithmetic(wire.INCREMENT, A, 1),
                          wire.arithmetic(wire.INCREMENTQ, A, 1), wire.arithmetic(wire.DECREMENT, B, 1, 0, 0xffffffff),
                          wire.arithmetic(wire.DECREMENTQ, B, 1, 0, 0xffffffff))],
    "arithmetic with a token": [binary(set_(N, b"5")), binary(with_token(wire.arithmetic(wire.INCREMENT, N, 1), 0),
                                                             with_token(wire.arithmetic(wire.INCREMENT, N, 1), 0))],
    "touch and gat": [binary(wire.timed(wire.TOUCH, A, 0), wire.timed(wire.GAT, A, 0), wire.timed(wire.GATQ, A, 0),
                             wire.timed(wire.GATK, A, 0), wire.timed(wire.GATKQ, A, 0), set_(A, b"v", flags=9),
                             wire.timed(wire.TOUCH, A, 1050), wire.timed(wire.GAT, A, 1050),
                             wire.timed(wire.GATQ, A, 1050), wire.timed(wire.GATK, A, 1050),
                             wire.timed(wire.GATKQ, A, 1050), wire.timed(wire.TOUCH, A, 2592001),
                             wire.packet(wire.GET, A))],
    "noop and version": [binary(wire.packet(wire.NOOP, opaque=1), wire.packet(wire.VERSION, opaque=2),
                                wire.packet(wire.NOOP, cas=5))],
    "flush": [binary(set_(A, b"1"), wire.packet(wire.FLUSH, opaque=3), wire.packet(wire.GET, A), set_(A, b"2"),
                     wire.packet(wire.FLUSH, extras=b"\0\0\x10\0"), wire.packet(wire.GET, A),
                     wire.packet(wire.FLUSHQ, extras=b"\0\0\0\0"), wire.packet(wire.GET, A))],
    "opcodes that are none": [[wire.packet(opcode, opaque=opcode), wire.packet(wire.NOOP)]
                              for opcode in (0x1b, 0x1f, 0x25, 0x30, 0x3f, 0x7f, 0xd0, 0xff)],
    "keys": [binary(set_(LONG_KEY, b"v"), wire.packet(wire.GETK, LONG_KEY)), [set_(TOO_LONG_KEY, b"v"),
                                                                          wire.packet(wire.NOOP)],
             [wire.packet(wire.GET, TOO_LONG_KEY), wire.packet(wire.NOOP)],
             [wire.packet(wire.GETQ, TOO_LONG_KEY), wire.packet(wire.NOOP)],
             [wire.packet(wire.DELETE, TOO_LONG_KEY), wire.packet(wire.NOOP)],
             binary(set_(P + b" \r\n\0", b"v"), wire.packet(wire.GETK, P + b" \r\n\0"))],
    "packets of a wrong shape": [[packet, wire.packet(wire.NOOP)] for packet in (
        wire.packet(wire.GET), wire.packet(wire.GET, A, extras=b"1234"), wire.packet(wire.GET, A, value=b"v"),
        wire.packet(wire.SET, A, value=b"v"), wire.packet(wire.SET, A, extras=b"1234", value=b"v"),
        wire.packet(wire.SET, b"", extras=b"\0" * 8, value=b"v"), wire.packet(wire.NOOP, A),
        wire.packet(wire.NOOP, extras=b"1"), wire.packet(wire.NOOP, value=b"x"), wire.packet(wire.VERSION, A),
        wire.packet(wire.QUIT, A), wire.packet(wire.FLUSH, A), wire.packet(wire.FLUSH, extras=b"12"),
        wire.packet(wire.DELETE), wire.packet(wire.DELETE, A, extras=b"1234"), wire.packet(wire.DELETE, A, value=b"x"),
        wire.packet(wire.INCREMENT, A), wire.packet(wire.INCREMENT, A, extras=b"\0" * 8),
        wire.packet(wire.INCREMENT, A, extras=b"\0" * 20, value=b"x"), wire.packet(wire.APPEND, A, extras=b"1234"),
        wire.packet(wire.APPEND, b"", value=b"x"), wire.packet(wire.TOUCH, A), wire.packet(wire.TOUCH, extras=b"\0" * 4),
        wire.packet(wire.GAT, A), wire.packet(wire.GATKQ, A), wire.packet(wire.STAT, extras=b"1234"),
        wire.packet(wire.SASL_LIST, A), wire.packet(wire.SASL_LIST), wire.packet(wire.SASL_AUTH, b"PLAIN", value=b"x"))],
    "lengths that lie": [[packet, wire.packet(wire.NOOP)] for packet in (
        wire.packet(wire.GET, A, body_len=3), wire.packet(wire.GET, A, key_len=3), wire.packet(wire.GET, A, extras_len=4),
        wire.packet(wire.SET, A, b"\0" * 8, b"v", body_len=4), wire.packet(wire.SET, A, b"\0" * 8, b"v", key_len=250),
        wire.packet(wire.SET, A, b"\0" * 8, b"v", key_len=65535),
        wire.packet(wire.SET, A, b"\0" * 8, b"v", extras_len=255))],
    "headers that are wrong": [[wire.packet(wire.NOOP, magic=0x81), wire.packet(wire.NOOP)],
                               [wire.packet(wire.NOOP, data_type=1), wire.packet(wire.NOOP)],
                               [wire.packet(wire.NOOP, vbucket=9), wire.packet(wire.NOOP)],
                               [wire.packet(wire.NOOP) + b"get a\r\n"]],
    "half a packet": [[wire.packet(wire.NOOP)[:length]] for length in (1, 2, 12, 23)]
                     + [[set_(A, b"value")[:-2]], [set_(A, b"value")[:30]]],
    "largest values": [binary(set_(A, b"old"), set_(A, b"v" * (LARGEST - len(A) + over), opcode), wire.packet(wire.GET, A))
                       for over in (0, 1, 200000) for opcode in (wire.SET, wire.SETQ, wire.ADD)],
    "append past the limit": [binary(set_(A, b"v" * 1000000), wire.packet(wire.APPEND, A, value=b"w" * 100000),
                                     wire.packet(wire.APPENDQ, A, value=b"w" * 100000))],
    "quit": [[wire.packet(wire.QUIT, opaque=4), wire.packet(wire.NOOP)], [wire.packet(wire.QUITQ), wire.packet(wire.NOOP)]],
    "expiry at once": [binary(set_(A, b"v", exptime=0xffffffff), wire.packet(wire.GET, A), set_(A, b"v", exptime=2592001),
                              wire.packet(wire.GET, A))],
}


# Where ringcached is meant to answer otherwise: name (as in docs/differences.md), dialect, script, and what each of the
# two servers replies. Both columns are tested.
ACCEPTED = [
    ("Binary opcodes that do not exist, with a key or a value", "binary",
     [[wire.packet(0x1b, A, value=b"body", opaque=7), wire.packet(wire.NOOP, opaque=8)]],
     [[b"81 op=1b status=129 type=0 opaque=7 cas=0 extras= key= value=Unknown command"]],
     [[b"81 op=1b status=129 type=0 opaque=7 cas=0 extras= key= value=Unknown command",
       b"81 op=0a status=0 type=0 opaque=8 cas=0 extras= key= value="]]),
    ("Keys that were stored in base64", "text",
     [text(b"ms QFBSRUZJWEBAYQ== 1 b\r\nv", b"mg " + A + b" k")],
     [[b"HD\r\n", b"HD kQFBSRUZJWEBAYQ== b\r\n", b"MN\r\n"]],
     [[b"HD\r\n", b"HD k" + A + b"\r\n", b"MN\r\n"]]),
    ("Times beyond 32 bits", "text",
     [text(put(A, b"v", more=b"0 2147483648"), b"get " + A), text(put(A, b"v", more=b"0 -2147483649"), b"get " + A)],
     [[b"STORED\r\n", b"END\r\n", b"MN\r\n"],
      [b"STORED\r\n", b"VALUE " + A + b" 0 1\r\nv\r\n", b"END\r\n", b"MN\r\n"]],
     [[b"STORED\r\n", b"VALUE " + A + b" 0 1\r\nv\r\n", b"END\r\n", b"MN\r\n"],
      [b"STORED\r\n", b"END\r\n", b"MN\r\n"]]),
    ("lru_crawler metadump", "text", [text(b"lru_crawler metadump x")],
     [[b"BADCLASS invalid class id\r\n", b"MN\r\n"]], [[b"ERROR metadump not allowed\r\n", b"MN\r\n"]]),
    ("A delayed flush_all after a flush_all", "text",
     [text(put(A, b"v"), b"flush_all", b"flush_all 1050", b"get " + A)],
     [[b"STORED\r\n", b"OK\r\n", b"OK\r\n", b"VALUE " + A + b" 0 1\r\nv\r\n", b"END\r\n", b"MN\r\n"]],
     [[b"STORED\r\n", b"OK\r\n", b"OK\r\n", b"END\r\n", b"MN\r\n"]]),
    ("gat with a key that is too long", "text",
     [text(put(A, b"v"), b"gat -1 " + A + b" " + TOO_LONG_KEY, b"get " + A)],
     [[b"STORED\r\n", b"CLIENT_ERROR bad command line format\r\n", b"END\r\n", b"MN\r\n"]],
     [[b"STORED\r\n", b"CLIENT_ERROR bad command line format\r\n", b"VALUE " + A + b" 0 1\r\nv\r\n", b"END\r\n",
       b"MN\r\n"]]),
    ("The time of a number that ma has just made", "text", [text(b"ma " + N + b" t N1050")],
     [[b"HD t-1\r\n", b"MN\r\n"]], [[b"HD t<10>\r\n", b"MN\r\n"]]),
    ("ma with an opaque that is too long", "text",
     [text(put(N, b"5"), b"ma " + N + b" O" + b"x" * 32, b"mg " + N + b" v")],
     [[b"STORED\r\n", b"CLIENT_ERROR opaque token too long\r\n", b"VA 1\r\n6\r\n", b"MN\r\n"]],
     [[b"STORED\r\n", b"CLIENT_ERROR opaque token too long\r\n", b"VA 1\r\n5\r\n", b"MN\r\n"]]),
    ("mg with t before T", "text",
     [text(put(A, b"v", more=b"0 1050"), b"mg " + A + b" t T2050", b"mg " + A + b" T3050 t")],
     [[b"STORED\r\n", b"HD t<10>\r\n", b"HD t<30>\r\n", b"MN\r\n"]],
     [[b"STORED\r\n", b"HD t<20>\r\n", b"HD t<30>\r\n", b"MN\r\n"]]),
    ("ms with I and a token above the current one", "text",
     [text(put(A, b"v"), b"ms " + A + b" 1 I C9223372036854775806\r\nw", b"mg " + A + b" v")],
     [[b"STORED\r\n", b"EX\r\n", b"VA 1\r\nv\r\n", b"MN\r\n"]],
     [[b"STORED\r\n", b"HD\r\n", b"VA 1 X W\r\nw\r\n", b"MN\r\n"]]),
    ("watch", "text", [text(b"watch x")], [[b"ERROR\r\n", b"MN\r\n"]],
     [[b"CLIENT_ERROR watch commands not allowed\r\n", b"MN\r\n"]]),
    ("refresh_certs", "text", [text(b"refresh_certs")], [[b"Error TLS not enabled\r\n", b"MN\r\n"]],
     [[b"ERROR\r\n", b"MN\r\n"]]),
]


class HandWritten(harness.TestCase):
    def agree(self, scripts, is_binary=False):
        reference = pairs.reference_server(self)
        subject = pairs.subject_server(self)
        dice = random.Random(1)
        for name, script in scripts.items():
            size = sum(len(command) for step in script for command in step)
            ways = {"at once": None, "random": [dice.randrange(1, 60) for _ in range(3000)] + [65536]}
            if size < 6000 or os.environ.get("RINGCACHED_LONG"):
                ways["byte by byte"] = [1]
            for way, splits in ways.items():
                # Each step alone is a smaller story, but steps of one script build on each other: keep the prefix.
                with self.subTest(script=name, split=way):
                    found = pairs.first_difference(reference, subject, script, is_binary, splits)
                    if found:
                        found = pairs.shrink(reference, subject, found, is_binary, splits)
                        self.fail(str(found))

    def test_text_replies_are_memcacheds(self):
        self.agree(TEXT)

    def test_meta_replies_are_memcacheds(self):
        self.agree(META)

    def test_binary_replies_are_memcacheds(self):
        self.agree(BINARY, True)


class AlteringProxy:
    """Between the test and the server: replaces some bytes of what the server says."""

    def __init__(self, server, find, replace):
        self.find, self.replace = find, replace
        self.server = server
        self.is_memcached = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.stopped = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def connect(self):
        sock = socket.create_connection(self.listener.getsockname())
        sock.settimeout(harness.PATIENCE)
        return harness.Client(sock)

    def _serve(self):
        while True:
            try:
                downstream, _ = self.listener.accept()
            except OSError:
                return
            with downstream:
                # The tests half-close, so whole conversations can be handled one after the other.
                request = harness.Client(downstream).to_end()
                downstream.sendall(self.server.ask(request).replace(self.find, self.replace))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class NegativeControl(harness.TestCase):
    """A comparison that cannot fail proves nothing."""

    def difference(self, find, replace, script, is_binary=False):
        reference = pairs.reference_server(self)
        proxy = AlteringProxy(pairs.subject_server(self), find, replace)
        self.addCleanup(proxy.close)
        return pairs.first_difference(reference, proxy, script, is_binary)

    def test_an_untouched_reply_is_accepted(self):
        self.assertIsNone(self.difference(b"nothing", b"", TEXT["set and get"]))

    def test_an_altered_reply_is_noticed(self):
        self.assertIsNotNone(self.difference(b"STORED", b"STORES", TEXT["set and get"]))

    def test_an_altered_value_is_noticed(self):
        self.assertIsNotNone(self.difference(b"\r\nvalue\r\n", b"\r\nvalux\r\n", TEXT["set and get"]))

    def test_a_missing_reply_is_noticed(self):
        self.assertIsNotNone(self.difference(b"END\r\n", b"", TEXT["set and get"]))

    def test_an_altered_status_is_noticed(self):
        self.assertIsNotNone(self.difference(b"\x81\x00\x00\x00\x04\x00\x00\x00", b"\x81\x00\x00\x00\x04\x00\x00\x01",
                                             BINARY["set and get"], True))


class AcceptedDifferences(harness.TestCase):
    def test_each_is_as_described(self):
        reference, subject = pairs.reference_server(self), pairs.subject_server(self)
        for name, dialect, script, theirs, ours in ACCEPTED:
            with self.subTest(name):
                prefix = pairs.run_number()
                for server, replies in ((reference, theirs), (subject, ours)):
                    run = pairs.Run(server, prefix, dialect == "binary")
                    self.assertEqual([run.step(commands, pairs.ONE_BY_ONE) for commands in script], replies,
                                     server.program)

    def test_each_is_documented(self):
        with open(os.path.join(harness.TREE, "docs", "differences.md"), encoding="utf-8") as file:
            documented = set(re.findall(r"^### (.+)$", file.read(), re.M))
        self.assertEqual(documented, {row[0] for row in ACCEPTED})


if __name__ == "__main__":
    harness.main()
