#include "frontend/mentions.h"

#include "base/check.h"
#include "base/hash.h"
#include "frontend/limits.h"

#include <stdlib.h>

/* A fingerprint stands for the key: if two ever had the same one, a client would see another sibling, no more. */
struct mention {
    uint64_t fingerprint;
    uint32_t times;
};

uint32_t mentions_add(struct mentions *mentions, struct bytes key)
{
    uint64_t fingerprint = hash_fingerprint(key, 0);
    for (uint32_t i = 0; i < mentions->count; i++) {
        if (mentions->list[i].fingerprint == fingerprint)
            return mentions->list[i].times++;
    }
    if (mentions->count == MENTIONS_MAX)
        return 0;
    if (mentions->list == NULL) {
        mentions->list = malloc(MENTIONS_MAX * sizeof *mentions->list);
        CHECK_MEMORY(mentions->list);
    }
    mentions->list[mentions->count++] = (struct mention){.fingerprint = fingerprint, .times = 1};
    return 0;
}

void mentions_close(struct mentions *mentions)
{
    free(mentions->list);
    *mentions = (struct mentions){0};
}
