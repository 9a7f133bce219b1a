#include "antientropy/antientropy.h"

#include "antientropy/exchange.h"
#include "base/check.h"
#include "version/record.h"

#include <stdlib.h>

enum { INTERVAL_MS_DEFAULT = 60000, WINDOW_DEFAULT = 64, WINDOW_MAX = 4096 };

static struct blob *record_of_nothing(void)
{
    struct object nothing = {0};
    struct blob *record = blob_new(record_size(&nothing));
    CHECK_MEMORY(record);
    record_encode(&nothing, record->at);
    return record;
}

struct antientropy *antientropy_new(const struct antientropy_parts *parts)
{
    struct antientropy *a = calloc(1, sizeof *a);
    CHECK_MEMORY(a);
    a->parts = *parts;
    struct antientropy_settings *settings = &a->parts.settings;
    settings->interval_ms = settings->interval_ms == 0 ? INTERVAL_MS_DEFAULT : settings->interval_ms;
    settings->window = settings->window == 0 ? WINDOW_DEFAULT : settings->window;
    settings->window = settings->window > WINDOW_MAX ? WINDOW_MAX : settings->window;
    a->tree = store_tree(parts->store);
    a->self = -1;
    a->nothing = record_of_nothing();
    prng_init(&a->prng, settings->seed);
    arena_init(&a->scratch);
    list_init(&a->exchanges);
    list_init(&a->answers);
    rate_init(&a->rate, settings->bytes_per_second, (struct instant){0});
    compared_init(&a->compared, parts->standing, parts->replica->node);
    horizon_init(&a->horizon);
    checker_init(&a->checker);
    return a;
}

void antientropy_free(struct antientropy *a)
{
    CHECK(a->pending == 0);
    schedule_close(a);
    CHECK(list_is_empty(&a->exchanges) && list_is_empty(&a->answers));
    horizon_close(&a->horizon);
    checker_close(&a->checker);
    compared_close(&a->compared);
    arena_close(&a->scratch);
    blob_release(a->nothing);
    free(a);
}

/* A volatile store has no tree; nothing is compared then. */
static bool is_idle(const struct antientropy *a)
{
    return a->tree == NULL || a->view == NULL;
}

void antientropy_set_view(struct antientropy *a, struct instant now, const struct ring_view *view, int self)
{
    bool is_same = a->view != NULL && a->self == self && a->view->epoch == view->epoch
                   && ring_fingerprint(a->view) == ring_fingerprint(view);
    if (!is_same) { /* before the old one goes: what is under way refers to it */
        for (uint32_t i = 0; i < a->peer_count; i++) {
            if (a->peers[i].exchange != NULL)
                a->peers[i].exchange->is_abandoned = true;
        }
        horizon_give_up(a, now, a->horizon.phase == HORIZON_REST ? "" : "a change of the ring");
    }
    a->view = view;
    a->self = self;
    if (is_same || a->tree == NULL)
        return;
    compared_set_view(&a->compared, view, self, repair_new_time(a, now));
    schedule_set_view(a, now);
    checker_reset(&a->checker, now);
}

void antientropy_set_buckets(struct antientropy *a, const struct bucket_table *buckets)
{
    a->buckets = buckets;
}

struct repair_peer *repair_peer_of(struct antientropy *a, uint32_t node)
{
    for (uint32_t i = 0; i < a->peer_count; i++) {
        if (a->peers[i].node == node)
            return &a->peers[i];
    }
    return NULL;
}

struct chain *repair_ask(struct antientropy *a, struct instant now, uint32_t node)
{
    struct peer *peer = peers_find(a->parts.peers, node);
    struct chain *out = peer == NULL ? NULL : peer_request(a->parts.peers, peer, now);
    struct repair_peer *known = repair_peer_of(a, node);
    if (out != NULL && known != NULL)
        known->messages++;
    return out;
}

void repair_on_answer(struct antientropy *a, struct instant now, uint32_t node, uint64_t asked_ns)
{
    struct peer *peer = peers_find(a->parts.peers, node);
    if (peer != NULL)
        peer_on_answer(peer, now.mono_ns - asked_ns);
}

hybrid_time repair_new_time(struct antientropy *a, struct instant now)
{
    return hybrid_next(&a->parts.replica->clock, now);
}

void repair_report(struct antientropy *a, const char *text)
{
    if (a->parts.settings.report != NULL)
        a->parts.settings.report(a->parts.settings.report_host, text);
}

const char *repair_name(const struct antientropy *a, uint32_t node)
{
    int index = ring_member_index(a->view, node);
    return index < 0 ? "?" : a->view->members[index].name;
}

