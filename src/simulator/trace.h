/* What was done, as a hash that two runs must share, and as lines for people. */
#ifndef SIMULATOR_TRACE_H
#define SIMULATOR_TRACE_H

#include "base/bytes.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRACE_LINE_MAX = 400, TRACE_NO_KEY = -1 };

/* Takes a line; `key`: the number of the key concerned, or TRACE_NO_KEY. */
typedef void trace_line(void *context, int key, const char *text);

struct keys;

struct trace {
    const struct keys *keys; /* whose texts stand in the lines */
    uint64_t hash, events;
    trace_line *line; /* NULL: nobody listens, and nothing is formatted */
    void *context;
};

/* Mixes a number into the hash. */
static inline void trace_mix(struct trace *trace, uint64_t number)
{
    trace->hash = hash_mix(trace->hash ^ number) + 0x9e3779b97f4a7c15ULL;
}

/* The same for bytes. */
static inline void trace_mix_bytes(struct trace *trace, struct bytes data)
{
    trace_mix(trace, hash_fingerprint(data, 0));
}

/* One line, when somebody listens. `now_ns` stands before it in seconds, and the key. */
void trace_say(struct trace *trace, uint64_t now_ns, int key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
