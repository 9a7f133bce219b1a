/* One command of a client on its way from the input to its reply, and what a session keeps while it has any.
 *
 * Within the room. A command is taken from the input (session.c), gets its data block (value.c), asks the node
 * (dispatch.c, retrieval.c) or is carried out here (server_commands.c, stats_command.c, auth.c), and is answered when
 * all commands before it have been (answer_*.c). */
#ifndef FRONTEND_TASK_H
#define FRONTEND_TASK_H

#include "base/check.h"
#include "base/counter.h"
#include "base/list.h"
#include "base/queue.h"
#include "frontend/input.h"
#include "frontend/mentions.h"
#include "frontend/session.h"

/* A request to the node and whose it is. */
struct ask {
    struct request request;
    struct task *task;
    bool done;
};

struct task {
    struct queue_node link; /* in session_work.tasks */
    struct session *session;
    struct queue asks; /* asked and not yet answered, in their order (request.link) */
    uint64_t turn;     /* the loop's turn that took the command, and when */
    uint64_t began_ns;
    bool alone;                  /* asks only when all earlier commands have been answered; nothing overtakes it */
    bool all_asked;              /* every request that the command needs has been started */
    bool kept;                   /* no slice points into the caller's input any more */
    bool failed;                 /* a key of the line could not be read: SERVER_ERROR has been written */
    uint8_t latency;             /* enum latency_kind, LATENCY_KINDS: not counted */
    enum protocol_error refused; /* the value cannot be stored: this is the reply; ERROR_NONE otherwise */
    uint8_t *slices;             /* malloc'd: what command's slices point to once kept */
    uint8_t *value_memory;       /* malloc'd: the data block, when it was not whole in the input */
    struct bytes value;          /* the data block without its line end */
    struct mentions mentions;    /* of keys with siblings, in one get line */
    struct command command;      /* last: parsers fill it, nobody clears it */
};

struct session_work {
    struct queue tasks;      /* not yet answered, oldest first */
    uint32_t asked;          /* requests whose answer has not been written yet, ended or not */
    struct task *waiting;    /* the newest of them, while it has not asked everything */
    struct task *collecting; /* not among tasks yet: its data block is still coming */
    size_t collected;
    uint64_t swallow; /* bytes of input to skip */
    struct input kept;
    uint64_t auth_value_len; /* of the text `set` that authenticates; its data block is next */
    bool auth_value_next;
    struct mentions run; /* of keys with siblings, in one run of quiet binary gets */
};

static inline struct session_counters *counters_of(struct session *session)
{
    return &session->frontend->counters;
}

static inline const struct session_settings *settings_of(const struct session *session)
{
    return session->frontend->settings;
}

static inline bool is_binary(const struct task *task)
{
    return task->command.dialect == DIALECT_BINARY;
}

/* The oldest request not yet answered, or NULL. */
static inline struct ask *task_first_ask(const struct task *task)
{
    struct queue_node *node = task->asks.first;
    return node == NULL ? NULL : CONTAINER_OF(node, struct ask, request.link);
}

/* A task without a command yet; the command is to be parsed into it. */
struct task *task_borrow(struct session *session, struct instant now);
/* Gives back the task and all that it holds; none of its requests is with the node. */
void task_return(struct task *task);
/* Copies what still points into the caller's input. */
void task_keep(struct task *task);

/* A new request of the task, to be filled and then sent with task_send. */
struct request *task_ask(struct task *task, enum request_kind kind, struct bytes key);
void task_send(struct task *task, struct request *request, struct instant now);
/* The oldest request has been answered: gives it back. */
void task_pop_ask(struct task *task);

/* value.c */

/* The data block of a freshly parsed command: in place, into memory of its own, or refused. Returns whether the task is
 * complete; if not, session_work.collecting is set. */
bool value_begin(struct task *task, struct input_cursor *cursor);
/* More of the block. Returns whether it is whole. */
bool value_collect(struct session *session, struct input_cursor *cursor);
/* Where the rest of a large block may be read to, or NULL; and that so much was. Returns whether it is whole. */
uint8_t *value_room(const struct session_work *work, size_t *len);
bool value_filled(struct session_work *work, size_t len);

/* dispatch.c */

/* Whether the command must be alone, and how its latency is counted. */
void dispatch_classify(struct task *task);
/* Starts what can be started. Sets all_asked at the end. */
void dispatch_ask(struct task *task, struct instant now);
bool dispatch_is_read_line(const struct task *task);

/* retrieval.c: get, gets, gat, gats */

/* Asks for the line's next key; the parser has made sure that none is too long. */
void retrieval_ask_next(struct task *task, struct instant now);
/* Writes the VALUE blocks that are ready; returns whether the whole line is answered. */
bool retrieval_answer(struct task *task);
/* Which of its versions a found request shows when its key is mentioned (again) in `mentions`. */
uint32_t retrieval_pick(struct mentions *mentions, const struct request *request);

/* Counting of outcomes with memcached's meanings: count.c. */
void count_outcome(struct task *task, const struct request *request);

/* Replies to finished single requests, and to commands without one. */
void answer_text(struct task *task, const struct request *request);
void answer_meta(struct task *task, const struct request *request, struct instant now);
void answer_binary(struct task *task, const struct request *request);
/* What could not be parsed or stored. */
void answer_error(struct task *task);
/* A server command's plain reply: a text line, or success in binary; none when quiet. */
void answer_line(struct task *task, const char *line);
/* SERVER_ERROR and a reason, in the task's dialect. */
void answer_failure(struct task *task, const struct request *request);

/* Carries out a command that needs no request: server_commands.c. */
void server_command(struct task *task, struct instant now);
void stats_command(struct task *task, struct instant now);

/* auth.c */

/* Text before authentication: takes one line or data block. Returns false when more input is needed. */
bool auth_text_step(struct session *session, struct input_cursor *cursor);
/* The binary SASL commands. */
void auth_sasl(struct task *task);
/* A binary command before authentication, other than SASL and version. */
bool auth_refuses(const struct task *task);

#endif
