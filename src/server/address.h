/* Where a member is reached: "host:port", a host of IPv6 in brackets. */
#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct address {
    char host[RING_ADDRESS_MAX + 1]; /* without brackets; "" stands for all addresses (to listen on) */
    uint16_t port;
};

/* "host:port", "[v6]:port", "*:port" or ":port". false: it is something else, or too long. */
bool address_split(const char *text, struct address *out);

/* Writes host and port to `text` (RING_ADDRESS_MAX + 1 bytes), in brackets where they are needed. false: too long. */
bool address_join(const char *host, unsigned port, char *text);

#endif
