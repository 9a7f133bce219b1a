/* Where the admin port listens. */
#ifndef SERVER_ADMIN_LISTEN_H
#define SERVER_ADMIN_LISTEN_H

#include "server/logger.h"

#include <stdbool.h>

enum { ADMIN_SOCKETS_MAX = 8 };

struct admin_sockets {
    int fds[ADMIN_SOCKETS_MAX];
    unsigned count;
    int port;
    bool is_loopback; /* all of them: nobody else can reach it */
};

enum admin_listen_status { ADMIN_LISTENS, ADMIN_PORT_TAKEN, ADMIN_LISTEN_FAILED };

/* Listens on every address of `host` ("" for all addresses), all with the same port; 0: the system chooses. Errors are
 * logged, but for a port that is taken; nothing is open then. */
enum admin_listen_status admin_listen(struct admin_sockets *sockets, const char *host, unsigned port,
                                      struct logger *log);
void admin_sockets_close(struct admin_sockets *sockets);

#endif
