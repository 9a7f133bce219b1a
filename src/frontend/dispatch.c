/* Commands as requests to the node. */
#include "frontend/limits.h"
#include "frontend/task.h"

static bool has_flag(const struct command *command, char letter)
{
    return command->dialect == DIALECT_META && meta_has(&command->meta, letter);
}

static bool changes_what_it_reads(const struct command *command)
{
    if (command->kind == COMMAND_GAT || command->kind == COMMAND_GATS)
        return true;
    return command->kind == COMMAND_META_GET
           && (command->has_exptime || has_flag(command, 'N') || has_flag(command, 'R'));
}

static bool is_read(const struct command *command)
{
    switch (command->kind) {
    case COMMAND_GET:
    case COMMAND_GETS:
    case COMMAND_GAT:
    case COMMAND_GATS:
    case COMMAND_META_GET:
    case COMMAND_META_DEBUG:
    case COMMAND_SIBLINGS:
        return true;
    default:
        return false;
    }
}

static enum latency_kind latency_of(const struct command *command)
{
    switch (command->kind) {
    case COMMAND_GET:
    case COMMAND_GETS:
    case COMMAND_META_GET:
    case COMMAND_META_DEBUG:
    case COMMAND_SIBLINGS:
        return LATENCY_GET;
    case COMMAND_SET:
    case COMMAND_ADD:
    case COMMAND_REPLACE:
    case COMMAND_CAS:
        return LATENCY_SET;
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
    case COMMAND_INCR:
    case COMMAND_DECR:
        return LATENCY_READ_MODIFY_WRITE;
    case COMMAND_DELETE:
        return LATENCY_DELETE;
    case COMMAND_TOUCH:
    case COMMAND_GAT:
    case COMMAND_GATS:
        return LATENCY_TOUCH;
    default:
        return LATENCY_KINDS;
    }
}

/* As memcached counts for `stats detail`: text and binary sets and deletes, found or not; nothing of meta. */
static void count_prefix(const struct task *task)
{
    struct prefix_stats *prefixes = task->session->frontend->prefixes;
    const struct command *command = &task->command;
    if (command->dialect == DIALECT_META || !prefix_stats_is_on(prefixes))
        return;
    if (command->kind == COMMAND_DELETE)
        prefix_stats_delete(prefixes, command->key);
    else if (command->kind >= COMMAND_SET && command->kind <= COMMAND_CAS)
        prefix_stats_set(prefixes, command->key);
}

bool dispatch_is_read_line(const struct task *task)
{
    const struct command *command = &task->command;
    return command->dialect == DIALECT_TEXT && command->kind >= COMMAND_GET && command->kind <= COMMAND_GATS;
}

void dispatch_classify(struct task *task)
{
    const struct command *command = &task->command;
    task->alone = !is_read(command) || changes_what_it_reads(command);
    task->latency = (uint8_t)latency_of(command);
    count_prefix(task);
}

/* An add or replace that compares is a COMMAND_SET too; only the opcode tells. */
enum { OPCODE_SET = 0x01, OPCODE_SETQ = 0x11 };

/* A set whose value is too large must not leave the old one behind. memcached does it for every mode of ms. */
static bool drops_old_value(const struct task *task)
{
    const struct command *command = &task->command;
    if (task->refused != ERROR_TOO_LARGE && task->refused != ERROR_NO_MEMORY)
        return false;
    if (command->dialect == DIALECT_META)
        return command->kind >= COMMAND_SET && command->kind <= COMMAND_CAS;
    if (command->dialect == DIALECT_BINARY)
        return command->opcode == OPCODE_SET || command->opcode == OPCODE_SETQ;
    return command->kind == COMMAND_SET;
}

static uint64_t expiry_of(const struct task *task, int64_t exptime, struct instant now)
{
    if (exptime == 0)
        return 0;
    return exptime_to_expiry_ms(exptime, node_now_ms(task->session->frontend->node, now));
}

/* R(ttl): like every exptime it may also be a point in time. */
static uint64_t recache_ttl_of(const struct task *task, struct instant now)
{
    int64_t ttl = task->command.meta.recache_ttl;
    if (ttl <= 0)
        return 0;
    uint64_t now_ms = node_now_ms(task->session->frontend->node, now);
    uint64_t until_ms = exptime_to_expiry_ms(ttl, now_ms);
    return until_ms > now_ms ? (until_ms - now_ms) / 1000 : 0;
}

/* memcached goes through a line's flags in their order: of two that touch on the same thing the place matters. */
static bool comes_after(const struct meta_flags *flags, char letter, char other)
{
    bool after = false;
    for (unsigned i = 0; i < flags->count; i++) {
        if (flags->list[i].letter == letter || flags->list[i].letter == other)
            after = flags->list[i].letter == letter;
    }
    return after;
}

static void fill_read(struct task *task, struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    if (command->kind == COMMAND_META_DEBUG)
        request->peek = true;
    if (command->kind == COMMAND_SIBLINGS)
        request->shows = REQUEST_SHOWS_SIBLINGS;
    if (command->kind == COMMAND_GAT || command->kind == COMMAND_TOUCH || command->has_exptime) {
        request->has_expiry = true;
        request->expiry_ms = expiry_of(task, command->exptime, now);
    }
    if (command->kind != COMMAND_META_GET)
        return;
    request->claims = true;
    request->peek = has_flag(command, 'u');
    if (has_flag(command, 'N')) {
        request->vivify = true;
        request->vivify_expiry_ms = comes_after(&command->meta, 'T', 'N')
                                        ? request->expiry_ms
                                        : expiry_of(task, command->meta.vivify_exptime, now);
    }
    if (has_flag(command, 'R')) {
        request->recache = true;
        request->recache_ttl_s = recache_ttl_of(task, now);
        request->recache_first = comes_after(&command->meta, 'T', 'R');
    }
}

