#include "frontend/prefix_stats.h"

#include "base/check.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "base/wire.h"
#include "frontend/limits.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = 4096, PREFIX_LEN_MAX = 250, LINE_MAX_BYTES = PREFIX_LEN_MAX + 4 * (DECIMAL_MAX + 5) + 16 };

struct prefix {
    struct prefix *next_in_slot, *next;
    uint64_t gets, hits, sets, deletes;
    size_t len;
    uint8_t text[];
};

struct prefix_stats {
    const struct lock_ops *locks;
    struct lock lock;
    atomic_bool on; /* read without the lock, so that counting costs nothing while it is off */
    char delimiter;
    uint32_t count;
    struct prefix *first, **last;
    struct prefix *slots[SLOTS];
};

struct prefix_stats *prefix_stats_new(const struct lock_ops *locks, char delimiter, bool on)
{
    struct prefix_stats *stats = calloc(1, sizeof *stats);
    CHECK_MEMORY(stats);
    stats->locks = locks;
    stats->delimiter = delimiter;
    stats->last = &stats->first;
    locks->init(&stats->lock);
    atomic_init(&stats->on, on);
    return stats;
}

static void forget_all(struct prefix_stats *stats)
{
    struct prefix *prefix = stats->first;
    while (prefix != NULL) {
        struct prefix *next = prefix->next;
        free(prefix);
        prefix = next;
    }
    memset(stats->slots, 0, sizeof stats->slots);
    stats->first = NULL;
    stats->last = &stats->first;
    stats->count = 0;
}

void prefix_stats_free(struct prefix_stats *stats)
{
    if (stats == NULL)
        return;
    forget_all(stats);
    stats->locks->close(&stats->lock);
    free(stats);
}

bool prefix_stats_is_on(const struct prefix_stats *stats)
{
    return stats != NULL && atomic_load_explicit(&stats->on, memory_order_relaxed);
}

void prefix_stats_switch(struct prefix_stats *stats, bool on)
{
    if (stats != NULL)
        atomic_store_explicit(&stats->on, on, memory_order_relaxed);
}

static struct prefix *add_prefix(struct prefix_stats *stats, struct prefix **slot, struct bytes text)
{
    if (stats->count == PREFIXES_MAX)
        return NULL;
    struct prefix *prefix = calloc(1, sizeof *prefix + text.len);
    CHECK_MEMORY(prefix);
    prefix->len = text.len;
    (void)wire_write_bytes(prefix->text, text);
    prefix->next_in_slot = *slot;
    *slot = prefix;
    *stats->last = prefix;
    stats->last = &prefix->next;
    stats->count++;
    return prefix;
}

/* The counters of a key's prefix, made if need be; NULL when it has none. Under the lock. */
static struct prefix *prefix_of_key(struct prefix_stats *stats, struct bytes key)
{
    const uint8_t *end = key.len == 0 ? NULL : memchr(key.at, stats->delimiter, key.len);
    if (end == NULL)
        return NULL;
    struct bytes text = bytes_of(key.at, (size_t)(end - key.at));
    struct prefix **slot = &stats->slots[hash_fingerprint(text, 0) % SLOTS];
    for (struct prefix *prefix = *slot; prefix != NULL; prefix = prefix->next_in_slot) {
        if (bytes_equal(bytes_of(prefix->text, prefix->len), text))
            return prefix;
    }
    return add_prefix(stats, slot, text);
}

static void count(struct prefix_stats *stats, struct bytes key, unsigned gets, unsigned hits, unsigned sets,
                  unsigned deletes)
{
    if (!prefix_stats_is_on(stats))
        return;
    stats->locks->take(&stats->lock);
    struct prefix *prefix = prefix_of_key(stats, key);
    if (prefix != NULL) {
        prefix->gets += gets;
        prefix->hits += hits;
        prefix->sets += sets;
        prefix->deletes += deletes;
    }
    stats->locks->give(&stats->lock);
}

void prefix_stats_get(struct prefix_stats *stats, struct bytes key, bool hit)
{
    count(stats, key, 1, hit, 0, 0);
}

void prefix_stats_set(struct prefix_stats *stats, struct bytes key)
{
    count(stats, key, 0, 0, 1, 0);
}

void prefix_stats_delete(struct prefix_stats *stats, struct bytes key)
{
    count(stats, key, 0, 0, 0, 1);
}

void prefix_stats_clear(struct prefix_stats *stats)
{
    if (stats == NULL)
        return;
    stats->locks->take(&stats->lock);
    forget_all(stats);
    stats->locks->give(&stats->lock);
}

static uint8_t *write_count(uint8_t *at, const char *name, uint64_t value)
{
    at = wire_write_bytes(at, bytes_of_text(name));
    return decimal_write(at, value);
}

void prefix_stats_dump(struct prefix_stats *stats, void (*line)(void *context, struct bytes text), void *context)
{
    if (stats == NULL)
        return;
    stats->locks->take(&stats->lock);
    for (const struct prefix *prefix = stats->first; prefix != NULL; prefix = prefix->next) {
        uint8_t text[LINE_MAX_BYTES];
        uint8_t *end = wire_write_bytes(text, bytes_of_text("PREFIX "));
        end = wire_write_bytes(end, bytes_of(prefix->text, prefix->len));
        end = write_count(end, " get ", prefix->gets);
        end = write_count(end, " hit ", prefix->hits);
        end = write_count(end, " set ", prefix->sets);
        end = write_count(end, " del ", prefix->deletes);
        line(context, bytes_of(text, (size_t)(end - text)));
    }
    stats->locks->give(&stats->lock);
}
