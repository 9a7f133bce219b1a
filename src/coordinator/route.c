/* Who coordinates a request, Dynamo 4.5 and 4.6. */
#include "base/check.h"
#include "coordinator/coordinator.h"
#include "coordinator/end.h"

void quarantine_set(struct quarantine *quarantine, const uint32_t *ids, unsigned count)
{
    CHECK(count <= QUARANTINED_MAX);
    atomic_store_explicit(&quarantine->count, 0, memory_order_relaxed); /* for a moment nobody is: that does no harm */
    for (unsigned i = 0; i < count; i++)
        atomic_store_explicit(&quarantine->ids[i], ids[i], memory_order_relaxed);
    atomic_store_explicit(&quarantine->count, count, memory_order_release);
}

bool quarantine_has(const struct quarantine *quarantine, uint32_t member)
{
    uint32_t count = atomic_load_explicit(&quarantine->count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        if (atomic_load_explicit(&quarantine->ids[i], memory_order_relaxed) == member)
            return true;
    }
    return false;
}

static bool may_coordinate(const struct coordinator *coordinator, const struct request *request, uint32_t member)
{
    if (request->tried_count != 0 && request_was_tried_at(request, member))
        return false;
    return coordinator->quarantine == NULL || !quarantine_has(coordinator->quarantine, member);
}

typedef bool reach(struct coordinator *, struct instant, uint32_t member);

static bool is_up(struct coordinator *coordinator, struct instant now, uint32_t member)
{
    if (member == coordinator->replica->node)
        return true;
    const struct peer *peer = peers_find(coordinator->peers, member);
    return peer != NULL && peer_is_up(peer, now);
}

static bool is_up_and_keeps_hints(struct coordinator *coordinator, struct instant now, uint32_t member)
{
    return member == coordinator->replica->node ? may_stand_in(coordinator) : is_up(coordinator, now, member);
}

static bool is_linked(struct coordinator *coordinator, struct instant now, uint32_t member)
{
    const struct peer *peer = peers_find(coordinator->peers, member);
    (void)now;
    return peer != NULL && peer_is_linked(peer);
}

/* The first of the places from .. to - 1 of the preference list who may and can, or -1. */
static int first_of(struct coordinator *coordinator, struct instant now, const struct request *request, uint32_t from,
                    uint32_t to, reach *reaches)
{
    const struct ring_view *view = coordinator->view;
    const uint16_t *list = ring_preference_list(view, request->op.partition);
    for (uint32_t place = from; place < to; place++) {
        uint32_t member = view->members[list[place]].id;
        if (may_coordinate(coordinator, request, member) && reaches(coordinator, now, member))
            return list[place];
    }
    return -1;
}

int coordinator_route(struct coordinator *coordinator, struct instant now, struct request *request, uint32_t self_index)
{
    const struct ring_view *view = coordinator->view;
    bool reads_here = !has_effects(request) && ring_owner_place(view, request->op.partition, self_index) >= 0;
    request->stands_in = false;
    if (reads_here && may_coordinate(coordinator, request, coordinator->replica->node))
        return (int)self_index;
    int member = first_of(coordinator, now, request, 0, view->owner_count, is_up);
    if (member >= 0)
        return member;
    if (coordinator->settings.sloppy)
        member = first_of(coordinator, now, request, view->owner_count, view->member_count, is_up_and_keeps_hints);
    request->stands_in = member >= 0;
    if (member < 0)
        member = first_of(coordinator, now, request, 0, view->owner_count, is_linked);
    if (member < 0 && reads_here && !request_was_tried_at(request, coordinator->replica->node))
        return (int)self_index;
    return member;
}
