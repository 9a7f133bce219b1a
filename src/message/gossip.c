#include "message/gossip.h"

#include "base/check.h"
#include "base/wire.h"
#include "message/fields.h"

#include <stdlib.h>

/* The least bytes of each, so that a count that lies cannot ask for memory that the message does not pay for. */
enum { DIGEST_BYTES_MIN = 15, WANT_BYTES = 4, ENTRY_BYTES_MIN = 6 };

static uint32_t read_count(struct wire_reader *reader, size_t each_min)
{
    uint32_t count = (uint32_t)fields_number(reader, GOSSIP_ENTRIES_MAX);
    fields_require(reader, count * each_min <= wire_left(reader));
    return reader->ok ? count : 0;
}

static void *array_of(uint32_t count, size_t each)
{
    void *array = calloc(count == 0 ? 1 : count, each);
    CHECK_MEMORY(array);
    return array;
}

static void write_one_digest(struct draft *out, const struct gossip_digest *digest)
{
    draft_u32(out, digest->id);
    draft_varint(out, digest->removed);
    draft_varint(out, digest->epoch);
    draft_varint(out, digest->version);
    draft_u64(out, digest->incarnation);
}

static void read_one_digest(struct wire_reader *reader, struct gossip_digest *digest)
{
    digest->id = wire_read_u32(reader);
    digest->removed = fields_number(reader, GOSSIP_EPOCH_MAX);
    digest->epoch = fields_number(reader, GOSSIP_EPOCH_MAX);
    digest->version = fields_number(reader, GOSSIP_VERSION_MAX);
    digest->incarnation = wire_read_u64(reader);
    fields_require(reader, digest->id != 0 && (digest->epoch == 0 || digest->epoch >= digest->removed));
}

void message_write_digest(struct draft *out, const struct message_digest *m)
{
    message_write_sender(out, &m->sender);
    draft_varint(out, m->wall_ms);
    draft_u64(out, m->fingerprint);
    draft_varint(out, m->settings_version);
    draft_u32(out, m->settings_writer);
    draft_varint(out, m->count);
    for (uint32_t i = 0; i < m->count; i++)
        write_one_digest(out, &m->digests[i]);
}

bool message_read_digest(struct bytes head, struct message_digest *m)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, &m->sender);
    m->wall_ms = fields_number(&reader, GOSSIP_WALL_MS_MAX);
    m->fingerprint = wire_read_u64(&reader);
    m->settings_version = fields_number(&reader, GOSSIP_VERSION_MAX);
    m->settings_writer = wire_read_u32(&reader);
    m->count = read_count(&reader, DIGEST_BYTES_MIN);
    struct gossip_digest *digests = array_of(m->count, sizeof *digests);
    for (uint32_t i = 0; reader.ok && i < m->count; i++)
        read_one_digest(&reader, &digests[i]);
    m->digests = digests;
    if (!fields_end(&reader))
        message_close_digest(m);
    return fields_end(&reader);
}

void message_close_digest(struct message_digest *m)
{
    free((void *)m->digests);
    m->digests = NULL;
}

void message_write_entry(struct draft *out, const struct gossip_entry *entry)
{
    draft_u32(out, entry->id);
    draft_varint(out, entry->removed);
    draft_varint(out, entry->epoch);
    if (entry->epoch == 0)
        return;
    draft_varint(out, entry->version);
    draft_u64(out, entry->incarnation);
    draft_u8(out, entry->state);
    draft_text(out, entry->name);
    draft_text(out, entry->peer);
    draft_text(out, entry->client);
    draft_text(out, entry->program);
    draft_u64(out, entry->directory);
    draft_varint(out, entry->run);
    draft_varint(out, entry->since);
    draft_u8(out, entry->before_count);
    for (unsigned i = 0; i < entry->before_count; i++)
        draft_u64(out, entry->before[i]);
    draft_varint(out, entry->found);
    draft_varint(out, entry->stored);
    draft_u64(out, entry->clock);
    draft_varint(out, entry->records);
    draft_varint(out, entry->bytes);
    draft_u64(out, entry->flush.flushed);
    draft_u64(out, entry->flush.pending);
    draft_u64(out, entry->flush.issued);
}

