/* The two protocols of the load generator behind one table: load_text.c and load_binary.c. */
#ifndef LOAD_WIRE_H
#define LOAD_WIRE_H

#include "load_options.h"

#include "base/bytes.h"

struct load_request {
    uint64_t key;      /* 0 .. options->keys - 1 */
    uint64_t start_ns; /* when it was put into the output buffer */
    uint32_t sequence; /* number on its connection */
    bool is_set;
};

enum load_verdict {
    LOAD_MORE,    /* the reply is not complete yet */
    LOAD_HIT,     /* the value, and it is the key's */
    LOAD_MISS,    /* no such key */
    LOAD_STORED,  /* the set was done */
    LOAD_REFUSED, /* an error reply; the stream is in step */
    LOAD_BROKEN   /* not a reply to this request: the connection is of no more use */
};

struct load_wire {
    /* Writes `request` at `at`, where LOAD_WIRE_OVERHEAD + value_size bytes are free; returns the place after it. */
    uint8_t *(*write_request)(const struct load_options *options, const struct load_request *request, uint8_t *at);

    /* Judges what begins with the reply to `request`. Unless LOAD_MORE or LOAD_BROKEN, `used` is its length. */
    enum load_verdict (*read_reply)(const struct load_options *options, const struct load_request *request,
                                    struct bytes in, size_t *used);
};

/* The most that a request or a good reply holds beyond the value: the key and a line or header around it. */
enum { LOAD_WIRE_OVERHEAD = LOAD_KEY_MAX + 128 };

extern const struct load_wire load_text, load_binary;

/* Writes the name of key number `key`; at most LOAD_KEY_MAX bytes. */
uint8_t *load_write_key(const struct load_options *options, uint64_t key, uint8_t *at);

/* Every value begins with its key's number, so that a reply with some other key's value is noticed. */
uint8_t *load_write_value(const struct load_options *options, uint64_t key, uint8_t *at);

bool load_value_is_of(const struct load_options *options, uint64_t key, struct bytes value);

#endif
