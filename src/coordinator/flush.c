#include "coordinator/flush.h"

#include "base/check.h"
#include "base/list.h"
#include "coordinator/end.h"
#include "coordinator/registers.h"
#include "coordinator/round.h"

#include <stdlib.h>

enum flush_phase { FLUSH_CLOCKS, FLUSH_STORING, FLUSH_TELLING };

struct flush {
    struct list link; /* of coordinator->flushes */
    struct coordinator *coordinator;
    struct request *request;
    uint64_t id;
    enum flush_phase phase;
    hybrid_time highest; /* that any member knows of */
    uint64_t clocks_until_ns;
    struct flush_registers registers;
    bool failed;                      /* a member could not store them */
    unsigned believers, disbelievers; /* of those that answered in CLOCKS: would they take a flush at this time? */
    unsigned member_count, waiting;
    struct flush_member {
        uint32_t node;
        bool owes_answer;
    } members[];
};

static struct flush *flush_of_node(const struct list *at)
{
    return CONTAINER_OF(at, struct flush, link);
}

/* What is in force after a command: what was delayed and is due by now is never taken back, a later command replaces
 * what is not. */
static struct flush_registers after_command(struct flush_registers old, hybrid_time time, hybrid_time effective,
                                            uint64_t from_ms, uint64_t now_ms)
{
    bool is_delayed = from_ms > now_ms;
    struct flush_registers command = {
        .flushed = is_delayed ? 0 : effective, .pending = is_delayed ? hybrid_of_ms(from_ms) : 0, .issued = time};
    return registers_join(old, command, now_ms);
}

static struct flush *find_of_request(struct coordinator *coordinator, const struct request *request)
{
    for (struct list *at = coordinator->flushes.next; at != &coordinator->flushes; at = at->next) {
        if (flush_of_node(at)->request == request)
            return flush_of_node(at);
    }
    return NULL;
}

static enum store_verdict flush_apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct request *request = CONTAINER_OF(op, struct request, op);
    struct coordinator *coordinator = request->coordinator;
    struct flush *flush = find_of_request(coordinator, request);
    struct flush_registers old;
    struct object object;
    request->status = REQUEST_FAILED;
    request->failure = FAILURE_CORRUPT;
    if (!registers_decode(coordinator, current, &object, &old))
        return STORE_KEEP;

    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    struct version fresh = replica_fresh_version(coordinator->replica, &object, coordinator->now);
    old = registers_join(old, coordinator_flush_registers(coordinator), now_ms);
    hybrid_time time = fresh.time;
    if (time <= flush->highest)
        time = flush->highest + 1;
    if (time <= old.issued)
        time = old.issued + 1;
    hybrid_time second = hybrid_of_ms((now_ms / 1000 + 1) * 1000) - 1;
    hybrid_time effective = request->whole_second && second > time ? second : time;
    fresh.time = fresh.expiry_stamp = time;
    flush->registers = after_command(old, time, effective, request->expiry_ms, now_ms);
    if (!registers_encode(coordinator, &object, fresh, &flush->registers, draft)) {
        request->status = REQUEST_NO_MEMORY;
        return STORE_KEEP;
    }
    request->status = REQUEST_OK;
    return STORE_REPLACE;
}

static void finish(struct flush *flush)
{
    list_remove(&flush->link);
    end_request(flush->coordinator, flush->request);
    free(flush);
}

static void fail(struct flush *flush, enum request_failure failure)
{
    flush->request->status = REQUEST_FAILED;
    flush->request->failure = failure;
    finish(flush);
}

/* It is silent, so its answer is not waited for. But while its link is there it can be told: before anything else that
 * goes that way, and before its clients ask it again. */
static void tell_silent(struct coordinator *coordinator, const struct peer *peer,
                        const struct flush_registers *registers)
{
    if (peer == NULL || peer->link == NULL || !link_has_room(peer->link))
        return;
    const struct message_flush message = {.registers = *registers};
    message_write_flush(&peer->link->out, &message);
    link_wants_flush(coordinator->peers->flushes, peer->link);
}

