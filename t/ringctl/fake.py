"""The fake node (fake_node.c) and ringctl, for the tests of this folder."""

import json
import os
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "blackbox"))
import harness  # noqa: E402

BIN = os.path.dirname(harness.RINGCACHED)
RINGCTL = os.path.abspath(os.environ.get("RINGCTL", os.path.join(BIN, "ringctl")))
FAKE_NODE = os.path.abspath(os.environ.get("FAKE_NODE", os.path.join(BIN, "fake_node")))


class FakeNode:
    """An admin port over a ring that does not exist; it ends with its standard input."""

    def __init__(self, address="127.0.0.1:0", token_file=None, environment=None):
        self.process = subprocess.Popen([FAKE_NODE, address] + ([token_file] if token_file else []),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, **(environment or {})),
                                        preexec_fn=harness.die_with_parent)
        line = self.process.stdout.readline().split()
        self.port = int(line[1]) if line[:1] == [b"admin"] else None
        self.log = b""

    def close(self):
        """Its exit status."""
        _, self.log = self.process.communicate(timeout=harness.PATIENCE)
        return self.process.returncode


def ask(port, data, half_close=False):
    """Sends bytes, returns everything until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=harness.PATIENCE) as sock:
        client = harness.Client(sock)
        client.send(data)
        return client.finish() if half_close else client.to_end()


class Reply:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/1.") else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}

    def json(self):
        return json.loads(self.body)


def request(port, method, path, body=None, headers=(), host="127.0.0.1"):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + host, *headers]
    if body is not None:
        lines += ["Content-Length: %d" % len(body)]
        if not any(header.lower().startswith("content-type") for header in headers):
            lines.append("Content-Type: application/json")
    return Reply(ask(port, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")))


def ringctl(*arguments, port=None):
    """Runs the tool; returns its exit status, output and errors."""
    where = ["-a", "127.0.0.1:%d" % port] if port else []
    result = harness.run(RINGCTL, *where, *arguments)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


class TestCase(unittest.TestCase):
    maxDiff = 4000

    def node(self, *arguments, **options):
        node = FakeNode(*arguments, **options)
        self.addCleanup(self._end, node)
        return node

    def _end(self, node):
        status = node.close()
        self.assertEqual((status, any(mark in node.log for mark in harness.SANITIZER_MARKS)), (0, False), node.log)
