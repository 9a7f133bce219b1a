#include "message/partition_set.h"

#include "base/check.h"
#include "base/wire.h"
#include "ring/ring.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64 };

static uint32_t words_of(const struct partition_set *set)
{
    return (set->partitions + WORD_BITS - 1) / WORD_BITS;
}

void partition_set_init(struct partition_set *set, uint32_t partitions)
{
    *set = (struct partition_set){.partitions = partitions};
    set->words = calloc(words_of(set) + (partitions == 0), sizeof *set->words);
    CHECK_MEMORY(set->words);
}

void partition_set_close(struct partition_set *set)
{
    free(set->words);
    *set = (struct partition_set){0};
}

void partition_set_clear(struct partition_set *set)
{
    memset(set->words, 0, words_of(set) * sizeof *set->words);
}

static unsigned bits_in(uint64_t word)
{
    unsigned bits = 0;
    for (; word != 0; word &= word - 1)
        bits++;
    return bits;
}

uint32_t partition_set_count(const struct partition_set *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < words_of(set); i++)
        count += bits_in(set->words[i]);
    return count;
}

int partition_set_next(const struct partition_set *set, uint32_t from)
{
    while (from < set->partitions) {
        uint64_t rest = set->words[from / WORD_BITS] >> from % WORD_BITS;
        if (rest == 0) {
            from = (from / WORD_BITS + 1) * WORD_BITS;
            continue;
        }
        for (; (rest & 1) == 0; rest >>= 1)
            from++;
        return (int)from;
    }
    return -1;
}

void partition_set_copy(struct partition_set *to, const struct partition_set *from)
{
    CHECK(to->partitions == from->partitions);
    memcpy(to->words, from->words, words_of(to) * sizeof *to->words);
}

void partition_set_join(struct partition_set *to, const struct partition_set *from)
{
    CHECK(to->partitions == from->partitions);
    for (uint32_t i = 0; i < words_of(to); i++)
        to->words[i] |= from->words[i];
}

void partition_set_subtract(struct partition_set *from, const struct partition_set *what)
{
    CHECK(from->partitions == what->partitions);
    for (uint32_t i = 0; i < words_of(from); i++)
        from->words[i] &= ~what->words[i];
}

void partition_set_intersect(struct partition_set *to, const struct partition_set *with)
{
    CHECK(to->partitions == with->partitions);
    for (uint32_t i = 0; i < words_of(to); i++)
        to->words[i] &= with->words[i];
}

void partition_set_encode(const struct partition_set *set, struct draft *draft)
{
    uint32_t end = 0; /* of the last run */
    for (int first = partition_set_next(set, 0); first >= 0; first = partition_set_next(set, end)) {
        uint32_t last = (uint32_t)first;
        while (last + 1 < set->partitions && partition_set_has(set, last + 1))
            last++;
        draft_varint(draft, (uint32_t)first - end);
        draft_varint(draft, last - (uint32_t)first);
        end = last + 1;
    }
}

/* Reads one run: *first .. *last, behind *end. false: that is none. */
static bool read_run(struct wire_reader *reader, uint32_t *first, uint32_t *last, uint32_t *end)
{
    uint64_t gap = wire_read_varint(reader), more = wire_read_varint(reader);
    if (!reader->ok || gap >= RING_PARTITIONS_MAX || more >= RING_PARTITIONS_MAX || (gap == 0 && *end != 0))
        return false;
    *first = *end + (uint32_t)gap;
    *last = *first + (uint32_t)more;
    *end = *last + 1;
    return *last < RING_PARTITIONS_MAX;
}

bool partition_set_is_valid(struct bytes in)
{
    struct wire_reader reader = wire_reader_of(in);
    uint32_t first, last, end = 0;
    while (wire_left(&reader) > 0) {
        if (!read_run(&reader, &first, &last, &end))
            return false;
    }
    return true;
}

bool partition_set_decode(struct bytes in, struct partition_set *set)
{
    struct wire_reader reader = wire_reader_of(in);
    uint32_t first, last, end = 0;
    partition_set_clear(set);
    while (wire_left(&reader) > 0) {
        if (!read_run(&reader, &first, &last, &end) || last >= set->partitions)
            return false;
        for (uint32_t partition = first; partition <= last; partition++)
            partition_set_add(set, partition);
    }
    return true;
}
