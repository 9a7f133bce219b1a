#include "frontend/session.h"

#include "frontend/limits.h"
#include "frontend/task.h"
#include "protocol/reply.h"

void frontend_init(struct frontend *frontend, struct node *node, const struct session_settings *settings,
                   const struct session_host *host)
{
    memset(frontend, 0, sizeof *frontend);
    frontend->node = node;
    frontend->settings = settings;
    frontend->host = host;
    pool_init(&frontend->requests, sizeof(struct ask), 256);
    pool_init(&frontend->tasks, sizeof(struct task), 256);
    pool_init(&frontend->works, sizeof(struct session_work), 256);
    pool_init(&frontend->chunks, chain_chunk_size(), 64);
}

void frontend_end_turn(struct frontend *frontend, struct instant began, struct instant ended)
{
    uint64_t took_ns = ended.mono_ns - began.mono_ns;
    for (unsigned kind = 0; kind < LATENCY_KINDS; kind++) {
        for (; frontend->answered[kind] > 0; frontend->answered[kind]--)
            histogram_record(&frontend->latency[kind], took_ns);
    }
    frontend->turn++;
}

void frontend_close(struct frontend *frontend)
{
    pool_close(&frontend->requests);
    pool_close(&frontend->tasks);
    pool_close(&frontend->works);
    pool_close(&frontend->chunks);
}

void session_init(struct session *session, struct frontend *frontend, void *connection)
{
    *session = (struct session){.frontend = frontend, .connection = connection};
    session->authenticated = !frontend->settings->text_auth && !frontend->settings->sasl;
    chain_init(&session->out, &frontend->chunks);
}

static struct session_work *work_of(struct session *session)
{
    if (session->work != NULL)
        return session->work;
    struct session_work *work = pool_borrow(&session->frontend->works);
    memset(work, 0, sizeof *work);
    queue_init(&work->tasks);
    session->work = work;
    return work;
}

static void free_work(struct session *session)
{
    struct session_work *work = session->work;
    struct queue_node *node;
    while ((node = queue_pop(&work->tasks)) != NULL)
        task_return(CONTAINER_OF(node, struct task, link));
    if (work->collecting != NULL)
        task_return(work->collecting);
    mentions_close(&work->run);
    input_close(&work->kept);
    pool_return(&session->frontend->works, work);
    session->work = NULL;
}

static struct task *first_task(const struct session_work *work)
{
    struct queue_node *node = work->tasks.first;
    return node == NULL ? NULL : CONTAINER_OF(node, struct task, link);
}

/* The first byte tells the dialect, unless only one is spoken (-B; -Y is for text and -S for binary). */
static void negotiate(struct session *session, uint8_t first_byte)
{
    const struct session_settings *settings = settings_of(session);
    if (settings->sasl || settings->dialects == SESSION_BINARY_ONLY)
        session->dialect = 'B';
    else if (settings->text_auth || settings->dialects == SESSION_TEXT_ONLY)
        session->dialect = 'T';
    else
        session->dialect = first_byte == 0x80 ? 'B' : 'T';
}

static void count_latency(const struct task *task, struct instant now)
{
    struct frontend *frontend = task->session->frontend;
    if (task->latency == LATENCY_KINDS)
        return;
    if (task->turn == frontend->turn)
        frontend->answered[task->latency]++;
    else
        histogram_record(&frontend->latency[task->latency], now.mono_ns - task->began_ns);
}

/* Writes what can be written of one task's reply; returns whether that is all of it. */
static bool answer(struct task *task, struct instant now)
{
    if (dispatch_is_read_line(task))
        return retrieval_answer(task);
    if (!task->all_asked)
        return false;
    const struct ask *ask = task_first_ask(task);
    if (ask == NULL) {
        if (task->command.kind == COMMAND_ERROR || task->refused != ERROR_NONE)
            answer_error(task);
        else
            server_command(task, now);
        return true;
    }
    if (!ask->done)
        return false;
    if (task->refused != ERROR_NONE) {
        answer_error(task);
        return true;
    }
    count_outcome(task, &ask->request);
    if (task->command.dialect == DIALECT_BINARY)
        answer_binary(task, &ask->request);
    else if (task->command.dialect == DIALECT_META)
        answer_meta(task, &ask->request, now);
    else
        answer_text(task, &ask->request);
    return true;
}

/* A run of quiet gets, within which asking again gets the next sibling, ends with any other command. */
static void end_quiet_run(const struct task *task)
{
    const struct command *command = &task->command;
    bool is_quiet_get = command->quiet && (command->kind == COMMAND_GET || command->kind == COMMAND_GAT);
    struct mentions *run = &task->session->work->run;
    if (run->count > 0 && !is_quiet_get)
        mentions_close(run);
}

