/* The keys of a run, by number. */
#ifndef SIMULATOR_KEYS_H
#define SIMULATOR_KEYS_H

#include "base/bytes.h"
#include "simulator/plan.h"

#include <stdint.h>

struct key {
    char text[12];
    uint8_t len;
    enum key_kind kind;
    uint32_t hash;
    uint16_t partition;
};

struct keys {
    struct key list[PLAN_KEYS_MAX];
    unsigned count;
};

/* The keys that a plan asks for. */
void keys_init(struct keys *keys, const struct plan *plan);
/* The number of a key by its text, -1: it is none of the run's. */
int keys_find(const struct keys *keys, struct bytes text);

static inline struct bytes key_bytes(const struct key *key)
{
    return bytes_of(key->text, key->len);
}

#endif