/* Which of memcached's ways to compare a command means; its rules differ from command to command. */
static void fill_token(const struct task *task, struct request *request)
{
    const struct command *command = &task->command;
    bool cas_disabled = settings_of(task->session)->cas_disabled;
    request->has_token = command->has_token || command->kind == COMMAND_CAS;
    request->token = cas_disabled ? 0 : command->token;
    switch (command->kind) {
    case COMMAND_SET:
    case COMMAND_ADD:
    case COMMAND_REPLACE:
    case COMMAND_CAS:
        if (command->dialect == DIALECT_META && command->kind == COMMAND_ADD)
            request->has_token = false;
        if (command->dialect == DIALECT_BINARY && cas_disabled)
            request->has_token = false;
        if (request->has_token)
            request->kind = REQUEST_SET;
        break;
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
        if (request->token == 0)
            request->has_token = false;
        break;
    default:
        if (command->token == 0)
            request->has_token = false;
        break;
    }
}

static void fill_value(struct task *task, struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    request->flags = command->flags;
    request->expiry_ms = expiry_of(task, command->exptime, now);
    request->value = task->value;
    request->value_max = largest_value(settings_of(task->session)->value_max, command->key.len, 0,
                                       settings_of(task->session)->cas_disabled);
    fill_token(task, request);
    request->invalidate = request->has_token && request->kind == REQUEST_SET && has_flag(command, 'I');
}

static void fill_delta(struct task *task, struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    request->delta = command->delta;
    request->initial = command->initial;
    request->create = command->create;
    request->has_expiry = has_flag(command, 'T');
    request->expiry_ms = expiry_of(task, command->exptime, now);
    fill_token(task, request);
}

static void fill_delete(struct task *task, struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    request->invalidate = has_flag(command, 'I');
    request->has_expiry = request->invalidate && has_flag(command, 'T');
    if (request->has_expiry)
        request->expiry_ms = expiry_of(task, command->exptime, now);
    fill_token(task, request);
}

/* The request kind of a command with one key; false for commands that ask nothing. */
static bool request_kind_of(const struct task *task, enum request_kind *kind)
{
    static const uint8_t kinds[] = {
        [COMMAND_GET] = REQUEST_GET,         [COMMAND_GETS] = REQUEST_GET,      [COMMAND_GAT] = REQUEST_GET,
        [COMMAND_GATS] = REQUEST_GET,        [COMMAND_META_GET] = REQUEST_GET,  [COMMAND_META_DEBUG] = REQUEST_GET,
        [COMMAND_SIBLINGS] = REQUEST_GET,    [COMMAND_SET] = REQUEST_SET,       [COMMAND_ADD] = REQUEST_ADD,
        [COMMAND_REPLACE] = REQUEST_REPLACE, [COMMAND_APPEND] = REQUEST_APPEND, [COMMAND_PREPEND] = REQUEST_PREPEND,
        [COMMAND_CAS] = REQUEST_SET,         [COMMAND_INCR] = REQUEST_INCR,     [COMMAND_DECR] = REQUEST_DECR,
        [COMMAND_TOUCH] = REQUEST_TOUCH,     [COMMAND_DELETE] = REQUEST_DELETE, [COMMAND_FLUSH_ALL] = REQUEST_FLUSH,
    };
    const struct command *command = &task->command;
    if (command->kind == COMMAND_ERROR || command->kind > COMMAND_FLUSH_ALL)
        return false;
    if (command->kind == COMMAND_FLUSH_ALL && settings_of(task->session)->flush_disabled)
        return false;
    *kind = (enum request_kind)kinds[command->kind];
    /* The binary reply to a touch carries flags and token, which only a get finds out. */
    if (command->kind == COMMAND_TOUCH && command->dialect == DIALECT_BINARY)
        *kind = REQUEST_GET;
    return true;
}

static void fill(struct task *task, struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    switch (request->kind) {
    case REQUEST_GET:
        fill_read(task, request, now);
        break;
    case REQUEST_INCR:
    case REQUEST_DECR:
        fill_delta(task, request, now);
        break;
    case REQUEST_DELETE:
        fill_delete(task, request, now);
        break;
    case REQUEST_TOUCH:
        request->expiry_ms = expiry_of(task, command->exptime, now);
        break;
    case REQUEST_FLUSH:
        request->expiry_ms = command->exptime > 0 ? expiry_of(task, command->exptime, now) : 0;
        request->whole_second = settings_of(task->session)->cas_disabled;
        break;
    default:
        fill_value(task, request, now);
        break;
    }
}

void dispatch_ask(struct task *task, struct instant now)
{
    if (dispatch_is_read_line(task)) {
        retrieval_ask_next(task, now);
        return;
    }
    enum request_kind kind;
    task->all_asked = true;
    if (task->refused != ERROR_NONE) {
        if (drops_old_value(task))
            task_send(task, task_ask(task, REQUEST_DELETE, task->command.key), now);
        return;
    }
    if (!request_kind_of(task, &kind))
        return;
    struct bytes no_key = bytes_of(NULL, 0);
    struct request *request = task_ask(task, kind, kind == REQUEST_FLUSH ? no_key : task->command.key);
    fill(task, request, now);
    task_send(task, request, now);
}
