/* What the messages of repair have in common. For this room only. */
#ifndef MESSAGE_ANTIENTROPY_FIELDS_H
#define MESSAGE_ANTIENTROPY_FIELDS_H

#include "base/check.h"
#include "message/antientropy.h"
#include "message/fields.h"

static inline struct bytes repair_no_tail(void)
{
    return bytes_of(NULL, 0);
}

static inline void repair_write_answer(struct draft *head, const struct repair_answer *answer)
{
    CHECK(answer->status < REPAIR_STATUSES);
    draft_u8(head, (uint8_t)answer->status);
    draft_varint(head, answer->id);
    draft_varint(head, answer->epoch);
}

static inline struct repair_answer repair_read_answer(struct wire_reader *reader)
{
    struct repair_answer answer;
    answer.status = (enum repair_status)fields_small(reader, REPAIR_STATUSES - 1);
    answer.id = wire_read_varint(reader);
    answer.epoch = wire_read_varint(reader);
    return answer;
}

static inline bool repair_is_ok(const struct wire_reader *reader, const struct repair_answer *answer)
{
    return reader->ok && answer->status == REPAIR_OK;
}

/* Appends the frame and closes the draft. */
static inline void repair_end(struct chain *out, uint8_t type, struct draft *head)
{
    frame_append(out, type, draft_written(head));
    draft_close(head);
}

/* What is left of the head: a set of partitions. */
static inline struct bytes repair_read_set(struct wire_reader *reader)
{
    struct bytes set = wire_read_bytes(reader, wire_left(reader));
    fields_require(reader, partition_set_is_valid(set));
    return set;
}

static inline size_t repair_bit_bytes(uint32_t count)
{
    return ((size_t)count + 7) / 8;
}

/* The number of groups that a partition's leaves are in: 1 .. MESSAGE_SUMS_MAX, a power of two, so one byte says it. */
static inline void repair_write_groups(struct draft *head, uint32_t groups)
{
    uint8_t log = 0;
    while (log < 16 && 1U << log < groups)
        log++;
    CHECK(1U << log == groups && groups <= MESSAGE_SUMS_MAX);
    draft_u8(head, log);
}

static inline uint32_t repair_read_groups(struct wire_reader *reader)
{
    enum { GROUPS_LOG_MAX = 10 };
    return 1U << fields_small(reader, GROUPS_LOG_MAX);
}

/* A bit for each group; those behind the last are 0. */
static inline const uint8_t *repair_read_bits(struct wire_reader *reader, uint32_t count)
{
    struct bytes bits = wire_read_bytes(reader, repair_bit_bytes(count));
    if (reader->ok && count % 8 != 0)
        fields_require(reader, bits.at[bits.len - 1] >> count % 8 == 0);
    return bits.at;
}

#endif
