#include "simulator/keys.h"

#include "base/check.h"
#include "base/decimal.h"
#include "base/hash.h"

#include <stdio.h>

void keys_init(struct keys *keys, const struct plan *plan)
{
    *keys = (struct keys){0};
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        for (unsigned i = 0; i < plan->buckets[kind].keys; i++) {
            CHECK(keys->count < PLAN_KEYS_MAX);
            struct key *key = &keys->list[keys->count++];
            key->kind = (enum key_kind)kind;
            key->len = (uint8_t)snprintf(key->text, sizeof key->text, "%s%u", plan_prefix(key->kind), keys->count - 1);
            key->hash = hash_of_key(key_bytes(key));
            key->partition = (uint16_t)(key->hash & (plan->ring.partition_count - 1));
        }
    }
}

/* A key's text ends with its number. */
int keys_find(const struct keys *keys, struct bytes text)
{
    uint64_t number;
    if (text.len < 3 || !decimal_read(bytes_after(text, 2), &number) || number >= keys->count)
        return -1;
    return bytes_equal(key_bytes(&keys->list[number]), text) ? (int)number : -1;
}