/* Sends to every other member that is up; the answers bear flush->id. */
static void send_to_all(struct flush *flush, const struct flush_registers *registers)
{
    struct coordinator *coordinator = flush->coordinator;
    flush->id = ++coordinator->flush_number;
    flush->waiting = 0;
    for (unsigned i = 0; i < flush->member_count; i++) {
        struct flush_member *member = &flush->members[i];
        struct peer *peer = peers_find(coordinator->peers, member->node);
        struct chain *out = peer == NULL ? NULL : peer_request(coordinator->peers, peer, coordinator->now);
        member->owes_answer = out != NULL;
        if (out == NULL) {
            if (flush->phase == FLUSH_TELLING)
                tell_silent(coordinator, peer, registers);
            continue;
        }
        const struct message_flush message = {.id = flush->id, .registers = *registers};
        message_write_flush(out, &message);
        flush->waiting++;
    }
}

static void store(struct flush *flush)
{
    flush->phase = FLUSH_STORING;
    flush->waiting = 0;
    registers_prepare_op(&flush->request->op, STORE_UPDATE);
    flush->request->op.apply = flush_apply;
    store_submit(flush->coordinator->store, flush->coordinator->now, &flush->request->op);
}

/* A clock that has been far ahead stays there for as long, since times never go back. Registers of such a time would
 * count here and be refused elsewhere [R2]: this node would go on hiding whatever the others write until then. So it is
 * asked for first; with this node itself among the believers. A single member whose clock is far behind has no veto. */
static bool is_disbelieved(const struct flush *flush)
{
    return flush->disbelievers > flush->believers;
}

/* Of a wall clock that has been set far ahead while nobody could say so nobody knows. The others would refuse the
 * registers until their own clocks get there, and then lose all that they had been writing until then. So a flush needs
 * at least one other member that tells whether it believes the time. */
static bool is_alone(const struct flush *flush)
{
    return flush->member_count != 0 && flush->believers == 0 && flush->disbelievers == 0;
}

/* Nobody's answer is waited for any more. */
static void go_on(struct flush *flush)
{
    if (flush->phase == FLUSH_CLOCKS && is_disbelieved(flush))
        fail(flush, FAILURE_CLOCK);
    else if (flush->phase == FLUSH_CLOCKS && is_alone(flush))
        fail(flush, FAILURE_NO_QUORUM);
    else if (flush->phase == FLUSH_CLOCKS)
        store(flush);
    else if (flush->phase == FLUSH_TELLING && flush->failed)
        fail(flush, FAILURE_DISK_WRITE);
    else if (flush->phase == FLUSH_TELLING)
        finish(flush);
}

static void list_members(struct flush *flush)
{
    const struct ring_view *view = flush->coordinator->view;
    for (uint32_t i = 0; i < view->member_count; i++) {
        if (view->members[i].id != flush->coordinator->replica->node)
            flush->members[flush->member_count++].node = view->members[i].id;
    }
}

void flush_start(struct coordinator *coordinator, struct request *request)
{
    struct flush *flush = calloc(1, sizeof *flush + coordinator->view->member_count * sizeof *flush->members);
    CHECK_MEMORY(flush);
    flush->coordinator = coordinator;
    flush->request = request;
    flush->clocks_until_ns = coordinator->now.mono_ns + (request->deadline_ns - coordinator->now.mono_ns) / 2;
    list_members(flush);
    list_push_back(&coordinator->flushes, &flush->link);
    const struct flush_registers only_time = {.issued = hybrid_next(&coordinator->replica->clock, coordinator->now)};
    if (flush->member_count != 0 && !coordinator_believes(coordinator->now, &only_time)) {
        fail(flush, FAILURE_CLOCK);
        return;
    }
    send_to_all(flush, &only_time);
    if (flush->waiting == 0)
        go_on(flush);
}

