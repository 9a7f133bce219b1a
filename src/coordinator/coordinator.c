#include "coordinator/coordinator.h"

#include "base/check.h"
#include "base/list.h"
#include "coordinator/flush.h"
#include "coordinator/read.h"
#include "coordinator/write.h"

void coordinator_init(struct coordinator *coordinator, const struct coordinator_parts *parts)
{
    *coordinator = (struct coordinator){.replica = parts->replica,
                                        .tokens = parts->tokens,
                                        .store = parts->store,
                                        .peers = parts->peers,
                                        .settings = parts->settings,
                                        .ports = parts->ports,
                                        .writes_held = parts->writes_held};
    arena_init(&coordinator->scratch);
    queue_init(&coordinator->refused);
    list_init(&coordinator->flushes);
}

void coordinator_close(struct coordinator *coordinator)
{
    arena_close(&coordinator->scratch);
}

static void submit(struct coordinator *coordinator, struct request *request, enum store_kind kind)
{
    struct store_op *op = &request->op;
    op->kind = kind;
    op->apply = write_apply;
    op->key = request_key(request);
    op->durability = request->bucket->durability;
    op->peek = request->peek;
    op->uses_reserve = request->kind == REQUEST_DELETE;
    op->is_use = request->kind == REQUEST_GET && !request->peek;
    /* In a ring of one nobody holds another copy to fetch: a whole new value is the way to get the key back. */
    op->replaces_corrupt = request->kind == REQUEST_SET && !request->has_token;
    store_submit(coordinator->store, coordinator->now, op);
}

void coordinator_start(struct coordinator *coordinator, struct instant now, struct request *request,
                       uint64_t deadline_ns)
{
    coordinator->now = now;
    request->coordinator = coordinator;
    request->started = now;
    (void)deadline_ns;
    if (request->kind == REQUEST_FLUSH)
        flush_start(coordinator, request);
    else if (request->kind == REQUEST_GET && !request->has_expiry)
        submit(coordinator, request, STORE_READ);
    else
        submit(coordinator, request, STORE_UPDATE);
}

static void fail(struct request *request, enum request_failure failure)
{
    request->status = REQUEST_FAILED;
    request->failure = failure;
}

/* The read of a get has ended. Returns false when the get goes on as an update. */
static bool on_read(struct coordinator *coordinator, struct request *request)
{
    struct store_op *op = &request->op;
    request->record = op->record;
    op->record = NULL;
    request->fetched_before = op->fetched_before;
    request->idle_s = op->idle_s;
    read_answer(coordinator, request);
    if (!read_needs_update(coordinator, request)) {
        read_count_versions(coordinator, request);
        return true;
    }
    request_finish(request);
    submit(coordinator, request, STORE_UPDATE);
    return false;
}

static void on_updated(struct coordinator *coordinator, struct request *request)
{
    if (request->kind == REQUEST_FLUSH && request->status == REQUEST_OK)
        flush_stored(coordinator, request);
    if (request->kind != REQUEST_GET)
        return;
    if (request->created) {
        request->fetched_before = false;
        request->idle_s = 0;
    } else if (request->has_expiry) { /* otherwise a read came first and told that of the item as it was before */
        request->fetched_before = request->op.fetched_before;
        request->idle_s = request->op.idle_s;
    }
    if (request->status == REQUEST_OK)
        read_answer(coordinator, request);
    read_count_versions(coordinator, request);
}

/* Returns false when the request goes on. */
static bool take_result(struct coordinator *coordinator, struct request *request)
{
    const struct store_op *op = &request->op;
    switch (op->status) {
    case STORE_OK:
    case STORE_ABSENT:
    case STORE_UNCHANGED:
        if (op->kind == STORE_READ)
            return on_read(coordinator, request);
        on_updated(coordinator, request);
        break;
    case STORE_FULL:
        request->status = REQUEST_NO_MEMORY;
        break;
    case STORE_CORRUPT:
        fail(request, FAILURE_CORRUPT);
        break;
    case STORE_IO:
        fail(request, op->kind == STORE_READ ? FAILURE_DISK_READ : FAILURE_DISK_WRITE);
        break;
    }
    return true;
}

unsigned coordinator_on_stored(struct coordinator *coordinator, struct instant now, struct store_op *op)
{
    struct request *request = CONTAINER_OF(op, struct request, op);
    coordinator->now = now;
    if (!take_result(coordinator, request))
        return 0;
    request->done(request);
    return 1;
}
