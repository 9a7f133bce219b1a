"""Runs a program against a server of its own: `with_server.py PROGRAM [SERVER OPTION...]`. The program finds the port in
the environment variable RINGCACHED_PORT, its host in RINGCACHED_HOST. The exit status is the program's, or 1 if the server did not end cleanly."""

import os
import subprocess
import sys

import harness

CONFIG = "[bucket carts]\nprefix = cart:\nstale-cas = sibling\n"


def main():
    with harness.subject(*sys.argv[2:], config=CONFIG) as server:
        environment = dict(os.environ, RINGCACHED_PORT=str(server.port), RINGCACHED_HOST=server.host)
        status = subprocess.run([sys.argv[1]], env=environment, check=False, preexec_fn=harness.die_with_parent).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
