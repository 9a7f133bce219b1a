"""ringsim --judge: histories written by hand, whose verdict follows from what happened in them. Each wrong one is refused
by the check that it breaks, and the same history without the fault is not."""

import json
import os
import re
import subprocess
import tempfile

RINGSIM = os.environ["RINGSIM"]
SECOND = 1000000000
MENDED = 1000 * SECOND
QUORUM = {"r": 2, "w": 2}
KINDS = {"plain": QUORUM, "cart": QUORUM, "counter": QUORUM, "latest": QUORUM, "expiring": QUORUM}


class History:
    """One key's operations, a second each unless they are told otherwise."""

    def __init__(self, kind, nodes=3, fault=0):
        self.kind, self.nodes, self.fault = kind, nodes, fault
        self.operations = []
        self.now = SECOND

    def add(self, op, outcome="done", seen=(), at=None, seconds=1, node=0, client=0, **fields):
        sent = self.now if at is None else at
        line = {"key": "some key", "kind": self.kind, "id": len(self.operations), "op": op, "outcome": outcome, "node": node,
                "client": client, "sent": sent, **fields}
        if outcome != "lost":
            line["ended"] = sent + seconds * SECOND
        if seen:
            line["seen"] = [value if isinstance(value, list) else [value] for value in seen]
        self.now = max(self.now, sent + seconds * SECOND + 1)
        self.operations.append(line)
        return line["id"]

    def set(self, op="set", **fields):
        number = len(self.operations)
        return self.add(op, value="#%d;" % number, **fields)

    def put_in(self, items, **fields):
        """A cart with these items and one more."""
        number = len(self.operations)
        value = "#%d;" % number + "".join(".%d" % item for item in list(items) + [number])
        self.add("cas" if items else "add", value=value, **fields)
        return number

    def value(self, number):
        return self.operations[number]["value"]

    def final(self, *values, op="gets"):
        """All nodes are asked when all has been mended, and answer the same."""
        for node in range(self.nodes):
            self.add(op, "done" if values else "miss", values, node=node, at=max(self.now, MENDED))
        return self

    def lines(self):
        names = ["node%d" % number for number in range(1, self.nodes + 1)]
        return [{"history": 1, "nodes": names, "copies": 3, "kinds": KINDS}, {"fault": self.fault},
                *self.operations, {"mended": MENDED}]


def judge(lines):
    with tempfile.NamedTemporaryFile("w", suffix=".history") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        file.flush()
        return subprocess.run([RINGSIM, "--judge", file.name, "--checks"], capture_output=True, text=True)


def good(history, judges=None):
    done = judge(history.lines())
    assert done.returncode == 0 and "all good" in done.stdout, done
    if judges:
        assert re.search(r"^ +[1-9]\d* judged by %s$" % judges, done.stdout, re.M), (judges, done.stdout)


def bad(history, check):
    done = judge(history.lines())
    assert done.returncode == 1 and done.stdout.startswith("some key fails %s: " % check), (check, done)


def senseless(lines, what):
    done = judge(lines)
    assert done.returncode == 64 and what in done.stderr, (what, done)


def carts():
    whole = History("cart")
    first = whole.put_in([])
    second = whole.put_in([first])
    good(whole.final([whole.value(second), "7"]), "acknowledged")

    lost = History("cart")
    first = lost.put_in([])
    lost.put_in([first])
    bad(lost.final(lost.value(first)), "acknowledged")  # the second "add" is gone

    # Both siblings hold what was acknowledged; one of them alone does not.
    for shown in (2, 1):
        siblings = History("cart")
        first = siblings.put_in([])
        at = siblings.now
        left, right = siblings.put_in([first], at=at), siblings.put_in([first], at=at, node=1)
        values = [[siblings.value(left), "9"], [siblings.value(right), "9"]][:shown]
        (good if shown == 2 else lambda history: bad(history, "acknowledged"))(siblings.final(*values))

    # What nobody acknowledged may be there or not.
    for is_there in (False, True):
        unknown = History("cart")
        first = unknown.put_in([])
        second = unknown.put_in([first], outcome="lost")
        good(unknown.final(unknown.value(second if is_there else first)))


