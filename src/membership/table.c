#include "membership/table.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "message/draft.h"
#include "message/founding.h"

#include <stdlib.h>

/* Takes the view; `directories` are allocated for all its members and still to be filled by the caller. */
static struct table *table_around(struct ring_view *view)
{
    struct table *table = calloc(1, sizeof *table);
    CHECK_MEMORY(table);
    table->view = view;
    table->directories = calloc(view->member_count, sizeof *table->directories);
    CHECK_MEMORY(table->directories);
    return table;
}

static struct table *seal(struct table *table)
{
    struct draft out = {0};
    size_t size = ring_view_size(table->view);
    draft_varint(&out, size);
    uint8_t *at = draft_reserve(&out, size);
    ring_view_encode(table->view, at);
    draft_commit(&out, at + size);
    for (uint32_t i = 0; i < table->view->member_count; i++)
        draft_u64(&out, table->directories[i]);
    table->bytes = out.at;
    table->len = out.len;
    table->fingerprint = hash_fingerprint(draft_written(&out), 0);
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    ring_view_free(table->view);
    free(table->directories);
    free(table->bytes);
    free(table);
}

struct table *table_of_founders(const struct value *value)
{
    struct ring_member members[FOUNDERS_MAX];
    for (uint32_t i = 0; i < value->founder_count; i++)
        members[i] = value->founders[i].member;
    struct ring_view *view = ring_view_new(&value->settings, members, value->founder_count);
    if (view == NULL)
        return NULL;
    struct table *table = table_around(view);
    for (uint32_t i = 0; i < value->founder_count; i++)
        table->directories[ring_member_index(view, value->founders[i].member.id)] = value->founders[i].directory;
    return seal(table);
}

struct table *table_after(const struct table *table, const struct value *value)
{
    if (value->kind != VALUE_CHANGE)
        return NULL;
    struct ring_view *view = ring_view_after(table->view, &value->change);
    if (view == NULL)
        return NULL;
    struct table *next = table_around(view);
    for (uint32_t i = 0; i < view->member_count; i++) {
        uint32_t id = view->members[i].id;
        next->directories[i] = id == value->change.member.id ? value->directory : table_directory(table, id);
    }
    return seal(next);
}

struct table *table_decode(struct bytes in, const char **fault)
{
    struct wire_reader reader = wire_reader_of(in);
    struct bytes encoded = draft_read_block(&reader, TABLE_BYTES_MAX);
    *fault = "the table is cut short";
    struct ring_view *view = reader.ok ? ring_view_decode(encoded, fault) : NULL;
    if (view == NULL)
        return NULL;
    struct table *table = table_around(view);
    for (uint32_t i = 0; i < view->member_count; i++)
        table->directories[i] = wire_read_u64(&reader);
    if (!reader.ok || wire_left(&reader) != 0) {
        *fault = "the table's members are cut short";
        table_free(table);
        return NULL;
    }
    return seal(table);
}

struct ring_view *table_view_copy(const struct table *table)
{
    struct wire_reader reader = wire_reader_of(table_bytes(table));
    const char *fault;
    struct ring_view *view = ring_view_decode(draft_read_block(&reader, TABLE_BYTES_MAX), &fault);
    CHECK(view != NULL);
    return view;
}

const struct ring_member *table_member(const struct table *table, uint32_t id)
{
    int index = ring_member_index(table->view, id);
    return index < 0 ? NULL : &table->view->members[index];
}

uint64_t table_directory(const struct table *table, uint32_t id)
{
    int index = ring_member_index(table->view, id);
    return index < 0 ? 0 : table->directories[index];
}
