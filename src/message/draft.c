#include "message/draft.h"

#include "base/check.h"
#include "base/wire.h"

#include <stdlib.h>

enum { DRAFT_BYTES_FIRST = 256, TEXT_LEN_MAX = 255, CONTROL_LAST = 0x1f, DELETE = 0x7f };

void draft_close(struct draft *draft)
{
    free(draft->at);
    *draft = (struct draft){0};
}

uint8_t *draft_reserve(struct draft *draft, size_t len)
{
    if (draft->at == NULL || draft->room - draft->len < len) {
        size_t room = draft->room == 0 ? DRAFT_BYTES_FIRST : draft->room;
        while (room - draft->len < len)
            room *= 2;
        draft->at = realloc(draft->at, room);
        CHECK_MEMORY(draft->at);
        draft->room = room;
    }
    return draft->at + draft->len;
}

void draft_commit(struct draft *draft, const uint8_t *end)
{
    size_t len = (size_t)(end - draft->at);
    CHECK(len >= draft->len && len <= draft->room);
    draft->len = len;
}

void draft_u8(struct draft *draft, uint8_t value)
{
    draft_commit(draft, wire_write_u8(draft_reserve(draft, 1), value));
}

void draft_u32(struct draft *draft, uint32_t value)
{
    draft_commit(draft, wire_write_u32(draft_reserve(draft, 4), value));
}

void draft_u64(struct draft *draft, uint64_t value)
{
    draft_commit(draft, wire_write_u64(draft_reserve(draft, 8), value));
}

void draft_varint(struct draft *draft, uint64_t value)
{
    draft_commit(draft, wire_write_varint(draft_reserve(draft, WIRE_VARINT_MAX), value));
}

void draft_bytes(struct draft *draft, struct bytes data)
{
    draft_commit(draft, wire_write_bytes(draft_reserve(draft, data.len), data));
}

void draft_block(struct draft *draft, struct bytes data)
{
    draft_varint(draft, data.len);
    draft_bytes(draft, data);
}

void draft_text(struct draft *draft, const char *text)
{
    size_t len = strlen(text);
    CHECK(len <= TEXT_LEN_MAX);
    draft_u8(draft, (uint8_t)len);
    draft_bytes(draft, bytes_of(text, len));
}

struct bytes draft_read_block(struct wire_reader *reader, size_t len_max)
{
    uint64_t len = wire_read_varint(reader);
    if (len > len_max)
        reader->ok = false;
    return wire_read_bytes(reader, len);
}

void draft_read_text(struct wire_reader *reader, char *text, size_t room)
{
    struct bytes read = wire_read_bytes(reader, wire_read_u8(reader));
    text[0] = '\0';
    if (read.len >= room)
        reader->ok = false;
    for (size_t i = 0; reader->ok && i < read.len; i++)
        if (read.at[i] <= CONTROL_LAST || read.at[i] == DELETE)
            reader->ok = false;
    if (!reader->ok)
        return;
    memcpy(text, read.at, read.len);
    text[read.len] = '\0';
}
