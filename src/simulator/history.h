/* What clients asked and were told, with the virtual times. Nothing is ever forgotten. */
#ifndef SIMULATOR_HISTORY_H
#define SIMULATOR_HISTORY_H

#include "base/arena.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum op_kind {
    OP_GET,
    OP_GETS,
    OP_GAT,
    OP_SET,
    OP_ADD,
    OP_REPLACE,
    OP_APPEND,
    OP_PREPEND,
    OP_CAS,
    OP_INCR,
    OP_DECR,
    OP_DELETE,
    OP_TOUCH,
    OP_FLUSH,
    OP_KINDS
};

enum op_outcome {
    OP_PENDING,    /* no reply yet; noreply: what came of it is never told */
    OP_DONE,       /* STORED, DELETED, TOUCHED, OK; of reads: values */
    OP_NOT_STORED, /* NOT_STORED */
    OP_EXISTS,     /* EXISTS */
    OP_MISS,       /* NOT_FOUND, END without a value */
    OP_REFUSED,    /* CLIENT_ERROR: not a number */
    OP_FAILED,     /* SERVER_ERROR: outcome unknown */
    OP_LOST        /* the connection ended before the reply */
};

/* One value that a read showed. */
struct seen {
    struct bytes value;
    uint64_t token; /* gets */
};

struct op {
    unsigned client, machine;
    int key; /* -1: flush_all */
    enum op_kind kind;
    bool noreply;
    enum op_outcome outcome;
    uint64_t sent_ns;      /* when the client sent it */
    uint64_t began_ns;     /* not before: a command waits for those before it on its connection */
    uint64_t ended_ns;     /* when the client had the reply, UINT64_MAX: never */
    uint64_t began, ended; /* the same as an order of moments without ties; ended UINT64_MAX: never */
    struct bytes value;    /* that a write wants stored */
    struct bytes expected; /* cas: the value that the token was for; unset when there were several */
    uint64_t token;        /* cas */
    uint32_t exptime;      /* seconds, 0: never */
    uint64_t number;       /* incr, decr: the delta; then what was answered is in `answered` */
    uint64_t answered;
    unsigned seen_count;
    struct seen *seen;
    char error[48]; /* what SERVER_ERROR said */
};

struct history {
    struct op **blocks; /* of HISTORY_BLOCK operations */
    size_t count, block_room;
    uint64_t moments;   /* the last one */
    struct arena arena; /* texts */
};

enum { HISTORY_BLOCK = 1024 };

/* Nothing has been asked. */
void history_init(struct history *history);
/* Frees everything. */
void history_close(struct history *history);

/* A new operation, zeroed; its number is history->count - 1. Stays where it is. */
struct op *history_add(struct history *history);
/* The operation of this number. */
static inline struct op *history_op(const struct history *history, size_t number)
{
    return &history->blocks[number / HISTORY_BLOCK][number % HISTORY_BLOCK];
}
/* A copy that lives as long as the history. */
struct bytes history_keep(struct history *history, struct bytes data);

/* memcached's name of a command. */
const char *op_name(enum op_kind kind);
/* For people. */
const char *op_outcome_name(enum op_outcome outcome);
/* Does it change anything? */
static inline bool op_writes(const struct op *op)
{
    return op->kind >= OP_SET;
}
static inline bool op_is_read(const struct op *op)
{
    return op->kind <= OP_GAT;
}
/* Does it store a value of its own, which tells it from all others? */
static inline bool op_stores(const struct op *op)
{
    return op->kind >= OP_SET && op->kind <= OP_CAS;
}

/* Values name the operations that made them: "#12;" was set by operation 12, "#12;#15;" appended to by 15. A cart also
 * has its items, ".7" for what operation 7 put in. Reads the next number behind `mark` at or after *at. false: no more.
 */
bool value_next(struct bytes value, char mark, size_t *at, uint64_t *number);
/* Does the value bear the mark of this operation? */
bool value_has(struct bytes value, char mark, uint64_t number);

#endif
