#include "frontend/task.h"

#include "base/wire.h"

#include <stdlib.h>

struct task *task_borrow(struct session *session, struct instant now)
{
    struct task *task = pool_borrow(&session->frontend->tasks);
    memset(task, 0, offsetof(struct task, command));
    task->session = session;
    task->turn = session->frontend->turn;
    task->began_ns = now.mono_ns;
    task->latency = LATENCY_KINDS;
    queue_init(&task->asks);
    return task;
}

void task_return(struct task *task)
{
    while (!queue_is_empty(&task->asks))
        task_pop_ask(task);
    mentions_close(&task->mentions);
    free(task->slices);
    free(task->value_memory);
    pool_return(&task->session->frontend->tasks, task);
}

/* Runs within node_settle. The session goes on in session_continue, or right behind node_settle when it called that. */
static void on_done(struct request *request)
{
    struct ask *ask = CONTAINER_OF(request, struct ask, request);
    struct session *session = ask->task->session;
    ask->done = true;
    CHECK(session->inflight > 0);
    session->inflight--;
    if (session->running || session->notified || (session->gone && session->inflight > 0))
        return;
    session->notified = true;
    const struct session_host *host = session->frontend->host;
    host->ready(host->host, session); /* may free the session */
}

struct request *task_ask(struct task *task, enum request_kind kind, struct bytes key)
{
    struct ask *ask = pool_borrow(&task->session->frontend->requests);
    ask->task = task;
    ask->done = false;
    request_init(&ask->request, kind, key, on_done, ask);
    queue_push(&task->asks, &ask->request.link);
    task->session->work->asked++;
    return &ask->request;
}

void task_send(struct task *task, struct request *request, struct instant now)
{
    struct node *node = task->session->frontend->node;
    task->session->inflight++;
    node_request(node, now, request);
    node_settle(node, now);
}

void task_pop_ask(struct task *task)
{
    struct ask *ask = CONTAINER_OF(queue_pop(&task->asks), struct ask, request.link);
    CHECK(ask->done);
    task->session->work->asked--;
    request_finish(&ask->request);
    pool_return(&task->session->frontend->requests, ask);
}

static bool lies_within(struct bytes part, const void *whole, size_t len)
{
    return (uintptr_t)part.at >= (uintptr_t)whole && (uintptr_t)part.at < (uintptr_t)whole + len;
}

/* Moves a slice to `at` unless it lies in the command itself; returns the place behind it. */
static uint8_t *keep_slice(struct command *command, struct bytes *slice, uint8_t *at)
{
    if (slice->len == 0 || lies_within(*slice, command, sizeof *command))
        return at;
    uint8_t *end = wire_write_bytes(at, *slice);
    slice->at = at;
    return end;
}

static size_t slices_len(const struct command *command)
{
    size_t len = command->key.len + command->rest.len;
    if (command->dialect == DIALECT_META) {
        len += command->raw_key.len;
        for (unsigned i = 0; i < command->meta.count; i++)
            len += command->meta.list[i].token.len;
    }
    return len;
}

static void keep_command(struct task *task)
{
    struct command *command = &task->command;
    size_t len = slices_len(command);
    if (len == 0)
        return;
    uint8_t *at = task->slices = malloc(len);
    CHECK_MEMORY(task->slices);
    at = keep_slice(command, &command->key, at);
    at = keep_slice(command, &command->rest, at);
    if (command->dialect != DIALECT_META)
        return;
    at = keep_slice(command, &command->raw_key, at);
    for (unsigned i = 0; i < command->meta.count; i++)
        at = keep_slice(command, &command->meta.list[i].token, at);
}

/* A value that was used in place: the node reads it until the request is done. */
static void keep_value(struct task *task)
{
    if (task->value.len == 0 || task->value_memory != NULL)
        return;
    task->value_memory = malloc(task->value.len);
    CHECK_MEMORY(task->value_memory); /* no longer than the caller's input */
    memcpy(task->value_memory, task->value.at, task->value.len);
    task->value.at = task->value_memory;
    struct ask *ask = task_first_ask(task);
    if (ask != NULL && !ask->done)
        ask->request.value = task->value;
}

void task_keep(struct task *task)
{
    if (task->kept)
        return;
    keep_command(task);
    keep_value(task);
    task->kept = true;
}
