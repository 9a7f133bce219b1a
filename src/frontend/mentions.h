/* How often keys with siblings have been mentioned in one line or run: ask again, get the next.
 *
 * Holds memory only once a key with siblings was met. Zero-initialised is empty. */
#ifndef FRONTEND_MENTIONS_H
#define FRONTEND_MENTIONS_H

#include "base/bytes.h"

#include <stdint.h>

struct mention;

struct mentions {
    struct mention *list; /* malloc'd, MENTIONS_MAX entries */
    uint32_t count;
};

/* How often `key` was mentioned before, and counts this mention. 0 for keys beyond MENTIONS_MAX. */
uint32_t mentions_add(struct mentions *mentions, struct bytes key);

/* Forgets all and frees. */
void mentions_close(struct mentions *mentions);

#endif
