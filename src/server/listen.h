/* Listening sockets: TCP addresses and the UNIX socket, opened as memcached opens them. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "server/config.h"
#include "server/logger.h"

#include <stdbool.h>

enum { LISTENERS_MAX = 64 };

struct listeners {
    int fds[LISTENERS_MAX];
    unsigned count;
    int tcp_port;      /* the first one, with -p -1 the one that the system chose; 0: none */
    char *unix_socket; /* to be removed at the end; NULL: none */
};

/* Opens what config says for clients and writes the port file that MEMCACHED_PORT_FILENAME names. A node that first has
 * to find its ring only takes the addresses: clients are refused until listeners_listen. false after an error that has
 * been logged; nothing is open then. */
bool listeners_open(struct listeners *listeners, const struct config *config, struct logger *log);
/* The addresses that listeners_open took begin to listen; harmless when they do. false after a logged error. */
bool listeners_listen(const struct listeners *listeners, const struct config *config, struct logger *log);

/* Opens the port for other nodes, at all addresses of `host` ("": of the machine); port 0: a free one. false as above.
 */
bool listeners_open_peers(struct listeners *listeners, const char *host, unsigned port, const struct config *config,
                          struct logger *log);
/* May be called twice. Removes the UNIX socket's file. */
void listeners_close(struct listeners *listeners);

/* Writes the file that the environment variable RINGCACHED_PORTS_FILENAME names, whole or not at all: a line "client
 * N", "peer N" or "admin N" for each port that is open (not 0). */
void ports_file_write(int client, int peer, int admin, struct logger *log);

/* One address of -l: "host", "host:port", "[v6]", "[v6]:port", "*" or a bare IPv6 address. Cuts `text` into pieces;
 * *host NULL means all addresses. false: it makes no sense. */
bool listen_split_address(char *text, const char **host, int *port);

#endif