def plain_values():
    for shown, verdict in ((1, good), (0, lambda history: bad(history, "acknowledged"))):
        history = History("plain")
        history.set(), history.set()
        verdict(history.final(history.value(shown)))  # the last one; the one before
    gone = History("plain")
    gone.set()
    bad(gone.final(), "acknowledged")

    deleted = History("plain")
    deleted.set(), deleted.add("delete")
    good(deleted.final())
    # A delete before the write explains nothing.
    early = History("plain")
    early.add("delete", "miss"), early.set()
    bad(early.final(), "acknowledged")
    # One whose outcome is unknown may be carried out at any later time.
    late = History("plain")
    late.add("delete", "lost"), late.set()
    good(late.final())

    for shown in (0, 1):  # at the same time: either may be the newer one
        together = History("plain")
        together.set(at=SECOND), together.set(at=SECOND, node=1)
        good(together.final(together.value(shown)))

    back = History("plain")
    back.set(), back.add("delete"), back.set()
    bad(back.final(back.value(0)), "acknowledged")
    revived = History("plain")
    revived.set(), revived.add("delete")
    bad(revived.final(revived.value(0)), "dead")

    torn = History("plain")
    torn.set()
    bad(torn.final(torn.value(0)[:-1]), "written")
    foreign = History("plain")
    foreign.set()
    bad(foreign.final("#17;"), "written")

    differing = History("plain")
    differing.set(at=SECOND), differing.set(at=SECOND)
    differing.final(differing.value(0))
    differing.operations[-1]["seen"] = [[differing.value(1)]]
    bad(differing, "agreed")
    silent = History("plain")
    silent.set()
    silent.final(silent.value(0)).operations.pop()
    bad(silent, "agreed")
    refusing = History("plain")
    refusing.set()
    refusing.final(refusing.value(0))
    refusing.add("gets", "failed", error="too few replicas are up")
    bad(refusing, "writeable")


def sessions():
    history = History("latest")
    history.set(), history.set()
    good(history.final(history.value(1)), "latest")
    older = History("latest")
    older.set(), older.set()
    bad(older.final(older.value(0)), "latest")
    revived = History("latest")
    revived.set(), revived.add("delete")
    good_one = History("latest")
    good_one.set(), good_one.add("delete")
    good(good_one.final())
    assert judge(revived.final(revived.value(0)).lines()).returncode == 1

    for expired, verdict in ((False, good), (True, lambda history: bad(history, "expired"))):
        session = History("expiring")
        session.set(exptime=10)
        session.add("gets", seen=[session.value(0)], at=(30 if expired else 8) * SECOND)
        verdict(session.final())
    # A touch gives it a longer life.
    touched = History("expiring")
    touched.set(exptime=10)
    touched.add("touch", exptime=100)
    touched.add("gets", seen=[touched.value(0)], at=60 * SECOND)
    good(touched.final(), "expired")
    logged_out = History("expiring")
    logged_out.set(exptime=1000), logged_out.add("delete")
    bad(logged_out.final(logged_out.value(0)), "dead")


def counters():
    def counter(shown, writers=1, unknown=0):
        history = History("counter")
        history.add("add", value="500000")
        for number in range(6):
            history.add("incr", delta=10, answered=500000 + 10 * (number + 1), client=number % writers)
        for _ in range(unknown):
            history.add("incr", "lost", delta=10)
        return history.final(str(500000 + shown))
    good(counter(60), "counted")
    bad(counter(50), "counted")
    bad(counter(70), "counted")
    good(counter(70, writers=2, unknown=1))
    bad(counter(80, writers=2, unknown=1), "counted")
    # Of two who increment at the same time one may be hidden.
    good(counter(50, writers=2))


def calm():
    for fault, verdict in ((0, good), (MENDED, lambda history: bad(history, "linear"))):
        history = History("plain", fault=fault)
        history.set()
        at = history.now
        history.set(at=at, seconds=10)
        history.add("get", seen=[history.value(1)], at=at + SECOND)
        history.add("get", seen=[history.value(0)], at=at + 5 * SECOND)  # back again
        verdict(history.final(history.value(1)))


def stand_ins():
    """In a ring that has more nodes than copies a read may miss what a stand-in keeps; at the end it may not."""
    for nodes, verdict in ((5, good), (3, lambda history: bad(history, "acknowledged"))):
        history = History("plain", nodes=nodes)
        history.set(), history.set()
        history.add("get", seen=[history.value(0)])
        verdict(history.final(history.value(1)))
    session = History("expiring", nodes=5)
    session.set(exptime=10)
    session.add("gets", seen=[session.value(0)], at=30 * SECOND)
    bad(session.final(), "expired")
    history = History("plain", nodes=5)
    history.set(), history.set()
    bad(history.final(history.value(0)), "acknowledged")


def files():
    history = History("plain")
    history.set()
    history.final(history.value(0))
    lines = history.lines()
    senseless(["nonsense"], "no JSON object")
    senseless([], "no first line")
    senseless(lines[1:], "line 1")
    senseless(lines[:-1], "mended")
    senseless([line for line in lines if line.get("id") != 1], "operation 1 of some key is missing")
    senseless(lines + [lines[2]], "comes twice")
    for field, value in (("node", 3), ("op", "flush_all"), ("op", "bake"), ("outcome", "fine"), ("ended", 0), ("sent", -1),
                         ("kind", "odd"), ("value", None), ("id", -1), ("seen", [["x"]])):
        senseless([dict(line, **{field: value}) if line.get("id") == 0 else line for line in lines], "line 3")
    assert subprocess.run([RINGSIM, "--judge", "/nonexistent"], capture_output=True, text=True).returncode == 64
    assert subprocess.run([RINGSIM, "--judge"], capture_output=True, text=True).returncode == 64


for test in (carts, plain_values, sessions, counters, calm, stand_ins, files):
    test()
print("all good")
