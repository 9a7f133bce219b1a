"""The process: command line, configuration file, signals, daemon mode, and what an operator sees when it cannot start."""

import contextlib
import glob
import os
import signal
import socket
import tempfile
import time

import harness
from harness import storage, wait_until


class CommandLine(harness.TestCase):
    def run_once(self, *arguments, **options):
        """Runs the server to its end in a directory of its own."""
        with tempfile.TemporaryDirectory(prefix="ringcached-test-") as directory:
            return harness.run(harness.RINGCACHED, *arguments, cwd=directory, **options)

    def refused(self, *arguments, says):
        result = self.run_once(*arguments)
        self.assertNotEqual(result.returncode, 0, arguments)
        self.assertIn(says, result.stderr.decode())
        self.assertEqual(result.stdout, b"")

    def test_version_and_help(self):
        self.assertRegex(self.run_once("-V").stdout, rb"^ringcached \d+\.\d+\.\d+")
        help_text = self.run_once("-h")
        self.assertEqual(help_text.returncode, 0)
        for word in (b"--data", b"-p", b"unix-socket", b"--config", b"--check-config"):
            self.assertIn(word, help_text.stdout)

    def test_an_unknown_option_is_refused(self):
        self.refused("--nonsense", says="nonsense")
        self.refused("-p", "x", says="-p")
        self.refused("-t", "0", says="-t")
        self.refused("-o", "nonsense", says="nonsense")

    def test_memcacheds_flags_are_accepted(self):
        for flags in (["-U", "11211"], ["-m", "128"], ["-M"], ["-c", "100"], ["-t", "2"], ["-b", "100"], ["-R", "5"],
                      ["-L"], ["-r"], ["-f", "1.5"], ["-n", "48"], ["-v"], ["-vv"], ["-C"], ["-F"], ["-A"],
                      ["-D", ":"], ["-I", "2m"], ["-B", "auto"], ["-o", "modern,no_lru_crawler,hash_algorithm=murmur3"],
                      ["-o", "no_modern", "-o", "slab_chunk_max=4096"], ["-a", "0777"]):
            with self.subTest(flags=flags), harness.Server(*flags, unix="-a" in flags) as server:
                self.assertEqual(server.ask(b"mn\r\n"), b"MN\r\n")

    def test_udp_is_a_notice(self):
        server = self.server("-U", "11211")
        self.assertIn(b"UDP", server.log())

    def test_a_wrong_configuration_names_file_line_and_values(self):
        for text, line, says in (("[node]\nthreads = many\n", 2, "threads"),
                                 ("[node]\n\nnonsense = 1\n", 3, "nonsense"),
                                 ("[bucket b]\nprefix = b:\nreconcile = maybe\n", 3, "siblings"),
                                 ("[nonsense]\nx = 1\n", 1, "section"),
                                 ("[node]\nthreads\n", 2, "name = value"),
                                 ("[bucket a]\nprefix = a\n[bucket a]\nprefix = b\n", 3, "section"),
                                 ("[node\nthreads = 1\n", 1, ""),
                                 ("[node]\nx = " + "y" * 5000 + "\n", 2, "")):
            with self.subTest(text=text[:60]), tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
                file.write(text)
                file.flush()
                result = self.run_once("--config", file.name, "--check-config")
                message = result.stderr.decode()
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("%s:%d" % (file.name, line), message)
                self.assertIn(says, message)

    def test_check_config_accepts_and_starts_nothing(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("[node]\nthreads = 2\n[bucket default]\ndurability = synced\n")
            file.flush()
            with tempfile.TemporaryDirectory(prefix="ringcached-test-") as directory:
                result = harness.run(harness.RINGCACHED, "--config", file.name, "--check-config", cwd=directory)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(os.listdir(directory), [])

    def test_the_examples_are_valid(self):
        examples = glob.glob(os.path.join(harness.TREE, "conf", "*.conf"))
        self.assertGreaterEqual(len(examples), 4)
        for example in examples:
            result = self.run_once("--config", example, "--check-config")
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_buckets_that_cannot_be_are_refused(self):
        for text in ("[bucket a]\nreconcile = lww\n", "[bucket default]\nprefix = x\n",
                     "[bucket a]\nprefix = a\nreconcile = lww\nstale-cas = sibling\n",
                     "[bucket a]\nprefix = a\n[bucket b]\nprefix = a\n"):
            with self.subTest(text=text), tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
                file.write(text)
                file.flush()
                self.assertNotEqual(self.run_once("--config", file.name, "--check-config").returncode, 0)

    def test_a_bad_password_file_is_found_by_checking(self):
        with tempfile.NamedTemporaryFile("w", suffix=".passwords") as file:
            file.write("alice:secret\nno colon here\n")
            file.flush()
            result = self.run_once("-Y", file.name, "--check-config")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(("%s:2" % file.name).encode(), result.stderr)

    def test_a_missing_configuration_is_refused(self):
        self.refused("--config", "/nonexistent/file.conf", says="/nonexistent/file.conf")

    def test_a_taken_port_is_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.refused("-l", "127.0.0.1", "-p", taken.getsockname()[1], says=str(taken.getsockname()[1]))

    def test_an_address_of_others_is_refused(self):
        self.refused("-l", "192.0.2.1", "-p", "-1", says="192.0.2.1")

    def test_an_impossible_socket_path_is_refused(self):
        self.refused("-s", "/nonexistent/socket", says="/nonexistent/socket")
        self.refused("-s", "/tmp/" + "x" * 200, says="107")

    def test_tls_is_refused_clearly(self):
        self.refused("-Z", says="TLS")


class Listening(harness.TestCase):
    def test_tcp_and_unix_speak_the_same(self):
        data = storage(b"set", b"a", b"v") + b"get a\r\nquit\r\n"
        self.assertEqual(self.server().ask(data), self.server(unix=True).ask(data))

    def test_a_unix_socket_has_the_mask_asked_for(self):
        server = self.server("-a", "0770", unix=True)
        self.assertEqual(os.stat(server.unix_path).st_mode & 0o777, 0o770)

    def test_a_left_over_socket_is_replaced(self):
        server = self.server(unix=True)
        server.kill()
        self.assertTrue(os.path.exists(server.unix_path))
        server.start()
        self.assertEqual(server.ask(b"mn\r\n"), b"MN\r\n")

    def test_several_addresses(self):
        server = harness.Server("-l", "127.0.0.1,127.0.0.2", "-p", "-1", own_port=True, start=False)
        self.addCleanup(server.close)
        server.start(wait=False)
        server.port = wait_until(server._read_port, "the port file")
        for address in ("127.0.0.1", "127.0.0.2"):
            with open(server.port_file, encoding="ascii") as file:
                ports = [int(line.split()[-1]) for line in file]
            answered = []
            for port in ports:
                try:
                    with socket.create_connection((address, port), timeout=harness.PATIENCE) as sock:
                        sock.sendall(b"mn\r\n")
                        answered.append(sock.recv(100))
                except ConnectionRefusedError:
                    pass
            self.assertIn(b"MN\r\n", answered, address)
        server.stop()

    def test_only_one_dialect_when_asked(self):
        with harness.Server("-B", "binary") as server:
            self.assertEqual(server.ask(b"get a\r\n"), b"")
        with harness.Server("-B", "ascii") as server:
            self.assertNotIn(b"\x81", server.ask(b"\x80\x0a" + bytes(22)))


class Signals(harness.TestCase):
    def stops_cleanly(self, number):
        server = self.server()
        server.ask(b"".join(storage(b"set", b"k%d" % i, b"v%d" % i, noreply=True) for i in range(1000)) + b"mn\r\n")
        with server.connect() as idle:
            server.stop(number)
            self.assertTrue(wait_until(lambda: harness.is_closed(idle.sock), "the connection to end"))
        server.start()
        self.assertEqual(server.ask(b"get k0 k999\r\n"), b"VALUE k0 0 2\r\nv0\r\nVALUE k999 0 4\r\nv999\r\nEND\r\n")

    def test_sigterm_stops_cleanly(self):
        self.stops_cleanly(signal.SIGTERM)

    def test_sigint_stops_cleanly(self):
        self.stops_cleanly(signal.SIGINT)

    def test_sighup_keeps_connections_and_data(self):
        server = self.server(config="[node]\nverbose = 0\n")
        with server.connect() as client:
            client.ask(storage(b"set", b"a", b"v"))
            server.process.send_signal(signal.SIGHUP)
            for _ in range(50):
                self.assertEqual(len(client.values(b"get a")), 1)

    def test_sighup_reads_buckets_again(self):
        server = self.server(config="[bucket default]\nstale-cas = exists\n")
        with server.connect() as client:
            server.write_config("[bucket default]\nstale-cas = sibling\n")
            server.process.send_signal(signal.SIGHUP)

            def makes_siblings():
                client.ask(storage(b"set", b"a", b"1"))
                token = client.values(b"gets a")[0][3]
                replies = [client.ask(storage(b"cas", b"a", b"2", token=token)) for _ in range(2)]
                return replies == [b"STORED\r\n"] * 2
            wait_until(makes_siblings, "the new setting", 10)

    def test_sighup_with_a_wrong_file_keeps_the_old_settings(self):
        server = self.server(config="[node]\nverbose = 0\n")
        with server.connect() as client:
            server.write_config("[node]\nnonsense = 1\n")
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: b"nonsense" in server.log(), "the complaint in the log", 10)
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")

    def test_shutdown_by_command_only_when_allowed(self):
        self.assertEqual(self.server().ask(b"shutdown\r\n"), b"ERROR: shutdown not enabled\r\n")
        server = self.server("-A")
        server.ask(b"shutdown\r\n")
        self.assertEqual(server.wait(), 0)


