#include "coordinator/coordinator.h"

#include "base/check.h"
#include "base/list.h"
#include "coordinator/end.h"
#include "coordinator/flush.h"
#include "coordinator/get.h"
#include "coordinator/put.h"
#include "coordinator/round.h"

enum { NS_PER_MS = 1000000, TIMEOUT_MS_DEFAULT = 1000 };

void coordinator_init(struct coordinator *coordinator, const struct coordinator_parts *parts)
{
    *coordinator = (struct coordinator){.replica = parts->replica,
                                        .tokens = parts->tokens,
                                        .store = parts->store,
                                        .peers = parts->peers,
                                        .standing = parts->standing,
                                        .hints = parts->hints,
                                        .hint_store = parts->hint_store,
                                        .settings = parts->settings,
                                        .quarantine = parts->quarantine,
                                        .ports = parts->ports,
                                        .writes_held = parts->writes_held};
    if (coordinator->settings.timeout_ms == 0)
        coordinator->settings.timeout_ms = TIMEOUT_MS_DEFAULT;
    arena_init(&coordinator->scratch);
    queue_init(&coordinator->ended);
    list_init(&coordinator->flushes);
    coordinator->rounds = round_table_new(parts->settings.seed);
}

void coordinator_close(struct coordinator *coordinator)
{
    CHECK(queue_is_empty(&coordinator->ended) && list_is_empty(&coordinator->flushes) && coordinator->pending == 0);
    round_table_free(coordinator->rounds);
    arena_close(&coordinator->scratch);
}

static bool owns(const struct coordinator *coordinator, uint16_t partition)
{
    const struct ring_view *view = coordinator->view;
    uint32_t node = coordinator->replica->node;
    if (view->member_count == 1) /* nothing to look up: a ring of one does not pay for larger ones */
        return view->members[0].id == node;
    int self = ring_member_index(view, node);
    return self >= 0 && ring_owner_place(view, partition, (uint32_t)self) >= 0;
}

void begin_request(struct coordinator *coordinator, struct request *request)
{
    request->round = NULL;
    if (request->kind == REQUEST_FLUSH) {
        flush_start(coordinator, request);
        return;
    }
    bool is_owner = owns(coordinator, request->op.partition);
    bool stands_in = !is_owner && request->stands_in && may_stand_in(coordinator)
                     && ring_member_index(coordinator->view, coordinator->replica->node) >= 0;
    request->stands_in = stands_in;
    if (!is_owner && !stands_in && coordinator->ports.reroute != NULL)
        coordinator->ports.reroute(coordinator->ports.host, coordinator->now, request);
    else if (!is_owner && !stands_in)
        fail_request(coordinator, request, FAILURE_NO_QUORUM);
    else if (has_effects(request))
        put_start(coordinator, request);
    else
        get_start(coordinator, request);
}

void coordinator_start(struct coordinator *coordinator, struct instant now, struct request *request,
                       uint64_t deadline_ns)
{
    coordinator->now = now;
    request->coordinator = coordinator;
    request->started = now;
    request->is_full_here = false;
    if (request->began != 0)
        replica_observe(coordinator->replica, request->began, now);
    request->deadline_ns =
        deadline_ns != 0 ? deadline_ns : now.mono_ns + (uint64_t)coordinator->settings.timeout_ms * NS_PER_MS;
    begin_request(coordinator, request);
}

void fail_request(struct coordinator *coordinator, struct request *request, enum request_failure failure)
{
    request_finish(request);
    request->status = REQUEST_FAILED;
    request->failure = failure;
    end_request(coordinator, request);
}

bool fail_by_store(struct request *request)
{
    const struct store_op *op = &request->op;
    switch (op->status) {
    case STORE_OK:
    case STORE_ABSENT:
    case STORE_UNCHANGED:
        return false;
    case STORE_FULL:
        request->status = REQUEST_NO_MEMORY;
        break;
    case STORE_CORRUPT:
        request->status = REQUEST_FAILED;
        request->failure = FAILURE_CORRUPT;
        break;
    case STORE_IO:
        request->status = REQUEST_FAILED;
        request->failure = op->kind == STORE_READ ? FAILURE_DISK_READ : FAILURE_DISK_WRITE;
        break;
    }
    return true;
}

unsigned coordinator_settle(struct coordinator *coordinator, struct instant now)
{
    unsigned ended = 0;
    struct queue_node *node;
    coordinator->now = now;
    while ((node = queue_pop(&coordinator->ended)) != NULL) {
        struct request *request = CONTAINER_OF(CONTAINER_OF(node, struct store_op, link), struct request, op);
        request->done(request);
        ended++;
    }
    return ended;
}

static void on_request_stored(struct coordinator *coordinator, struct request *request)
{
    if (request->kind == REQUEST_FLUSH)
        flush_stored(coordinator, request);
    else if (request->round != NULL && request->round->kind == ROUND_GET)
        get_on_kept(request->round);
    else if (request->kind == REQUEST_GET && request->op.kind == STORE_READ && request->round == NULL)
        get_on_local(coordinator, request);
    else
        put_on_local(coordinator, request);
}

static void on_round_stored(struct round *round)
{
    round->store_has_merge = false;
    blob_release(round->merge.incoming);
    round->merge.incoming = NULL;
    if (round->closing)
        round_close(round);
    else if (round->phase == ROUND_RESTAMPING)
        put_on_restamped(round);
    else
        get_on_merged(round);
}

unsigned coordinator_on_stored(struct coordinator *coordinator, struct instant now, struct store_op *op)
{
    coordinator->now = now;
    switch (op->owner) {
    case COORDINATOR_OP_REQUEST:
        on_request_stored(coordinator, CONTAINER_OF(op, struct request, op));
        break;
    case COORDINATOR_OP_ROUND:
        coordinator->pending--;
        on_round_stored(CONTAINER_OF(op, struct round, merge.op));
        break;
    default:
        CHECK(op->owner == COORDINATOR_OP_REGISTERS);
        coordinator->pending--;
        flush_on_taken(op);
        break;
    }
    return coordinator_settle(coordinator, now);
}
