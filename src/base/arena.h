/* Scratch memory for one operation: allocations are a pointer bump, all are given back at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { ARENA_INLINE_BYTES = 4096 };

struct arena_block;

struct arena {
    struct arena_block *blocks; /* heap blocks beyond the inline bytes, newest first */
    size_t used;                /* of the inline bytes or of the newest block */
    _Alignas(16) uint8_t inline_bytes[ARENA_INLINE_BYTES];
};

/* Embedded in its owner; holds no heap memory until something outgrows the inline bytes. */
void arena_init(struct arena *arena);

/* arena_alloc's other half, for where the inline bytes do not suffice. */
void *arena_alloc_more(struct arena *arena, size_t size);

/* `size` uninitialised bytes, 16-byte aligned, valid until the next reset or close. Aborts without memory. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    if (arena->blocks != NULL || size > ARENA_INLINE_BYTES - arena->used)
        return arena_alloc_more(arena, size);
    void *result = arena->inline_bytes + arena->used;
    arena->used += (size + 15U) & ~(size_t)15U; /* so `used` is never more than there are */
    return result;
}

/* Ends all allocations. */
void arena_reset(struct arena *arena);

/* As reset; the arena must be initialised again before use. */
void arena_close(struct arena *arena);

#endif
