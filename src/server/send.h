/* Writing a chain to a socket. */
#ifndef SERVER_SEND_H
#define SERVER_SEND_H

#include "base/chain.h"

#include <sys/types.h>

enum { SEND_SLICES_MAX = 64 /* pieces in one system call */ };

/* Sends the first pieces of a chain that is not empty, in one call; the caller consumes what was sent. 0: the socket is
 * full. -1: the connection is broken, errno says how. */
ssize_t send_chain(int fd, const struct chain *out);

#endif
