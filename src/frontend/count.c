/* memcached's counters, with its meanings: what counts as a hit of what. */
#include "frontend/task.h"

static void count_get(struct task *task, const struct request *request)
{
    struct session_counters *counters = counters_of(task->session);
    bool hit = request->status == REQUEST_OK;
    if (request->expired)
        counter_increment(&counters->get_expired);
    if (request->flushed)
        counter_increment(&counters->get_flushed);
    if (task->command.kind == COMMAND_META_DEBUG) {
        counter_increment(&counters->cmd_meta);
        return;
    }
    /* A read that touches counts as a touch only. */
    bool touches = request->has_expiry;
    counter_increment(touches ? &counters->cmd_touch : &counters->cmd_get);
    if (touches)
        counter_increment(hit ? &counters->touch_hits : &counters->touch_misses);
    else
        counter_increment(hit ? &counters->get_hits : &counters->get_misses);
    if (task->command.dialect != DIALECT_META && prefix_stats_is_on(task->session->frontend->prefixes))
        prefix_stats_get(task->session->frontend->prefixes, request_key(request), hit);
}

static void count_store(struct task *task, const struct request *request)
{
    struct session_counters *counters = counters_of(task->session);
    if (request->status == REQUEST_OK)
        counter_increment(&counters->total_items);
    else if (request->status == REQUEST_TOO_LARGE)
        counter_increment(&counters->store_too_large);
    else if (request->status == REQUEST_NO_MEMORY)
        counter_increment(&counters->store_no_memory);
    if (request->kind != REQUEST_SET || !request->has_token)
        return;
    if (request->status == REQUEST_OK)
        counter_increment(&counters->cas_hits);
    else if (request->status == REQUEST_EXISTS)
        counter_increment(&counters->cas_badval);
    else if (request->status == REQUEST_MISS)
        counter_increment(&counters->cas_misses);
}

static void count_delete(struct task *task, const struct request *request)
{
    struct session_counters *counters = counters_of(task->session);
    if (request->status == REQUEST_OK && !request->invalidate)
        counter_increment(&counters->delete_hits);
    else if (request->status == REQUEST_MISS
             || (request->status == REQUEST_EXISTS && task->command.dialect == DIALECT_META))
        counter_increment(&counters->delete_misses);
}

static void count_delta(struct task *task, const struct request *request)
{
    struct session_counters *counters = counters_of(task->session);
    bool incr = request->kind == REQUEST_INCR;
    if (request->status == REQUEST_OK && !request->created)
        counter_increment(incr ? &counters->incr_hits : &counters->decr_hits);
    else if (request->status == REQUEST_MISS)
        counter_increment(incr ? &counters->incr_misses : &counters->decr_misses);
}

static void count_touch(struct task *task, const struct request *request)
{
    struct session_counters *counters = counters_of(task->session);
    counter_increment(&counters->cmd_touch);
    counter_increment(request->status == REQUEST_OK ? &counters->touch_hits : &counters->touch_misses);
}

void count_outcome(struct task *task, const struct request *request)
{
    switch (request->kind) {
    case REQUEST_GET:
        count_get(task, request);
        break;
    case REQUEST_DELETE:
        count_delete(task, request);
        break;
    case REQUEST_INCR:
    case REQUEST_DECR:
        count_delta(task, request);
        break;
    case REQUEST_TOUCH:
        count_touch(task, request);
        break;
    case REQUEST_FLUSH:
        counter_increment(&counters_of(task->session)->cmd_flush);
        break;
    default:
        count_store(task, request);
        break;
    }
}