/* Replies leave in the order of the commands. */
static void answer_in_order(struct session *session, struct instant now)
{
    struct session_work *work = session->work;
    struct task *task;
    while ((task = first_task(work)) != NULL && answer(task, now)) {
        (void)queue_pop(&work->tasks);
        if (work->waiting == task)
            work->waiting = NULL;
        count_latency(task, now);
        end_quiet_run(task);
        task_return(task);
    }
}

/* In a ring reads may overtake each other. A meta get that meets a stale item changes it, and of a pipeline's the first
 * one is to win, as in memcached. */
static bool may_overtake(const struct session *session, const struct task *task)
{
    if (task->command.kind != COMMAND_META_GET || session->frontend->node->is_alone)
        return false;
    for (const struct queue_node *at = session->work->tasks.first; at != &task->link; at = at->next) {
        const struct task *earlier = CONTAINER_OF(at, const struct task, link);
        if (earlier->command.kind == COMMAND_META_GET && bytes_equal(earlier->command.key, task->command.key))
            return true;
    }
    return false;
}

/* A write waits for everything before it; a read only for a write, and for its turn among the reads in flight. Those
 * that have ended behind a slow one count too: each holds a record in memory until its turn to be written comes. */
static bool may_ask(const struct session *session, const struct task *task)
{
    const struct task *first = first_task(session->work);
    if (first != task && (task->alone || first->alone))
        return false;
    uint32_t asked = session->work->asked;
    return asked == 0 || (asked < settings_of(session)->reads_inflight_max && !may_overtake(session, task));
}

enum take { TAKE_TASK, TAKE_STEP, TAKE_MORE };

static void take_task(struct session_work *work, struct task *task)
{
    dispatch_classify(task);
    queue_push(&work->tasks, &task->link);
    work->waiting = task;
}

/* Whether parsing the kept input again could give anything new. A line that is not whole yet is not scanned from its
 * beginning for every byte that comes; its length has to be judged when it passes the limits, though. */
static bool is_worth_parsing(const struct session *session, const struct input_cursor *cursor)
{
    const struct input *kept = &session->work->kept;
    if (!cursor->is_kept || session->dialect == 'B' || kept->scanned == 0)
        return true;
    size_t len = cursor->left.len;
    if ((kept->scanned <= TEXT_LINE_MAX && len > TEXT_LINE_MAX) || len > TEXT_GET_LINE_MAX)
        return true;
    return len > kept->scanned && memchr(cursor->left.at + kept->scanned, '\n', len - kept->scanned) != NULL;
}

/* As memcached: the connection is over. */
static void refuse_unknown_client(struct task *task)
{
    struct command *command = &task->command;
    command->kind = COMMAND_ERROR;
    command->binary_status = BINARY_AUTH_ERROR;
    command->close_after = true;
    command->has_value = false;
}

static enum take take_command(struct session *session, struct instant now, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    if (!is_worth_parsing(session, cursor)) {
        work->kept.scanned = cursor->left.len;
        return TAKE_MORE;
    }
    struct task *task = task_borrow(session, now);
    size_t used = 0;
    enum parse_status status = session->dialect == 'B' ? binary_parse(cursor->left, &task->command, &used)
                                                       : text_parse(cursor->left, &task->command, &used);
    if (status == PARSE_OK) {
        input_skip(cursor, used);
        work->kept.scanned = 0;
        if (auth_refuses(task))
            refuse_unknown_client(task);
        if (value_begin(task, cursor))
            take_task(work, task);
        return TAKE_TASK;
    }
    task_return(task);
    if (status == PARSE_MORE) {
        work->kept.scanned = cursor->left.len;
        return TAKE_MORE;
    }
    session->closing = true;
    return TAKE_STEP;
}

/* Takes the next piece of input: skipped bytes, part of a data block, or a command. */
static enum take take(struct session *session, struct instant now, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    if (cursor->left.len == 0)
        return TAKE_MORE;
    if (work->swallow > 0) {
        size_t len = cursor->left.len < work->swallow ? cursor->left.len : (size_t)work->swallow;
        input_skip(cursor, len);
        work->swallow -= len;
        return TAKE_STEP;
    }
    if (work->collecting != NULL) {
        struct task *task = work->collecting;
        if (value_collect(session, cursor))
            take_task(work, task);
        return TAKE_STEP;
    }
    if (session->dialect == 0)
        negotiate(session, cursor->left.at[0]);
    if (session->dialect == 'T' && !session->authenticated)
        return auth_text_step(session, cursor) ? TAKE_TASK : TAKE_MORE;
    return take_command(session, now, cursor);
}

