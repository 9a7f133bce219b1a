/* One connection of the load generator: what it has asked, what it has yet to send, what it has read.
 * It knows no epoll and no clock: the thread that drives it tells it the time. */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "load_wire.h"

#include "base/histogram.h"
#include "base/prng.h"

struct load_counts {
    uint64_t sets, hits, misses;
    uint64_t refused; /* error replies */
    uint64_t lost;    /* requests that got no reply or a wrong one */
    struct histogram latency_ns;
};

struct load_client {
    const struct load_options *options;
    const struct load_wire *wire;
    int socket; /* -1 when closed */
    struct prng prng;
    uint32_t sequence;
    uint64_t requests_left;         /* 0: asks for no more */
    bool prefilling;                /* keys in order from next_key by key_step instead of at random */
    uint64_t next_key, key_step;    /* while prefilling */
    struct load_request *under_way; /* a ring of `pipeline` requests, the oldest first */
    unsigned under_way_first, under_way_count;
    uint8_t *in, *out;
    size_t in_size, in_used;
    size_t out_size, out_used, out_sent;
};

/* Connects and prepares connection number `number`. False with errno when that fails; nothing is left to close. */
bool load_client_open(struct load_client *client, const struct load_options *options, unsigned number);

/* Its next requests set this connection's share of all keys, once each. */
void load_client_prefill(struct load_client *client, unsigned number);

/* Its next requests are sets and gets of random keys, at most `requests`. */
void load_client_mix(struct load_client *client, uint64_t requests);

/* Asks until the pipeline is full, and sends what the socket takes. Returns false when the connection is lost. */
bool load_client_send(struct load_client *client, uint64_t now_ns);

/* Reads once and counts the replies that are complete. Returns false when the connection is lost or a reply wrong. */
bool load_client_receive(struct load_client *client, uint64_t (*clock_ns)(void), struct load_counts *counts);

/* Asks nothing more; replies to what is under way are still to be read. */
void load_client_stop(struct load_client *client);

/* Part of what it has asked could not be sent yet, because the socket is full. */
bool load_client_is_blocked(const struct load_client *client);

bool load_client_is_idle(const struct load_client *client);

/* Closes the socket and counts what is under way as lost. May be called twice. */
void load_client_close(struct load_client *client, struct load_counts *counts);

void load_client_free(struct load_client *client);

#endif