class Daemon(harness.TestCase):
    def test_the_parent_returns_when_clients_are_served(self):
        server = harness.Server("-d", "-P", "pid", start=False)
        self.addCleanup(server.close)
        pid_file = os.path.join(server.directory, "pid")
        server.arguments = ["-d", "-P", pid_file]
        server.start(wait=False)
        self.assertEqual(server.wait(), 0)
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read())
        try:
            server.port = server._read_port()
            self.assertIsNotNone(server.port, "the parent returned before the port was known")
            self.assertEqual(server.ask(b"mn\r\n"), b"MN\r\n")
            with open("/proc/%d/stat" % pid, "rb") as file:
                session = int(file.read().rpartition(b") ")[2].split()[3])
            self.assertEqual(session, os.getsid(pid))
            self.assertNotEqual(session, os.getsid(0), "the daemon stays in the session of its starter")
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not os.path.exists("/proc/%d" % pid) or self.is_zombie(pid), "the daemon to end")
        self.assertFalse(os.path.exists(pid_file), "the pid file is left")

    @staticmethod
    def is_zombie(pid):
        try:
            with open("/proc/%d/stat" % pid, "rb") as file:
                return file.read().rpartition(b") ")[2][:1] == b"Z"
        except FileNotFoundError:
            return True

    def test_the_parent_tells_of_a_failure(self):
        with socket.create_server(("127.0.0.1", 0)) as taken, \
                tempfile.TemporaryDirectory(prefix="ringcached-test-") as directory:
            port = str(taken.getsockname()[1])
            result = harness.run(harness.RINGCACHED, "-d", "-l", "127.0.0.1", "-p", port, "--data",
                                 os.path.join(directory, "data"), cwd=directory)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(port, result.stderr.decode())


