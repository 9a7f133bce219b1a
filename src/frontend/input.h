/* Input of a client that could not be used yet: kept in one buffer and parsed in place. */
#ifndef FRONTEND_INPUT_H
#define FRONTEND_INPUT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty and holds no memory. */
struct input {
    uint8_t *memory;
    size_t start, len, room; /* the bytes are memory[start .. start + len) */
    size_t scanned;          /* so many of them are known to hold no whole command */
};

/* What a call works through: the kept bytes or the caller's. */
struct input_cursor {
    struct bytes left;
    bool is_kept; /* `left` is the end of the kept bytes */
};

static inline void input_skip(struct input_cursor *cursor, size_t len)
{
    cursor->left = bytes_after(cursor->left, len);
}

/* Adds bytes at the end. */
void input_append(struct input *input, struct bytes more);

/* Drops all but the last `len` bytes, without moving them; frees the memory when none are left. */
void input_keep_last(struct input *input, size_t len);

/* Frees; the input is then empty and may be used again. */
void input_close(struct input *input);

#endif