static enum session_verdict closing_verdict(const struct session *session)
{
    return queue_is_empty(&session->work->tasks) ? SESSION_CLOSE : SESSION_PAUSE;
}

/* Answer what is ready, ask what may be asked, take the next command, and again. */
static enum session_verdict run(struct session *session, struct instant now, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    const struct session_settings *settings = settings_of(session);
    uint32_t commands = 0;
    for (;;) {
        answer_in_order(session, now);
        if (session->closing && work->waiting == NULL)
            return closing_verdict(session);
        if (session->out.len > settings->out_bytes_max)
            return SESSION_PAUSE;
        if (work->waiting != NULL) {
            if (!may_ask(session, work->waiting))
                return SESSION_PAUSE;
            dispatch_ask(work->waiting, now);
            if (work->waiting->all_asked)
                work->waiting = NULL;
            continue;
        }
        if (commands >= settings->requests_per_event && cursor->left.len > 0) {
            counter_increment(&counters_of(session)->conn_yields);
            return SESSION_YIELD;
        }
        enum take taken = take(session, now, cursor);
        if (taken == TAKE_MORE)
            return SESSION_READ;
        if (taken == TAKE_TASK)
            commands++;
    }
}

/* What outlives the call may not point into the caller's input. */
static void keep_tasks(struct session_work *work)
{
    for (struct queue_node *node = work->tasks.first; node != NULL; node = node->next)
        task_keep(CONTAINER_OF(node, struct task, link));
    if (work->collecting != NULL)
        task_keep(work->collecting);
}

static bool is_idle(const struct session_work *work)
{
    return queue_is_empty(&work->tasks) && work->collecting == NULL && work->kept.len == 0 && work->swallow == 0
           && !work->auth_value_next && work->run.count == 0;
}

static enum session_verdict begin_run(struct session *session, struct instant now, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    session->running = true;
    session->notified = false;
    enum session_verdict verdict = run(session, now, cursor);
    session->running = false;
    if (verdict == SESSION_CLOSE)
        input_skip(cursor, cursor->left.len);
    keep_tasks(work);
    if (cursor->is_kept)
        input_keep_last(&work->kept, cursor->left.len);
    else
        input_append(&work->kept, cursor->left);
    if (is_idle(work))
        free_work(session);
    return verdict;
}

static struct input_cursor kept_cursor(const struct session_work *work)
{
    const struct input *kept = &work->kept;
    return (struct input_cursor){.left = bytes_of(kept->memory == NULL ? NULL : kept->memory + kept->start, kept->len),
                                 .is_kept = true};
}

enum session_verdict session_feed(struct session *session, struct instant now, struct bytes in)
{
    struct session_work *work = work_of(session);
    struct input_cursor cursor = {.left = in};
    if (work->kept.len > 0) {
        input_append(&work->kept, in);
        cursor = kept_cursor(work);
    }
    return begin_run(session, now, &cursor);
}

enum session_verdict session_continue(struct session *session, struct instant now)
{
    struct input_cursor cursor = kept_cursor(work_of(session));
    return begin_run(session, now, &cursor);
}

uint8_t *session_value_room(struct session *session, size_t *len)
{
    const struct session_work *work = session->work;
    if (work == NULL || work->collecting == NULL || work->kept.len > 0)
        return NULL;
    return value_room(work, len);
}

enum session_verdict session_filled(struct session *session, struct instant now, size_t len)
{
    struct session_work *work = session->work;
    struct task *task = work->collecting;
    if (value_filled(work, len))
        take_task(work, task);
    struct input_cursor cursor = {.left = bytes_of(NULL, 0)};
    return begin_run(session, now, &cursor);
}

bool session_close(struct session *session)
{
    session->gone = true;
    session->closing = true;
    session->notified = false;
    chain_close(&session->out);
    if (session->inflight > 0) {
        input_close(&session->work->kept);
        return false;
    }
    if (session->work != NULL)
        free_work(session);
    return true;
}

static size_t task_memory(const struct task *task)
{
    return sizeof *task + task->value.len + (task->slices == NULL ? 0 : task->command.rest.len);
}

size_t session_memory(const struct session *session)
{
    const struct session_work *work = session->work;
    size_t bytes = session->out.len;
    if (work == NULL)
        return bytes;
    bytes += sizeof *work + work->kept.room;
    for (const struct queue_node *node = work->tasks.first; node != NULL; node = node->next)
        bytes += task_memory(CONTAINER_OF(node, struct task, link));
    return work->collecting == NULL ? bytes : bytes + work->collected + sizeof(struct task);
}
