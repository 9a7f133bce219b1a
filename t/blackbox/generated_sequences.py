"""Differential tests with generated sequences. Environment: RINGCACHED_SEEDS (how many, default 60, for a ring 30),
RINGCACHED_SEED (run just this one), RINGCACHED_LONG (many more)."""

import os

import generate
import harness
import pairs

FEW, MANY = (30, 600) if harness.RING else (60, 3000)
SEEDS = int(os.environ.get("RINGCACHED_SEEDS", MANY if os.environ.get("RINGCACHED_LONG") else FEW))


class GeneratedSequences(harness.TestCase):
    def agree(self, dialect):
        reference = pairs.reference_server(self)
        subject = pairs.subject_server(self)
        only = os.environ.get("RINGCACHED_SEED")
        for seed in [int(only)] if only else range(1, SEEDS + 1):
            generator = generate.Generator("%s %d" % (dialect, seed))
            script, splits = generator.script(dialect), generator.splits()
            found = pairs.first_difference(reference, subject, script, dialect == "binary", splits)
            if found:
                found = pairs.shrink(reference, subject, found, dialect == "binary", splits)
                self.fail("%s, RINGCACHED_SEED=%d, pieces of %s: %s"
                          % (dialect, seed, splits[:5] if splits else "all", found))

    def test_text_replies_are_memcacheds(self):
        self.agree("text")

    def test_meta_replies_are_memcacheds(self):
        self.agree("meta")

    def test_binary_replies_are_memcacheds(self):
        self.agree("binary")


if __name__ == "__main__":
    harness.main()