void flush_stored(struct coordinator *coordinator, struct request *request)
{
    struct flush *flush = find_of_request(coordinator, request);
    if (fail_by_store(request) || request->status != REQUEST_OK) {
        finish(flush);
        return;
    }
    registers_count(coordinator, flush->registers);
    replica_observe(coordinator->replica, flush->registers.issued, coordinator->now);
    flush->phase = FLUSH_TELLING;
    send_to_all(flush, &flush->registers);
    if (flush->waiting == 0)
        go_on(flush);
}

static struct flush_member *find_member(struct flush *flush, uint32_t node)
{
    for (unsigned i = 0; i < flush->member_count; i++) {
        if (flush->members[i].node == node)
            return &flush->members[i];
    }
    return NULL;
}

static void note_answer(struct flush *flush, struct flush_member *member)
{
    member->owes_answer = false;
    if (--flush->waiting == 0)
        go_on(flush);
}

static struct flush *find_by_id(struct coordinator *coordinator, uint64_t id)
{
    for (struct list *at = coordinator->flushes.next; at != &coordinator->flushes; at = at->next) {
        if (flush_of_node(at)->id == id)
            return flush_of_node(at);
    }
    return NULL;
}

/* A clock that is absurdly far ahead is not followed [R2]: a flush at its time would hide what is written until then.
 */
static bool is_believable(struct coordinator *coordinator, hybrid_time clock)
{
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    return hybrid_ms(clock) <= now_ms + REPLICA_AHEAD_MS_MAX;
}

unsigned coordinator_on_flush_reply(struct coordinator *coordinator, struct instant now, uint32_t from,
                                    const struct message_flush_reply *reply)
{
    coordinator->now = now;
    struct peer *peer = peers_find(coordinator->peers, from);
    if (peer != NULL)
        peer_on_sign(peer);
    struct flush *flush = find_by_id(coordinator, reply->id);
    struct flush_member *member = flush == NULL ? NULL : find_member(flush, from);
    if (member == NULL || !member->owes_answer) {
        counter_increment(&coordinator->counters.late_answers);
        return coordinator_settle(coordinator, now);
    }
    if (flush->phase == FLUSH_TELLING)
        flush->failed = flush->failed || reply->status != MESSAGE_OK;
    else if (reply->status == MESSAGE_OK)
        flush->believers++;
    else
        flush->disbelievers++;
    if (reply->clock > flush->highest && is_believable(coordinator, reply->clock))
        flush->highest = reply->clock;
    note_answer(flush, member);
    return coordinator_settle(coordinator, now);
}

/* It will hear of the flush in the greeting of its next link. */
void flush_on_peer_lost(struct coordinator *coordinator, uint32_t node)
{
    for (struct list *at = coordinator->flushes.next, *next; at != &coordinator->flushes; at = next) {
        struct flush *flush = flush_of_node(at);
        struct flush_member *member = find_member(flush, node);
        next = at->next;
        if (member != NULL && member->owes_answer)
            note_answer(flush, member);
    }
}

void flush_tick(struct coordinator *coordinator)
{
    uint64_t now_ns = coordinator->now.mono_ns;
    for (struct list *at = coordinator->flushes.next, *next; at != &coordinator->flushes; at = next) {
        struct flush *flush = flush_of_node(at);
        next = at->next;
        if (flush->phase == FLUSH_CLOCKS && now_ns >= flush->clocks_until_ns)
            go_on(flush); /* who says nothing is out of reach */
        else if (flush->phase == FLUSH_TELLING && now_ns >= flush->request->deadline_ns)
            fail(flush, FAILURE_TIMEOUT);
    }
}

uint64_t flush_wake_at(const struct coordinator *coordinator)
{
    uint64_t wake_at = UINT64_MAX;
    for (struct list *at = coordinator->flushes.next; at != &coordinator->flushes; at = at->next) {
        const struct flush *flush = flush_of_node(at);
        uint64_t due = flush->phase == FLUSH_CLOCKS ? flush->clocks_until_ns : flush->request->deadline_ns;
        if (due < wake_at && flush->phase != FLUSH_STORING)
            wake_at = due;
    }
    return wake_at;
}
