#include "message/founding.h"

#include "base/wire.h"
#include "message/fields.h"

void message_write_settings(struct draft *out, const struct ring_settings *settings)
{
    draft_u64(out, settings->cluster);
    draft_varint(out, settings->partition_count);
    draft_u8(out, (uint8_t)settings->strategy);
    draft_u8(out, settings->copies);
    draft_varint(out, settings->tokens);
}

void message_read_settings(struct wire_reader *reader, struct ring_settings *settings)
{
    settings->cluster = wire_read_u64(reader);
    settings->partition_count = (uint32_t)fields_number(reader, RING_PARTITIONS_MAX);
    settings->strategy = (enum ring_strategy)fields_small(reader, RING_CLAIMED_PARTITIONS);
    settings->copies = fields_small(reader, RING_COPIES_MAX);
    settings->tokens = (uint16_t)fields_number(reader, RING_TOKENS_MAX);
}

static void write_member(struct draft *out, const struct ring_member *member)
{
    draft_commit(out, ring_member_encode(member, draft_reserve(out, RING_MEMBER_BYTES_MAX)));
}

static void write_description(struct draft *out, const struct message_description *m)
{
    write_member(out, &m->member);
    draft_u64(out, m->directory);
    draft_varint(out, m->member_count);
    draft_u8(out, m->is_empty);
    message_write_settings(out, &m->settings);
    draft_u8(out, (uint8_t)m->seed_count);
    for (unsigned i = 0; i < m->seed_count; i++)
        draft_text(out, m->seeds[i]);
}

static void read_description(struct wire_reader *reader, struct message_description *m)
{
    ring_member_decode(reader, &m->member);
    m->directory = wire_read_u64(reader);
    m->member_count = (uint32_t)fields_number(reader, RING_MEMBERS_MAX);
    m->is_empty = fields_small(reader, 1) != 0;
    message_read_settings(reader, &m->settings);
    fields_require(reader, (m->settings.cluster == 0) == (m->member_count == 0));
    m->seed_count = fields_small(reader, PROBE_SEEDS_MAX);
    for (unsigned i = 0; reader->ok && i < m->seed_count; i++)
        draft_read_text(reader, m->seeds[i], sizeof m->seeds[i]);
}

void message_write_probe(struct draft *out, const struct message_probe *m)
{
    message_write_sender(out, &m->sender);
    draft_text(out, m->target);
    write_description(out, &m->description);
}

bool message_read_probe(struct bytes head, struct message_probe *m)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, &m->sender);
    draft_read_text(&reader, m->target, sizeof m->target);
    read_description(&reader, &m->description);
    fields_require(&reader, m->sender.cluster == m->description.settings.cluster);
    return fields_end(&reader);
}

void message_write_join(struct draft *out, const struct message_join *m)
{
    message_write_sender(out, &m->sender);
    write_member(out, &m->member);
    draft_u64(out, m->directory);
    draft_u8(out, m->is_empty);
}

bool message_read_join(struct bytes head, struct message_join *m)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, &m->sender);
    ring_member_decode(&reader, &m->member);
    m->directory = wire_read_u64(&reader);
    m->is_empty = fields_small(&reader, 1) != 0;
    return fields_end(&reader);
}

enum reply_mark { REPLY_GOOD = 1 << 0, REPLY_CERTAIN = 1 << 1, REPLY_MARKS_ALL = (1 << 2) - 1 };

void message_write_join_reply(struct draft *out, const struct message_join_reply *m)
{
    message_write_sender(out, &m->sender);
    draft_u8(out, (uint8_t)((m->good ? REPLY_GOOD : 0) | (m->certain ? REPLY_CERTAIN : 0)));
    draft_text(out, m->text);
}

bool message_read_join_reply(struct bytes head, struct message_join_reply *m)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, &m->sender);
    uint8_t marks = fields_bits(&reader, REPLY_MARKS_ALL);
    m->good = (marks & REPLY_GOOD) != 0;
    m->certain = (marks & REPLY_CERTAIN) != 0;
    draft_read_text(&reader, m->text, sizeof m->text);
    return fields_end(&reader);
}

void message_write_table(struct draft *out, const struct message_table *m)
{
    message_write_sender(out, &m->sender);
    draft_block(out, m->table);
    draft_varint(out, m->settings_version);
    draft_u32(out, m->settings_writer);
    draft_block(out, m->settings);
}

bool message_read_table(struct bytes head, struct message_table *m)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, &m->sender);
    m->table = draft_read_block(&reader, TABLE_BYTES_MAX);
    m->settings_version = fields_number(&reader, SETTINGS_VERSION_MAX);
    m->settings_writer = wire_read_u32(&reader);
    m->settings = draft_read_block(&reader, TABLE_BYTES_MAX);
    return fields_end(&reader);
}

bool message_read_sender_alone(struct bytes head, struct message_sender *sender)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, sender);
    return fields_end(&reader);
}
