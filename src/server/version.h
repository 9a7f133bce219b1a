/* The version that the build was configured with. */
#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

#ifndef RINGCACHED_VERSION
#define RINGCACHED_VERSION "unknown"
#endif

#define SERVER_VERSION RINGCACHED_VERSION

/* What `version` and `stats` answer. Clients take the number before the first dash for memcached's and choose what they
 * expect of the server by it, so it is the memcached whose behaviour this is. */
#define SERVER_PROTOCOL_VERSION "1.6.18-ringcached-" RINGCACHED_VERSION

#endif
