"""Stands between the peer ports of a ring's nodes: a forwarder in front of each node, which can cut nodes off from each
other. Who dials is told by the first message of the handshake (docs/messages.md)."""

import contextlib
import socket
import struct
import threading

HELLO_HEADER = struct.Struct(">4sBH")
# Versions, plane, loop, incarnation and nonce stand before the cluster's name.
HELLO_NAMES_AT = 2 + 1 + 2 + 8 + 16


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def read_hello(sock):
    """The bytes of the first message, and the name of the node that says it."""
    header = read_exactly(sock, HELLO_HEADER.size)
    fields = read_exactly(sock, HELLO_HEADER.unpack(header)[2])
    name_at = HELLO_NAMES_AT + 1 + fields[HELLO_NAMES_AT]
    return header + fields, fields[name_at + 1:name_at + 1 + fields[name_at]].decode()


class Wall:
    def __init__(self, host):
        self.host = host
        self.lock = threading.Lock()
        self.listeners = {}  # node's name -> the socket that stands for it
        self.ways = {}  # node's name -> the port that it really listens on
        self.parts = {}  # node's name -> its part of the ring; two parts cannot talk
        self.open_ones = {}  # connection -> (dialler, node, both sockets)
        self.closing = False

    def door(self, name):
        """The port under which other nodes know this one."""
        listener = socket.create_server((self.host, 0), backlog=128)
        self.listeners[name] = listener
        threading.Thread(target=self._accept, args=(name, listener), daemon=True).start()
        return listener.getsockname()[1]

    def leads_to(self, name, port):
        with self.lock:
            self.ways[name] = port

    def cut(self, *parts):
        """Nodes of different parts, which are collections of names, lose their connections and get no new ones."""
        with self.lock:
            self.parts = {name: number for number, part in enumerate(parts) for name in part}
            torn = [sockets for dialler, node, sockets in self.open_ones.values() if not self._may_talk(dialler, node)]
            for sockets in torn:
                for sock in sockets:
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)

    def heal(self):
        with self.lock:
            self.parts = {}

    def close(self):
        self.closing = True
        for listener in self.listeners.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.lock:
            for _, _, sockets in self.open_ones.values():
                for sock in sockets:
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)

    def _may_talk(self, one, other):
        return self.parts.get(one) == self.parts.get(other)

    def _accept(self, name, listener):
        while not self.closing:
            try:
                dialled, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(name, dialled), daemon=True).start()

    def _lead(self, name, dialled):
        with dialled, contextlib.suppress(OSError):
            hello, dialler = read_hello(dialled)
            with self.lock:
                port = self.ways.get(name)
                if port is None or not self._may_talk(dialler, name):
                    return
            with socket.create_connection((self.host, port)) as onward:
                for sock in (dialled, onward):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                onward.sendall(hello)
                with self.lock:
                    if not self._may_talk(dialler, name) or self.closing:
                        return
                    self.open_ones[dialled] = (dialler, name, (dialled, onward))
                back = threading.Thread(target=self._carry, args=(onward, dialled), daemon=True)
                back.start()
                self._carry(dialled, onward)
                back.join()
                with self.lock:
                    del self.open_ones[dialled]

    @staticmethod
    def _carry(source, target):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
