"""Passwords: -Y for the text protocol, -S (SASL PLAIN) for the binary one. Also what memcached answers to both."""

import os
import signal
import tempfile

import harness
import wire
from harness import storage, wait_until

UNAUTHENTICATED = b"CLIENT_ERROR unauthenticated\r\n"


class Passwords(harness.TestCase):
    def setUp(self):
        descriptor, self.file = tempfile.mkstemp(prefix="ringcached-test-")
        os.close(descriptor)
        self.addCleanup(os.unlink, self.file)
        self.write("anna:secret\nbert:other word\n")

    def write(self, text):
        with open(self.file, "w", encoding="ascii") as file:
            file.write(text)


class Text(Passwords):
    def log_in(self, client, words):
        return client.ask(storage(b"set", b"any", words))

    def test_commands_before_the_password_are_refused(self):
        server = self.server("-Y", self.file)
        for command in (b"get a\r\n", b"delete a\r\n", b"flush_all\r\n", b"mg a v\r\n", b"incr a 1\r\n"):
            with server.connect() as client:
                self.assertEqual(client.ask(command), UNAUTHENTICATED, command)

    def test_a_wrong_password_is_refused(self):
        server = self.server("-Y", self.file)
        for words in (b"anna wrong", b"anna", b"nobody secret", b"anna secret2", b"anna secre", b"", b" "):
            with server.connect() as client:
                self.assertTrue(self.log_in(client, words).startswith(b"CLIENT_ERROR"), words)

    def test_a_right_password_opens(self):
        server = self.server("-Y", self.file)
        with server.connect() as client:
            self.assertEqual(self.log_in(client, b"anna secret"), b"STORED\r\n")
            self.assertEqual(client.ask(storage(b"set", b"a", b"v")), b"STORED\r\n")
            self.assertEqual(len(client.values(b"get a")), 1)
            # The password was no data.
            self.assertEqual(client.values(b"get any"), [])

    def test_replies_are_memcacheds(self):
        ours = self.server("-Y", self.file)
        theirs = self.server("-Y", self.file, program=harness.MEMCACHED)
        for data in (b"get a\r\n", storage(b"set", b"x", b"anna secret") + storage(b"set", b"a", b"v") + b"get a\r\n",
                     storage(b"set", b"x", b"anna wrong"), b"version\r\n", b"mn\r\n", b"quit\r\n", b"set x 0 0 11\r\n",
                     b"set x 0 0\r\n", b"stats\r\n"):
            with self.subTest(data=data):
                self.assertEqual(wire.comparable_text(ours.ask(data), wire.Tokens()),
                                 wire.comparable_text(theirs.ask(data), wire.Tokens()))

    def test_binary_is_refused(self):
        server = self.server("-Y", self.file)
        self.assertNotIn(b"VALUE", server.ask(wire.packet(wire.GET, b"a")))

    def test_sighup_reads_the_passwords_again(self):
        server = self.server("-Y", self.file)
        self.write("anna:changed\n")
        server.process.send_signal(signal.SIGHUP)

        def changed():
            with server.connect() as client:
                return self.log_in(client, b"anna changed") == b"STORED\r\n"
        wait_until(changed, "the new password", 10)
        with server.connect() as client:
            self.assertTrue(self.log_in(client, b"anna secret").startswith(b"CLIENT_ERROR"))

    def test_a_missing_file_is_refused(self):
        result = harness.run(harness.RINGCACHED, "-Y", "/nonexistent/passwords", "-p", "-1", cwd=os.path.dirname(self.file))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"/nonexistent/passwords", result.stderr)


class Sasl(Passwords):
    def start(self):
        return self.server("-S", "-Y", self.file)

    def auth(self, client, user, password, mechanism=b"PLAIN"):
        client.send(wire.packet(wire.SASL_AUTH, mechanism, value=b"\0" + user + b"\0" + password))
        return wire.read_reply(client)

    def test_mechanisms_are_listed(self):
        with self.start().connect() as client:
            client.send(wire.packet(wire.SASL_LIST))
            reply = wire.read_reply(client)
            self.assertEqual(reply.status, 0)
            self.assertIn(b"PLAIN", reply.value.split())

    def test_commands_before_the_password_are_refused(self):
        server = self.start()
        with server.connect() as client:
            client.send(wire.packet(wire.GET, b"a"))
            self.assertEqual(wire.read_reply(client).status, 0x20)

    def test_a_right_password_opens_and_a_wrong_one_does_not(self):
        server = self.start()
        for user, password, status in ((b"anna", b"wrong", 0x20), (b"nobody", b"secret", 0x20), (b"anna", b"", 0x20),
                                       (b"anna", b"secret", 0), (b"bert", b"other word", 0)):
            with server.connect() as client:
                self.assertEqual(self.auth(client, user, password).status, status, (user, password))
                client.send(wire.store(wire.SET, b"a", b"v"))
                self.assertEqual(wire.read_reply(client).status, status)

    def test_an_unknown_mechanism_is_refused(self):
        with self.start().connect() as client:
            self.assertEqual(self.auth(client, b"anna", b"secret", b"X-NONE").status, 0x20)

    def test_broken_messages_are_refused(self):
        server = self.start()
        for value in (b"", b"\0", b"\0\0", b"anna", b"\0anna", b"\0anna\0secret\0more", b"x" * 3000):
            with server.connect() as client:
                client.send(wire.packet(wire.SASL_AUTH, b"PLAIN", value=value))
                self.assertNotEqual(wire.read_reply(client).status, 0, value)

    def test_a_failed_second_try_closes_nothing_that_was_open(self):
        with self.start().connect() as client:
            self.assertEqual(self.auth(client, b"anna", b"secret").status, 0)
            self.assertEqual(self.auth(client, b"anna", b"secret").status, 0)


if __name__ == "__main__":
    harness.main()
