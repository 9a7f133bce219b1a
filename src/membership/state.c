#include "membership/state.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "message/founding.h"
#include "message/returning.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATE_MAGIC = 0x524d4253, STATE_FORMAT = 2, STATE_FORMAT_OLDEST = 1, CHECKSUM_BYTES = 8, FAULT_BYTES = 192 };

#define DAMAGED "it is damaged"

static void write_ballot(struct draft *out, struct ballot ballot)
{
    draft_varint(out, ballot.round);
    draft_u32(out, ballot.node);
}

static struct ballot read_ballot(struct wire_reader *reader)
{
    struct ballot ballot = {.round = wire_read_varint(reader), .node = wire_read_u32(reader)};
    if (ballot.round > BALLOT_ROUND_MAX || (ballot.round == 0) != (ballot.node == 0))
        reader->ok = false;
    return ballot;
}

static void write_tombstones(struct draft *out, const struct entries *entries)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < entries->count; i++)
        count += entries->all[i].entry.removed != 0;
    draft_varint(out, count);
    for (uint32_t i = 0; i < entries->count; i++) {
        if (entries->all[i].entry.removed == 0)
            continue;
        draft_u32(out, entries->all[i].entry.id);
        draft_varint(out, entries->all[i].entry.removed);
    }
}

static void read_tombstones(struct wire_reader *reader, struct entries *entries)
{
    uint64_t count = wire_read_varint(reader);
    if (count > ENTRIES_MAX)
        reader->ok = false;
    for (uint64_t i = 0; reader->ok && i < count; i++) {
        struct gossip_entry tombstone = {.id = wire_read_u32(reader), .removed = wire_read_varint(reader)};
        bool news;
        if (reader->ok && tombstone.id != 0)
            entries_merge(entries, &tombstone, 0, &news);
    }
}

static void write_runs(struct draft *out, const struct state *state)
{
    draft_varint(out, state->runs.count);
    draft_varint(out, state->runs.since);
    draft_u8(out, state->runs.all_count);
    for (unsigned i = 0; i < state->runs.all_count; i++)
        draft_u64(out, state->runs.all[i]);
    draft_u8(out, state->is_doubtful);
    draft_varint(out, state->known_count);
    for (uint32_t i = 0; i < state->known_count; i++) {
        const struct known *known = &state->known[i];
        draft_u32(out, known->id);
        draft_u64(out, known->incarnation);
        draft_varint(out, known->run);
        draft_varint(out, known->stored);
        draft_u64(out, known->directory);
        draft_u8(out, known->lacks);
    }
}

static void read_runs(struct wire_reader *reader, struct state *out)
{
    struct runs *runs = &out->runs;
    runs->count = wire_read_varint(reader);
    runs->since = wire_read_varint(reader);
    runs->all_count = wire_read_u8(reader);
    if (runs->all_count > GOSSIP_BEFORE_MAX + 1 || runs->count > GOSSIP_RUN_MAX || runs->since > runs->count)
        reader->ok = false;
    for (unsigned i = 0; reader->ok && i < runs->all_count; i++)
        runs->all[i] = wire_read_u64(reader);
    out->is_doubtful = wire_read_u8(reader) != 0;
    uint64_t count = wire_read_varint(reader);
    if (count > RING_MEMBERS_MAX)
        reader->ok = false;
    out->known = calloc(reader->ok && count > 0 ? count : 1, sizeof *out->known);
    CHECK_MEMORY(out->known);
    for (uint64_t i = 0; reader->ok && i < count; i++) {
        struct known *known = &out->known[out->known_count++];
        known->id = wire_read_u32(reader);
        known->incarnation = wire_read_u64(reader);
        known->run = wire_read_varint(reader);
        known->stored = wire_read_varint(reader);
        known->directory = wire_read_u64(reader);
        known->lacks = wire_read_u8(reader);
        if (known->lacks >= RETURN_VERDICTS || (i > 0 && known->id <= out->known[i - 1].id))
            reader->ok = false;
    }
}