void repair_note_same(struct antientropy *a, struct instant now, struct repair_peer *peer, uint32_t partition)
{
    if (!partition_set_has(&peer->same, partition)) {
        partition_set_add(&peer->same, partition);
        peer->same_count++;
    }
    if (peer->same_count == peer->shared && peer->same_since_ms == 0)
        peer->same_since_ms = hybrid_now_ms(&a->parts.replica->clock, now);
}

void repair_note_different(struct repair_peer *peer, uint32_t partition)
{
    if (partition_set_has(&peer->same, partition)) {
        partition_set_remove(&peer->same, partition);
        peer->same_count--;
    }
    peer->same_since_ms = 0;
}

void antientropy_on_peer_up(struct antientropy *a, struct instant now, uint32_t node)
{
    schedule_peer_up(a, now, node);
}

void antientropy_on_peer_down(struct antientropy *a, struct instant now, uint32_t node)
{
    schedule_peer_down(a, node);
    if (!is_idle(a))
        horizon_on_peer_down(a, now, node);
}

static bool receive_answer(struct antientropy *a, struct instant now, uint32_t from, const struct frame *frame)
{
    struct repair_peer *known = repair_peer_of(a, from);
    if (known == NULL || known->exchange == NULL)
        return true;
    struct exchange *e = known->exchange;
    if (!exchange_receive(e, now, frame))
        return false;
    schedule_exchange(a, now, e);
    return true;
}

/* Also one that nobody waits for any more: the peer is there. */
static void note_sign(struct antientropy *a, uint32_t from)
{
    struct peer *peer = peers_find(a->parts.peers, from);
    if (peer != NULL)
        peer_on_sign(peer);
}

bool antientropy_receive(struct antientropy *a, struct instant now, uint32_t from, struct link *reply, bool *replied,
                         const struct frame *frame)
{
    *replied = false;
    if (is_idle(a))
        return true;
    switch (frame->type) {
    case MESSAGE_ROOTS:
    case MESSAGE_SUMS:
    case MESSAGE_KEYS:
    case MESSAGE_RECONCILE:
    case MESSAGE_COMPLETE:
        return answer_question(a, now, from, reply, replied, frame);
    case MESSAGE_ROOTS_REPLY:
    case MESSAGE_SUMS_REPLY:
    case MESSAGE_KEYS_REPLY:
    case MESSAGE_RECONCILE_REPLY:
    case MESSAGE_COMPLETE_REPLY:
        note_sign(a, from);
        return receive_answer(a, now, from, frame);
    case MESSAGE_HORIZON_ASK:
    case MESSAGE_HORIZON_COMPARED:
    case MESSAGE_HORIZON_SET:
        *replied = true;
        return horizon_answer(a, now, &reply->out, frame);
    case MESSAGE_HORIZON_ASK_REPLY:
    case MESSAGE_HORIZON_COMPARED_REPLY:
    case MESSAGE_HORIZON_SET_REPLY:
        note_sign(a, from);
        return horizon_receive_answer(a, now, from, frame);
    default:
        return false;
    }
}

void antientropy_on_link_down(struct antientropy *a, struct link *link)
{
    answer_forget_link(a, link);
}

void antientropy_on_stored(struct antientropy *a, struct instant now, struct store_op *op)
{
    struct job *job = CONTAINER_OF(op, struct job, merge.op);
    a->pending--;
    if (job->side == JOB_ANSWERED) {
        answer_on_stored(a, now, job);
        return;
    }
    struct exchange *e = ((struct slot *)job)->exchange;
    bool goes_on = !e->is_over; /* else it may be gone afterwards */
    exchange_on_stored(a, now, job);
    if (goes_on)
        schedule_exchange(a, now, e);
}

void antientropy_tick(struct antientropy *a, struct instant now)
{
    if (is_idle(a))
        return;
    schedule_go_on(a, now);
    if (now.mono_ns >= a->horizon.wake_ns || a->horizon.phase == HORIZON_REST)
        horizon_go_on(a, now);
    checker_go_on(a, now);
}

uint64_t antientropy_wake_at(const struct antientropy *a)
{
    if (is_idle(a))
        return UINT64_MAX;
    uint64_t at = schedule_wake_at(a);
    at = a->horizon.wake_ns < at ? a->horizon.wake_ns : at;
    return a->checker.next_ns < at ? a->checker.next_ns : at;
}

unsigned antientropy_pending(const struct antientropy *a)
{
    return a->pending;
}

void antientropy_look(struct antientropy *a)
{
    a->look_at_ns = 0;
}

void antientropy_repair(struct antientropy *a, struct instant now, int partition)
{
    if (!is_idle(a))
        schedule_force(a, now, partition);
}
