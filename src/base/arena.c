#include "base/arena.h"

#include "base/check.h"

#include <stdlib.h>

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

static size_t aligned(size_t size)
{
    return (size + 15U) & ~(size_t)15U;
}

void arena_init(struct arena *arena)
{
    arena->blocks = NULL;
    arena->used = 0;
}

static void *alloc_from_new_block(struct arena *arena, size_t size)
{
    size_t room = arena->blocks == NULL ? ARENA_INLINE_BYTES * 4 : arena->blocks->size * 2;
    if (room < size)
        room = size;
    struct arena_block *block = malloc(sizeof *block + room);
    CHECK_MEMORY(block);
    block->older = arena->blocks;
    block->size = room;
    arena->blocks = block;
    arena->used = size;
    return block->bytes;
}

void *arena_alloc_more(struct arena *arena, size_t size)
{
    CHECK(size < SIZE_MAX / 4);
    size = aligned(size);
    size_t room = arena->blocks == NULL ? ARENA_INLINE_BYTES : arena->blocks->size;
    if (size > room - arena->used)
        return alloc_from_new_block(arena, size);
    uint8_t *start = arena->blocks == NULL ? arena->inline_bytes : arena->blocks->bytes;
    void *result = start + arena->used;
    arena->used += size;
    return result;
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->older;
        free(block);
    }
    arena->used = 0;
}

void arena_close(struct arena *arena)
{
    arena_reset(arena);
}
