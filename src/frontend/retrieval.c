/* get, gets, gat and gats: many keys, one reply, and siblings by asking again (docs/protocol.md, "Siblings"). */
#include "frontend/task.h"
#include "protocol/reply.h"

/* The line's next key; the first one is in command->key, which is emptied when it has been asked. */
static bool next_key(struct command *command, struct bytes *key)
{
    if (command->key.len == 0)
        return command->rest.len > 0 && text_next_key(&command->rest, key);
    *key = command->key;
    command->key = bytes_of(NULL, 0);
    return true;
}

void retrieval_ask_next(struct task *task, struct instant now)
{
    struct command *command = &task->command;
    struct bytes key;
    if (task->failed || !next_key(command, &key)) {
        task->all_asked = true;
        return;
    }
    struct request *request = task_ask(task, REQUEST_GET, key);
    if (command->kind == COMMAND_GETS || command->kind == COMMAND_GATS)
        request->shows = REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE;
    if (command->kind == COMMAND_GAT || command->kind == COMMAND_GATS) {
        request->has_expiry = true;
        request->expiry_ms = exptime_to_expiry_ms(command->exptime, node_now_ms(task->session->frontend->node, now));
    }
    task->all_asked = command->rest.len == 0;
    task_send(task, request, now);
}

uint32_t retrieval_pick(struct mentions *mentions, const struct request *request)
{
    if (request->version_count < 2)
        return 0;
    uint32_t mentioned = mentions_add(mentions, request_key(request));
    return mentioned < request->version_count ? mentioned : 0;
}

static uint64_t token_of(const struct task *task, const struct request *request, int pick)
{
    const struct frontend *frontend = task->session->frontend;
    return frontend->settings->cas_disabled ? 0 : node_token(frontend->node, request, pick);
}

static void write_version(struct task *task, const struct request *request, uint32_t pick, bool with_token,
                          uint64_t token)
{
    const struct version *version = &request->versions[pick];
    reply_value(&task->session->out, request_key(request), version->flags, request->record, version->value, with_token,
                token);
}

/* Every sibling in a block of its own, the newest last, so that clients that keep the last one have it. The token
 * stands for all of them, and for a delete beside them that did not know of them. Each mention of the key answers all
 * of them again. */
static void write_all_versions(struct task *task, const struct request *request)
{
    uint64_t token = token_of(task, request, NODE_ALL_VERSIONS);
    for (uint32_t i = request->version_count; i > 0; i--)
        write_version(task, request, i - 1, true, token);
}

static void write_found(struct task *task, const struct request *request)
{
    if (request_shows_siblings(request)) {
        write_all_versions(task, request);
        return;
    }
    bool with_token = task->command.kind == COMMAND_GETS || task->command.kind == COMMAND_GATS;
    uint32_t pick = retrieval_pick(&task->mentions, request);
    write_version(task, request, pick, with_token, with_token ? token_of(task, request, (int)pick) : 0);
}

/* Returns false when an earlier key of the line failed: nothing more is written then. */
static void write_one(struct task *task, const struct request *request)
{
    if (task->failed)
        return;
    if (request->status == REQUEST_OK) {
        write_found(task, request);
    } else if (request->status != REQUEST_MISS) {
        /* The reply ends here, without END, so that a client does not take the key for a missing one. */
        answer_failure(task, request);
        task->failed = true;
    }
}

bool retrieval_answer(struct task *task)
{
    struct ask *ask;
    while ((ask = task_first_ask(task)) != NULL) {
        if (!ask->done)
            return false;
        count_outcome(task, &ask->request);
        write_one(task, &ask->request);
        task_pop_ask(task);
    }
    if (task->failed)
        return true;
    if (!task->all_asked)
        return false;
    reply_line(&task->session->out, "END");
    return true;
}
