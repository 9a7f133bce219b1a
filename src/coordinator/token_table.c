#include "coordinator/token_table.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_LOCKS = 64 };

/* Direct-mapped: a new token overwrites whatever has the same place. */
struct entry {
    uint64_t token; /* 0: free */
    uint32_t key_hash;
    uint32_t count;
    struct pair *pairs;
};

struct token_table {
    const struct lock_ops *locks;
    uint64_t mask;
    struct entry *entries;
    struct lock lock[TABLE_LOCKS];
};

struct token_table *token_table_new(uint32_t entries_max, const struct lock_ops *locks)
{
    CHECK(entries_max > 0);
    uint64_t size = TABLE_LOCKS;
    while (size < entries_max)
        size *= 2;
    struct token_table *table = calloc(1, sizeof *table);
    CHECK_MEMORY(table);
    table->entries = calloc(size, sizeof *table->entries);
    CHECK_MEMORY(table->entries);
    table->mask = size - 1;
    table->locks = locks;
    for (unsigned i = 0; i < TABLE_LOCKS; i++)
        locks->init(&table->lock[i]);
    return table;
}

void token_table_free(struct token_table *table)
{
    if (table == NULL)
        return;
    for (uint64_t i = 0; i <= table->mask; i++)
        free(table->entries[i].pairs);
    for (unsigned i = 0; i < TABLE_LOCKS; i++)
        table->locks->close(&table->lock[i]);
    free(table->entries);
    free(table);
}

static uint64_t place_of(const struct token_table *table, uint64_t token, uint32_t key_hash)
{
    return hash_mix(token ^ (uint64_t)key_hash << 32) & table->mask;
}

void token_table_put(struct token_table *table, uint64_t token, uint32_t key_hash, const struct context *context)
{
    uint64_t place = place_of(table, token, key_hash);
    size_t size = context->count * sizeof *context->pairs;
    struct pair *pairs = NULL;
    if (size != 0) {
        pairs = malloc(size);
        CHECK_MEMORY(pairs);
        memcpy(pairs, context->pairs, size);
    }
    struct lock *lock = &table->lock[place % TABLE_LOCKS];
    table->locks->take(lock);
    struct entry *entry = &table->entries[place];
    struct pair *old = entry->pairs;
    *entry = (struct entry){.token = token, .key_hash = key_hash, .count = context->count, .pairs = pairs};
    table->locks->give(lock);
    free(old);
}

bool token_table_get(struct token_table *table, uint64_t token, uint32_t key_hash, struct context *out,
                     struct arena *arena)
{
    if (token == 0)
        return false;
    uint64_t place = place_of(table, token, key_hash);
    struct lock *lock = &table->lock[place % TABLE_LOCKS];
    table->locks->take(lock);
    const struct entry *entry = &table->entries[place];
    bool found = entry->token == token && entry->key_hash == key_hash;
    *out = (struct context){0};
    if (found && entry->count > 0) {
        size_t size = entry->count * sizeof *entry->pairs;
        out->pairs = arena_alloc(arena, size);
        memcpy(out->pairs, entry->pairs, size);
        out->count = entry->count;
    }
    table->locks->give(lock);
    return found;
}
