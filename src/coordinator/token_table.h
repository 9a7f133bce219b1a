/* What a cas token stood for: a bounded table token -> context, shared by the loops of a process.
 *
 * A token is only a fingerprint; a stale one can make a sibling only if the context that its client read is still
 * known. Older entries are overwritten: then the token counts as unknown and the client reads again. */
#ifndef COORDINATOR_TOKEN_TABLE_H
#define COORDINATOR_TOKEN_TABLE_H

#include "base/arena.h"
#include "storage/lock.h"
#include "version/object.h"

#include <stdbool.h>
#include <stdint.h>

struct token_table;

/* `entries_max` > 0 is rounded up to a power of two. */
struct token_table *token_table_new(uint32_t entries_max, const struct lock_ops *locks);
void token_table_free(struct token_table *table);

/* Any thread. `key_hash` guards against equal tokens of different keys. */
void token_table_put(struct token_table *table, uint64_t token, uint32_t key_hash, const struct context *context);

/* Copies the context into the arena. false when it is not (any more) known. */
bool token_table_get(struct token_table *table, uint64_t token, uint32_t key_hash, struct context *out,
                     struct arena *arena);

#endif
