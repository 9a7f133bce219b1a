/* The version that the build was configured with. */
#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

#ifndef RINGCACHED_VERSION
#define RINGCACHED_VERSION "unknown"
#endif

#define SERVER_VERSION RINGCACHED_VERSION

#endif
