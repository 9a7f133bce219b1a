#include "simulator/history.h"

#include "base/check.h"

#include <stdlib.h>

void history_init(struct history *history)
{
    *history = (struct history){0};
    arena_init(&history->arena);
}

void history_close(struct history *history)
{
    for (size_t i = 0; i < history->block_room; i++)
        free(history->blocks[i]);
    free(history->blocks);
    arena_close(&history->arena);
}

struct op *history_add(struct history *history)
{
    if (history->count == history->block_room * HISTORY_BLOCK) {
        history->blocks = realloc(history->blocks, (history->block_room + 1) * sizeof *history->blocks);
        CHECK_MEMORY(history->blocks);
        history->blocks[history->block_room] = calloc(HISTORY_BLOCK, sizeof(struct op));
        CHECK_MEMORY(history->blocks[history->block_room]);
        history->block_room++;
    }
    struct op *op = history_op(history, history->count++);
    op->ended_ns = op->ended = UINT64_MAX;
    return op;
}

struct bytes history_keep(struct history *history, struct bytes data)
{
    if (data.len == 0)
        return bytes_of("", 0);
    uint8_t *copy = arena_alloc(&history->arena, data.len);
    memcpy(copy, data.at, data.len);
    return bytes_of(copy, data.len);
}

const char *op_name(enum op_kind kind)
{
    static const char *const names[OP_KINDS] = {"get",     "gets", "gat",  "set",  "add",    "replace", "append",
                                                "prepend", "cas",  "incr", "decr", "delete", "touch",   "flush_all"};
    return names[kind];
}

const char *op_outcome_name(enum op_outcome outcome)
{
    static const char *const names[] = {"pending", "done", "not stored", "exists", "miss", "refused", "failed", "lost"};
    return names[outcome];
}

bool value_next(struct bytes value, char mark, size_t *at, uint64_t *number)
{
    while (*at < value.len && value.at[*at] != (uint8_t)mark)
        ++*at;
    if (*at >= value.len)
        return false;
    *number = 0;
    for (++*at; *at < value.len && value.at[*at] >= '0' && value.at[*at] <= '9'; ++*at)
        *number = *number * 10 + (uint64_t)(value.at[*at] - '0');
    return true;
}

bool value_has(struct bytes value, char mark, uint64_t number)
{
    uint64_t found;
    for (size_t at = 0; value_next(value, mark, &at, &found);) {
        if (found == number)
            return true;
    }
    return false;
}
