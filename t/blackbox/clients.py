"""Other people's clients, unchanged: memccapable's two suites, Python's pymemcache, Perl's Cache::Memcached::Fast."""

import re
import sys

import harness


class Capable(harness.TestCase):
    def capable(self, protocol):
        server = self.subject()
        program = harness.need("memccapable", "libmemcached-tools")
        result = harness.run(program, "-h", server.host, "-p", server.port, protocol, seconds=120)
        # Names of tests go to its output, failures to its errors.
        output = (result.stdout + result.stderr).decode()
        verdicts = re.findall(r"\[(pass|FAIL|fail|skip)\]", output)
        self.assertEqual(set(verdicts), {"pass"}, output)
        self.assertEqual(len(verdicts), 27, output)
        self.assertEqual(result.returncode, 0, output)

    def test_all_text_capabilities(self):
        self.capable("-a")

    def test_all_binary_capabilities(self):
        self.capable("-b")


class Pymemcache(harness.TestCase):
    def setUp(self):
        try:
            from pymemcache.client.base import Client  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.fail("pymemcache is missing for %s: apt-get install python3-pymemcache" % sys.executable)
        self.tested = self.subject(config="[bucket carts]\nprefix = cart:\nstale-cas = sibling\n")
        self.memcache = Client((self.tested.host, self.tested.port), timeout=harness.PATIENCE, connect_timeout=harness.PATIENCE)
        self.addCleanup(self.memcache.close)

    def test_everyday_use(self):
        memcache = self.memcache
        self.assertTrue(memcache.set("a", "1", noreply=False))
        self.assertEqual(memcache.get("a"), b"1")
        self.assertFalse(memcache.add("a", "2", noreply=False))
        self.assertTrue(memcache.replace("a", "10", noreply=False))
        self.assertEqual(memcache.incr("a", 5), 15)
        self.assertEqual(memcache.decr("a", 1), 14)
        self.assertTrue(memcache.append("a", "x", noreply=False))
        self.assertTrue(memcache.prepend("a", "y", noreply=False))
        self.assertEqual(memcache.get("a"), b"y14x")
        self.assertTrue(memcache.touch("a", 100, noreply=False))
        self.assertEqual(memcache.get_many(["a", "none"]), {"a": b"y14x"})
        self.assertEqual(memcache.set_many({"b": "2", "c": "3"}, noreply=False), [])
        self.assertEqual(memcache.get_many(["b", "c"]), {"b": b"2", "c": b"3"})
        value, token = memcache.gets("a")
        self.assertTrue(memcache.cas("a", "new", token))
        self.assertFalse(memcache.cas("a", "newer", token))
        self.assertIsNone(memcache.cas("none", "x", token))
        self.assertTrue(memcache.delete("a", noreply=False))
        self.assertIsNone(memcache.get("a"))
        self.assertIn(b"pid", memcache.stats())
        self.assertTrue(memcache.flush_all(noreply=False))
        self.assertIsNone(memcache.get("b"))
        self.assertEqual(value, b"y14x")

    def test_noreply_keeps_step(self):
        for i in range(500):
            self.memcache.set("k%d" % i, str(i), noreply=True)
        self.assertEqual(self.memcache.get("k499"), b"499")

    def test_siblings_leave_it_in_step(self):
        memcache = self.memcache
        memcache.set("cart:1", "base", noreply=False)
        token = memcache.gets("cart:1")[1]
        self.assertTrue(memcache.cas("cart:1", "milk", token))
        self.assertTrue(memcache.cas("cart:1", "bread", token))
        # Of several VALUE blocks it keeps the last one, which is the newest.
        value, token = memcache.gets("cart:1")
        self.assertEqual(value, b"bread")
        self.assertTrue(memcache.cas("cart:1", "milk bread", token))
        self.assertEqual(memcache.gets("cart:1")[0], b"milk bread")


PERL = r"""
use strict; use warnings; use Cache::Memcached::Fast;
my $memd = Cache::Memcached::Fast->new({ servers => [$ARGV[0]], io_timeout => 30, connect_timeout => 30 });
my $step = 0;
sub ok { my ($claim, $what) = @_; $step++; die "step $step: $what\n" unless $claim; }
ok($memd->set('a', '1'), 'set'); ok($memd->get('a') eq '1', 'get'); ok(!$memd->add('a', '2'), 'add');
ok($memd->replace('a', '10'), 'replace'); ok($memd->incr('a', 5) == 15, 'incr'); ok($memd->decr('a', 1) == 14, 'decr');
ok($memd->append('a', 'x'), 'append'); ok($memd->prepend('a', 'y'), 'prepend'); ok($memd->get('a') eq 'y14x', 'get');
my $many = $memd->get_multi('a', 'none'); ok(keys(%$many) == 1 && $many->{a} eq 'y14x', 'get_multi');
my @stored = $memd->set_multi(['b', '2'], ['c', '3', 100]); ok($stored[0] && $stored[1], 'set_multi');
my $got = $memd->gets('a'); ok($got->[1] eq 'y14x', 'gets'); ok($memd->cas('a', $got->[0], 'new'), 'cas');
my $again = $memd->cas('a', $got->[0], 'newer'); ok(defined $again && !$again, 'stale cas');
ok($memd->touch('a', 100), 'touch'); ok($memd->delete('a'), 'delete'); ok(!defined $memd->get('a'), 'deleted');
ok($memd->set('large', 'v' x 900000), 'large set'); ok(length($memd->get('large')) == 900000, 'large get');
ok($memd->set('cart:1', 'base'), 'cart'); my $cart = $memd->gets('cart:1');
ok($memd->cas('cart:1', $cart->[0], 'milk'), 'milk'); ok($memd->cas('cart:1', $cart->[0], 'bread'), 'bread');
# Of several VALUE blocks it keeps the first, the oldest, under the token that resolves all.
$cart = $memd->gets('cart:1'); ok($cart->[1] eq 'milk', 'the first sibling');
ok($memd->get('cart:1') eq 'bread', 'the newest'); ok($memd->cas('cart:1', $cart->[0], 'both'), 'resolve');
ok($memd->gets('cart:1')->[1] eq 'both', 'resolved');
ok($memd->flush_all->{$ARGV[0]}, 'flush_all'); ok(!defined $memd->get('b'), 'flushed');
print "good\n";
"""


class Perl(harness.TestCase):
    def test_everyday_use_and_siblings(self):
        server = self.subject(config="[bucket carts]\nprefix = cart:\nstale-cas = sibling\n")
        result = harness.run(harness.need("perl", "perl"), "-e", PERL, "%s:%d" % (server.host, server.port))
        self.assertEqual((result.stdout, result.returncode), (b"good\n", 0), result.stderr.decode())


if __name__ == "__main__":
    harness.main()