void message_read_entry(struct wire_reader *reader, struct gossip_entry *entry)
{
    entry->id = wire_read_u32(reader);
    entry->removed = fields_number(reader, GOSSIP_EPOCH_MAX);
    entry->epoch = fields_number(reader, GOSSIP_EPOCH_MAX);
    fields_require(reader, entry->id != 0 && (entry->epoch == 0 || entry->epoch >= entry->removed));
    fields_require(reader, entry->epoch != 0 || entry->removed != 0);
    if (entry->epoch == 0)
        return;
    entry->version = fields_number(reader, GOSSIP_VERSION_MAX);
    entry->incarnation = wire_read_u64(reader);
    entry->state = fields_small(reader, GOSSIP_STATES - 1);
    draft_read_text(reader, entry->name, sizeof entry->name);
    draft_read_text(reader, entry->peer, sizeof entry->peer);
    draft_read_text(reader, entry->client, sizeof entry->client);
    draft_read_text(reader, entry->program, sizeof entry->program);
    entry->directory = wire_read_u64(reader);
    entry->run = fields_number(reader, GOSSIP_RUN_MAX);
    entry->since = fields_number(reader, GOSSIP_RUN_MAX);
    entry->before_count = fields_small(reader, GOSSIP_BEFORE_MAX);
    for (unsigned i = 0; i < entry->before_count; i++)
        entry->before[i] = wire_read_u64(reader);
    entry->found = wire_read_varint(reader);
    entry->stored = wire_read_varint(reader);
    entry->clock = wire_read_u64(reader);
    entry->records = wire_read_varint(reader);
    entry->bytes = wire_read_varint(reader);
    entry->flush.flushed = wire_read_u64(reader);
    entry->flush.pending = wire_read_u64(reader);
    entry->flush.issued = wire_read_u64(reader);
    fields_require(reader, reader->ok && entry->id == ring_node_id(entry->name));
}

enum difference_mark { HAS_SETTINGS = 1 << 0, WANTS_SETTINGS = 1 << 1, DIFFERENCE_MARKS_ALL = (1 << 2) - 1 };

void message_write_difference(struct draft *out, const struct message_difference *m)
{
    message_write_sender(out, &m->sender);
    draft_varint(out, m->wall_ms);
    draft_u8(out, (uint8_t)((m->has_settings ? HAS_SETTINGS : 0) | (m->wants_settings ? WANTS_SETTINGS : 0)));
    if (m->has_settings) {
        draft_varint(out, m->settings_version);
        draft_u32(out, m->settings_writer);
        draft_block(out, m->settings);
    }
    draft_varint(out, m->want_count);
    for (uint32_t i = 0; i < m->want_count; i++)
        draft_u32(out, m->wants[i]);
    draft_varint(out, m->count);
    for (uint32_t i = 0; i < m->count; i++)
        message_write_entry(out, &m->entries[i]);
}

static void read_shared_settings(struct wire_reader *reader, struct message_difference *m)
{
    m->settings_version = fields_number(reader, GOSSIP_VERSION_MAX);
    m->settings_writer = wire_read_u32(reader);
    m->settings = draft_read_block(reader, FRAME_HEAD_MAX);
}

bool message_read_difference(struct bytes head, struct message_difference *m)
{
    struct wire_reader reader = wire_reader_of(head);
    *m = (struct message_difference){0};
    message_read_sender(&reader, &m->sender);
    m->wall_ms = fields_number(&reader, GOSSIP_WALL_MS_MAX);
    uint8_t marks = fields_bits(&reader, DIFFERENCE_MARKS_ALL);
    m->has_settings = (marks & HAS_SETTINGS) != 0;
    m->wants_settings = (marks & WANTS_SETTINGS) != 0;
    if (m->has_settings)
        read_shared_settings(&reader, m);
    m->want_count = read_count(&reader, WANT_BYTES);
    uint32_t *wants = array_of(m->want_count, sizeof *wants);
    for (uint32_t i = 0; reader.ok && i < m->want_count; i++)
        wants[i] = wire_read_u32(&reader);
    m->wants = wants;
    m->count = read_count(&reader, ENTRY_BYTES_MIN);
    struct gossip_entry *entries = array_of(m->count, sizeof *entries);
    for (uint32_t i = 0; reader.ok && i < m->count; i++)
        message_read_entry(&reader, &entries[i]);
    m->entries = entries;
    if (!fields_end(&reader))
        message_close_difference(m);
    return fields_end(&reader);
}

void message_close_difference(struct message_difference *m)
{
    free((void *)m->wants);
    free((void *)m->entries);
    m->wants = NULL;
    m->entries = NULL;
}
