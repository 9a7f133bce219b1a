#include "antientropy/unreadable.h"

#include "antientropy/inside.h"

enum {
    SETTLE_MS = 5000,       /* several times a request-timeout, after which no write is under way any more */
    ANSWERS_MS_MAX = 60000, /* between the first and the last owner's answer */
    FORGET_MS = 1200000     /* longer than a pass of the checker: then it is another damage of the same key */
};

static uint64_t age_ms(struct instant now, uint64_t at_ns)
{
    return (now.mono_ns - at_ns) / NS_PER_MS;
}

static bool is_row_of(const struct unreadable_row *row, struct instant now, uint16_t partition, struct bytes key)
{
    return row->partition == partition && bytes_equal(bytes_of(row->key, row->key_len), key)
           && age_ms(now, row->last_ns) < FORGET_MS;
}

/* In the place of the one that has been silent longest. */
static struct unreadable_row *enter(struct unreadable *unreadable, struct instant now, uint16_t partition,
                                    struct bytes key)
{
    struct unreadable_row *row = &unreadable->rows[0];
    for (unsigned i = 1; i < UNREADABLE_MAX && row->key_len > 0; i++) {
        struct unreadable_row *other = &unreadable->rows[i];
        if (other->key_len == 0 || other->last_ns < row->last_ns)
            row = other;
    }
    *row = (struct unreadable_row){.partition = partition, .key_len = (uint8_t)key.len, .first_ns = now.mono_ns};
    memcpy(row->key, key.at, key.len);
    row->again_ns = now.mono_ns + SETTLE_MS * NS_PER_MS;
    if (unreadable->again_ns == 0)
        unreadable->again_ns = row->again_ns;
    return row;
}

static struct unreadable_row *row_of(struct unreadable *unreadable, struct instant now, uint16_t partition,
                                     struct bytes key)
{
    for (unsigned i = 0; i < UNREADABLE_MAX; i++) {
        if (is_row_of(&unreadable->rows[i], now, partition, key))
            return &unreadable->rows[i];
    }
    return enter(unreadable, now, partition, key);
}

/* An owner that has left made room for another one. */
static void note(struct unreadable_row *row, struct instant now, uint32_t node, bool is_damaged)
{
    unsigned place = 0;
    for (unsigned i = 0; i < RING_COPIES_MAX; i++) {
        if (row->told[i].node == node) {
            place = i;
            break;
        }
        if (row->told[i].at_ns < row->told[place].at_ns)
            place = i;
    }
    row->told[place].node = node;
    row->told[place].at_ns = now.mono_ns;
    row->told[place].is_damaged = is_damaged;
}

static bool has_told(const struct unreadable_row *row, struct instant now, uint32_t node, bool *is_damaged)
{
    for (unsigned i = 0; i < RING_COPIES_MAX; i++) {
        if (row->told[i].node == node) {
            *is_damaged = row->told[i].is_damaged;
            return age_ms(now, row->told[i].at_ns) < ANSWERS_MS_MAX;
        }
    }
    return false;
}

static bool have_all_told(const struct compared *compared, const struct unreadable_row *row, struct instant now,
                          unsigned *owner_count, unsigned *damaged)
{
    const struct compared_row *owners = &compared->rows[row->partition];
    *owner_count = *damaged = 0;
    for (int place = 0; place < RING_COPIES_MAX && owners->owners[place] != 0; place++) {
        bool is_damaged = true; /* the one here is */
        if (owners->owners[place] != compared->self && !has_told(row, now, owners->owners[place], &is_damaged))
            return false;
        ++*owner_count;
        *damaged += is_damaged;
    }
    return owners->is_owned;
}

/* With fewer than w damaged records whatever was acknowledged has been at some owner that has nothing now. The only
 * damaged one goes in any case: what it held is nowhere else. */
static bool is_erasable(const struct antientropy *a, const struct unreadable_row *row, struct instant now)
{
    unsigned owners, damaged;
    if (!have_all_told(&a->compared, row, now, &owners, &damaged))
        return false;
    unsigned w = bucket_of_key(a->buckets, bytes_of(row->key, row->key_len))->w;
    return damaged == 1 || damaged < (w < owners ? w : owners);
}

bool unreadable_note(struct antientropy *a, struct instant now, uint16_t partition, struct bytes key, uint32_t node,
                     bool is_damaged)
{
    struct unreadable_row *row = row_of(&a->unreadable, now, partition, key);
    row->last_ns = now.mono_ns;
    if (age_ms(now, row->first_ns) < SETTLE_MS)
        return false;
    note(row, now, node, is_damaged);
    if (!is_erasable(a, row, now))
        return false;
    *row = (struct unreadable_row){0};
    return true;
}

void unreadable_go_on(struct antientropy *a, struct instant now)
{
    struct unreadable *unreadable = &a->unreadable;
    if (unreadable->again_ns == 0 || now.mono_ns < unreadable->again_ns)
        return;
    unreadable->again_ns = 0;
    for (unsigned i = 0; i < UNREADABLE_MAX; i++) {
        struct unreadable_row *row = &unreadable->rows[i];
        if (row->again_ns == 0)
            continue;
        if (now.mono_ns >= row->again_ns) {
            row->again_ns = 0;
            if (row->partition < a->view->partition_count)
                antientropy_repair(a, now, row->partition);
        } else if (unreadable->again_ns == 0 || row->again_ns < unreadable->again_ns) {
            unreadable->again_ns = row->again_ns;
        }
    }
}
