/* A message's head while it is written: bytes that grow. For the messages of the membership plane, whose lengths are
 * not known before; those of the data plane are written straight into a link's chain. */
#ifndef MESSAGE_DRAFT_H
#define MESSAGE_DRAFT_H

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct draft {
    uint8_t *at;
    size_t len, room;
};

/* Zero-initialised, a draft is empty and holds no memory. Gives back what it holds; it is empty afterwards. */
void draft_close(struct draft *draft);

/* Room for `len` bytes behind what has been written; draft_commit says where the writer stopped. */
uint8_t *draft_reserve(struct draft *draft, size_t len);
void draft_commit(struct draft *draft, const uint8_t *end);

/* Each appends one field. draft_block writes a length in front (varint), draft_text one byte of length (at most 255).
 */
void draft_u8(struct draft *draft, uint8_t value);
void draft_u32(struct draft *draft, uint32_t value);
void draft_u64(struct draft *draft, uint64_t value);
void draft_varint(struct draft *draft, uint64_t value);
void draft_bytes(struct draft *draft, struct bytes data);
void draft_block(struct draft *draft, struct bytes data);
void draft_text(struct draft *draft, const char *text);

/* What has been written; valid until the draft is changed. */
static inline struct bytes draft_written(const struct draft *draft)
{
    return bytes_of(draft->at, draft->len);
}

struct wire_reader;

/* What draft_block and draft_text wrote. A text must fit into `room` bytes with its NUL and hold no control characters;
 * otherwise, and when `len_max` is passed, the reader's `ok` turns false. */
struct bytes draft_read_block(struct wire_reader *reader, size_t len_max);
void draft_read_text(struct wire_reader *reader, char *text, size_t room);

#endif
