"""A recorded workload: carts merged by cas, plain values, sessions (last write wins, deleted and expiring), counters. Every
value tells who wrote it (recorder.py), so that a judge can tell what was lost and what came back."""

import random
import re
import threading
import time
import traceback

from recorder import Client

CONFIG = """
[bucket default]
r = 2
w = 2
[bucket carts]
prefix = cart:
stale-cas = sibling
max-siblings = 1000
[bucket sessions]
prefix = session:
reconcile = lww
[bucket logins]
prefix = login:
reconcile = lww
"""
QUORUM = {"r": 2, "w": 2}
KINDS = {"plain": QUORUM, "cart": QUORUM, "counter": QUORUM, "latest": QUORUM, "expiring": QUORUM}
COUNTER_BEGIN = 500000
EXPTIME_MAX = 6


class Sizes:
    """How much of everything; keys change with each generation, so that no history grows for hours."""

    def __init__(self, carts=20, writers=20, others=4, keys=10, generation=60, cart_generation=600, pause=0.05):
        self.carts, self.writers, self.others, self.keys = carts, writers, others, keys
        self.generation, self.cart_generation, self.pause = generation, cart_generation, pause


def items_of(seen):
    """Of all siblings together."""
    return sorted({int(item) for value, *_ in seen for item in re.findall(r"\.(\d+)", value)})


class Workload:
    def __init__(self, ring, recorder, seed, sizes):
        self.ring, self.recorder, self.sizes = ring, recorder, sizes
        self.began = time.monotonic()
        self.ending = threading.Event()
        self.trouble = []
        jobs = [self.fill_cart] * sizes.writers + [self.use_plain, self.use_session, self.use_login, self.count] * sizes.others
        self.clients = [Client(ring, recorder, number, random.Random("%s.%d" % (seed, number)))
                        for number in range(len(jobs))]
        self.threads = [threading.Thread(target=self._run, args=(client, job), daemon=True)
                        for client, job in zip(self.clients, jobs)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        if self.trouble:
            raise AssertionError("a client of the workload is wrong itself:\n" + self.trouble[0])

    def last_expiry(self):
        return max(client.last_expiry for client in self.clients)

    def _run(self, client, job):
        try:
            while not self.ending.is_set():
                if not client.connect() or job(client) is False:
                    self.ending.wait(0.05)
                self.ending.wait(client.prng.random() * 2 * self.sizes.pause)
        except Exception:  # pylint: disable=broad-except
            self.trouble.append(traceback.format_exc())
        client.close()

    def _generation(self, seconds):
        return int((time.monotonic() - self.began) / seconds)

    def _key(self, client, stem, count, seconds=None):
        return "%s:%d.%d" % (stem, self._generation(seconds or self.sizes.generation), client.prng.randrange(count))

    @staticmethod
    def _value(number):
        return "#%d;" % number

    def fill_cart(self, client):
        """Reads the cart with all its siblings, puts one item in, writes it with the token that stands for what was read."""
        key = self._key(client, "cart", self.sizes.carts, self.sizes.cart_generation)
        read = client.get(key, "cart")
        if read["outcome"] not in ("done", "miss") or not client.connect():
            return False
        items = items_of(read.get("seen", ()))

        def cart(number):
            return "#%d;" % number + "".join(".%d" % item for item in items + [number])
        if read["outcome"] == "miss":
            client.store(key, "cart", "add", cart)
        else:
            client.store(key, "cart", "cas", cart, token=read["seen"][0][1])
        return True

    def use_plain(self, client):
        key = self._key(client, "plain", self.sizes.keys)
        drawn = client.prng.random()
        if drawn < 0.4:
            client.store(key, "plain", "set", self._value)
        elif drawn < 0.5:
            client.delete(key, "plain")
        else:
            client.get(key, "plain", "get" if drawn < 0.75 else "gets")

    def use_session(self, client):
        key = self._key(client, "session", self.sizes.keys)
        drawn = client.prng.random()
        if drawn < 0.35:
            client.store(key, "latest", "set", self._value)
        elif drawn < 0.5:
            client.delete(key, "latest")
        else:
            client.get(key, "latest", "get")

    def use_login(self, client):
        key = self._key(client, "login", self.sizes.keys)
        drawn = client.prng.random()
        exptime = client.prng.randint(1, EXPTIME_MAX)
        if drawn < 0.3:
            client.store(key, "expiring", "set", self._value, exptime=exptime)
        elif drawn < 0.4:
            client.touch(key, "expiring", exptime)
        elif drawn < 0.5:
            client.delete(key, "expiring")
        else:
            client.get(key, "expiring", "get")

    def count(self, client):
        """A counter of one's own, and one that all share."""
        shared = client.prng.random() < 0.3
        key = "counter:%d.%s" % (self._generation(self.sizes.generation), "all" if shared else client.number)
        if client.prng.random() < 0.25:
            client.get(key, "counter", "get")
            return
        if client.incr(key, "counter", client.prng.randint(1, 5))["outcome"] == "miss" and client.connect():
            client.store(key, "counter", "add", lambda number: str(number * 1000000 + COUNTER_BEGIN))