class Connections(harness.TestCase):
    def test_more_than_the_limit_are_refused_and_said_so(self):
        server = self.server("-c", "4", "-t", "1")
        open_ones = []
        for _ in range(4):
            open_ones.append(server.connect())
            self.assertEqual(open_ones[-1].ask(b"mn\r\n"), b"MN\r\n")
        with server.connect() as late:
            self.assertEqual(late.to_end(), b"ERROR Too many open connections\r\n")
        for client in open_ones:
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
        self.assertGreaterEqual(int(open_ones[0].stats()[b"listen_disabled_num"])
                                + int(open_ones[0].stats()[b"rejected_connections"]), 1)
        open_ones.pop().close()

        def served():
            with contextlib.suppress(EOFError), server.connect() as client:
                return client.ask(b"mn\r\n") == b"MN\r\n"
        wait_until(served, "a place to be free again", 10)
        for client in open_ones:
            client.close()

    def test_idle_connections_are_closed(self):
        server = self.server("-o", "idle_timeout=1")
        with server.connect() as idle, server.connect() as busy:
            busy.ask(b"mn\r\n")
            deadline = time.monotonic() + 15
            while not harness.is_closed(idle.sock):
                self.assertEqual(busy.ask(b"mn\r\n"), b"MN\r\n")
                self.assertLess(time.monotonic(), deadline, "the idle connection stays open")
                time.sleep(0.1)
            self.assertEqual(busy.ask(b"mn\r\n"), b"MN\r\n")

    def test_quit_closes(self):
        server = self.server()
        with server.connect() as client:
            client.send(b"quit\r\n")
            self.assertEqual(client.to_end(), b"")


if __name__ == "__main__":
    harness.main()