void state_write(struct draft *out, const struct state *state, const struct entries *entries)
{
    size_t start = out->len;
    draft_u32(out, STATE_MAGIC);
    draft_u8(out, 0);
    draft_u8(out, STATE_FORMAT);
    draft_text(out, state->name);
    draft_u64(out, state->directory);
    draft_text(out, state->invited_by);
    draft_block(out, state->table == NULL ? bytes_of(NULL, 0) : table_bytes(state->table));
    draft_varint(out, state->acceptor.decree);
    write_ballot(out, state->acceptor.promised);
    write_ballot(out, state->acceptor.accepted);
    draft_block(out, acceptor_value(&state->acceptor));
    draft_varint(out, state->shared.version);
    draft_u32(out, state->shared.writer);
    draft_block(out, shared_bytes(&state->shared));
    write_tombstones(out, entries);
    write_runs(out, state);
    draft_u64(out, hash_fingerprint(bytes_of(out->at + start, out->len - start), STATE_FORMAT));
}

static bool read_acceptor(struct wire_reader *reader, struct acceptor *acceptor)
{
    acceptor_move(acceptor, wire_read_varint(reader));
    struct ballot promised = read_ballot(reader), accepted = read_ballot(reader);
    struct bytes value = draft_read_block(reader, AGREEMENT_VALUE_MAX);
    if (!reader->ok || (accepted.round == 0) != (value.len == 0) || ballot_compare(accepted, promised) > 0)
        return false;
    if (accepted.round != 0)
        acceptor_accept(acceptor, accepted, value);
    acceptor->promised = promised;
    return true;
}

static const char *read_table(struct wire_reader *reader, struct table **table)
{
    struct bytes in = draft_read_block(reader, TABLE_BYTES_MAX);
    const char *fault = NULL;
    if (in.len != 0)
        *table = table_decode(in, &fault);
    return in.len != 0 && *table == NULL ? fault : NULL;
}

static const char *read_shared(struct wire_reader *reader, struct shared *shared)
{
    uint64_t version = wire_read_varint(reader);
    uint32_t writer = wire_read_u32(reader);
    struct bytes buckets = draft_read_block(reader, TABLE_BYTES_MAX);
    const char *fault = DAMAGED;
    return reader->ok && shared_read(shared, version, writer, buckets, &fault) ? NULL : fault;
}

static const char *read_fields(struct wire_reader *reader, uint8_t format, struct state *out, struct entries *entries)
{
    draft_read_text(reader, out->name, sizeof out->name);
    out->directory = wire_read_u64(reader);
    draft_read_text(reader, out->invited_by, sizeof out->invited_by);
    const char *fault = read_table(reader, &out->table);
    if (fault == NULL && !read_acceptor(reader, &out->acceptor))
        fault = DAMAGED;
    if (fault == NULL)
        fault = read_shared(reader, &out->shared);
    if (fault != NULL)
        return fault;
    read_tombstones(reader, entries);
    if (format > STATE_FORMAT_OLDEST)
        read_runs(reader, out);
    return reader->ok && wire_left(reader) == 0 && out->directory != 0 ? NULL : DAMAGED;
}

static const char *read_checked(struct bytes in, struct state *out, struct entries *entries)
{
    struct wire_reader reader = wire_reader_of(in);
    if (wire_read_u32(&reader) != STATE_MAGIC || wire_read_u8(&reader) != 0 || !reader.ok)
        return "it is not the state of a membership";
    uint8_t format = wire_read_u8(&reader);
    if (reader.ok && (format < STATE_FORMAT_OLDEST || format > STATE_FORMAT))
        return "it was written by another version of the program";
    if (wire_left(&reader) < CHECKSUM_BYTES)
        return "it is cut short";
    struct bytes covered = bytes_of(in.at, in.len - CHECKSUM_BYTES);
    struct wire_reader checksum = wire_reader_of(bytes_after(in, covered.len));
    if (wire_read_u64(&checksum) != hash_fingerprint(covered, format))
        return "its checksum is wrong";
    reader.end -= CHECKSUM_BYTES;
    return read_fields(&reader, format, out, entries);
}

bool state_read(struct bytes in, struct state *out, struct entries *entries, char *fault)
{
    *out = (struct state){0};
    const char *text = read_checked(in, out, entries);
    if (text == NULL)
        return true;
    snprintf(fault, FAULT_BYTES, "the saved membership cannot be used: %s", text);
    state_close(out);
    return false;
}

void state_close(struct state *state)
{
    table_free(state->table);
    acceptor_free_value(&state->acceptor);
    shared_close(&state->shared);
    free(state->known);
    *state = (struct state){0};
}
