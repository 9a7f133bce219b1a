#include "membership/value.h"

#include "base/check.h"
#include "base/wire.h"
#include "membership/table.h"
#include "message/founding.h"

static void write_founders(struct draft *out, const struct value *value)
{
    CHECK(value->founder_count <= FOUNDERS_MAX);
    message_write_settings(out, &value->settings);
    draft_varint(out, value->founder_count);
    for (uint32_t i = 0; i < value->founder_count; i++) {
        draft_commit(out, ring_member_encode(&value->founders[i].member, draft_reserve(out, RING_MEMBER_BYTES_MAX)));
        draft_u64(out, value->founders[i].directory);
    }
    draft_block(out, value->buckets);
}

static void read_founders(struct wire_reader *reader, struct value *value)
{
    message_read_settings(reader, &value->settings);
    uint64_t count = wire_read_varint(reader);
    if (count == 0 || count > FOUNDERS_MAX)
        reader->ok = false;
    for (uint32_t i = 0; reader->ok && i < count; i++) {
        ring_member_decode(reader, &value->founders[i].member);
        value->founders[i].directory = wire_read_u64(reader);
        if (i > 0 && value->founders[i].member.id <= value->founders[i - 1].member.id)
            reader->ok = false;
    }
    value->founder_count = reader->ok ? (uint32_t)count : 0;
    value->buckets = draft_read_block(reader, AGREEMENT_VALUE_MAX);
}

void value_write(struct draft *out, const struct value *value)
{
    draft_u8(out, (uint8_t)value->kind);
    if (value->kind == VALUE_FOUND) {
        write_founders(out, value);
        return;
    }
    draft_commit(out, ring_change_encode(&value->change, draft_reserve(out, RING_CHANGE_BYTES_MAX)));
    draft_u64(out, value->directory);
}

bool value_read(struct bytes in, struct value *value)
{
    struct wire_reader reader = wire_reader_of(in);
    *value = (struct value){.kind = (enum value_kind)wire_read_u8(&reader)};
    if (value->kind == VALUE_FOUND) {
        read_founders(&reader, value);
    } else if (value->kind == VALUE_CHANGE) {
        ring_change_decode(&reader, &value->change);
        value->directory = wire_read_u64(&reader);
    } else {
        return false;
    }
    return reader.ok && wire_left(&reader) == 0;
}

static bool is_return(const struct value *value, const struct table *table)
{
    return value->kind == VALUE_CHANGE && value->change.kind == RING_CHANGE_MEMBER
           && table_directory(table, value->change.member.id) != value->directory;
}

bool value_needs_empty_ring(const struct value *value, const struct table *table)
{
    (void)table;
    return value->kind == VALUE_CHANGE && value->change.kind != RING_CHANGE_MEMBER;
}

static void all_members(const struct table *table, uint32_t without, struct voters *voters)
{
    voters->count = 0;
    for (uint32_t i = 0; i < table->view->member_count; i++)
        if (table->view->members[i].id != without)
            voters->ids[voters->count++] = table->view->members[i].id;
    voters->needed = voters->count;
}

void voters_majority(const struct table *table, struct voters *voters)
{
    all_members(table, 0, voters);
    voters->needed = voters->count / 2 + 1;
}

void value_voters(const struct value *value, const struct table *table, struct voters *voters)
{
    if (value->kind == VALUE_FOUND) {
        voters->count = voters->needed = value->founder_count;
        for (uint32_t i = 0; i < value->founder_count; i++)
            voters->ids[i] = value->founders[i].member.id;
    } else if (is_return(value, table)) {
        uint32_t majority = table->view->member_count / 2 + 1;
        all_members(table, value->change.member.id, voters);
        voters->needed = voters->count < majority ? voters->count : majority;
    } else if (value_needs_empty_ring(value, table)) {
        all_members(table, 0, voters);
    } else {
        voters_majority(table, voters);
    }
}
