/* Ring views and buckets, swapped whole under running loops.
 *
 * A view may be freed only when no loop uses it any more, and a loop must not have to write anything shared for each
 * request. So each node has a slot in which it keeps the view that it uses, also between its calls; a view in a slot is
 * not freed. A node changes its slot only when it finds another view in force: it writes that one into its slot and
 * then looks again whether it is still in force; if so, whoever replaces it later sees the slot, for both sides go
 * through one total order (seq_cst). The publisher puts the new view into force, then frees every replaced one that
 * stands in no slot. So a loop that never runs keeps one old view and no more, and there are never more of them than
 * slots, but for those that a node has just looked at. */
#include "node/shared.h"

#include "base/check.h"
#include "node/repair.h"

#include <stdlib.h>
#include <string.h>

bool node_reload_buckets(struct node_shared *shared, const struct bucket_table *buckets)
{
    const struct bucket_table *present = atomic_load_explicit(&shared->buckets, memory_order_relaxed);
    if (present != NULL && bucket_table_equal(present, buckets))
        return true;
    if (shared->all_buckets_count == NODE_RELOADS_MAX)
        return false;
    struct bucket_table *copy = malloc(sizeof *copy);
    CHECK_MEMORY(copy);
    bucket_table_copy(copy, buckets);
    shared->all_buckets[shared->all_buckets_count++] = copy;
    atomic_store_explicit(&shared->buckets, copy, memory_order_release);
    return true;
}

const struct bucket_table *node_buckets(const struct node_shared *shared)
{
    return atomic_load_explicit(&shared->buckets, memory_order_acquire);
}

static void make_slots(struct node_shared *shared, unsigned loops)
{
    shared->slot_count = loops == 0 ? 1 : loops;
    size_t size = shared->slot_count * sizeof *shared->slots;
    shared->slots = aligned_alloc(_Alignof(struct view_slot), size);
    CHECK_MEMORY(shared->slots);
    memset(shared->slots, 0, size);
    /* While the slots are looked through, a node may change from one replaced view to another: then both are kept. */
    shared->retired = calloc(2 * shared->slot_count + 1, sizeof(struct ring_view *));
    CHECK_MEMORY(shared->retired);
}

struct node_shared *node_shared_new(const struct node_settings *settings, struct store *store,
                                    const struct lock_ops *locks, hybrid_time newest)
{
    struct ring_view *view = ring_view_new_single(settings->name, settings->partition_count);
    if (view == NULL || settings->incarnation == 0 || settings->tokens_max == 0) {
        ring_view_free(view);
        return NULL;
    }
    view->epoch = 0; /* no table has been published: every one is newer */
    view->settings.cluster = 0;
    struct node_shared *shared = calloc(1, sizeof *shared);
    CHECK_MEMORY(shared);
    atomic_init(&shared->view, view);
    atomic_init(&shared->partition_count, view->partition_count);
    make_slots(shared, settings->loops);
    memcpy(shared->name, view->members[0].name, sizeof shared->name);
    shared->store = store;
    shared->standing = standing_new();
    shared->tokens = token_table_new(settings->tokens_max, locks);
    replica_init(&shared->replica, view->members[0].id, settings->incarnation, newest);
    shared->replica.grace_ms = settings->grace_ms;
    shared->replica.standing = shared->standing;
    shared->replica.value_max = settings->value_max;
    shared->replica.object_max = settings->object_max;
    shared->hints = hints_new(settings->hint_store, &shared->replica);
    shared->antientropy = settings->antientropy;
    shared->antientropy.grace_ms = settings->grace_ms;
    shared->coordinator = settings->coordinator;
    if (shared->coordinator.timeout_ms == 0)
        shared->coordinator.timeout_ms = NODE_TIMEOUT_MS;
    shared->hear_of_epoch = settings->hear_of_epoch;
    shared->host = settings->host;
    CHECK(node_reload_buckets(shared, &settings->buckets));
    return shared;
}

/* Views are made and freed as what they are; loops only read them. */
static struct ring_view *own(const struct ring_view *view)
{
    return (struct ring_view *)(uintptr_t)view;
}

void node_shared_free(struct node_shared *shared)
{
    if (shared == NULL)
        return;
    for (unsigned i = 0; i < shared->all_buckets_count; i++) {
        bucket_table_close(shared->all_buckets[i]);
        free(shared->all_buckets[i]);
    }
    token_table_free(shared->tokens);
    hints_free(shared->hints);
    standing_free(shared->standing);
    for (unsigned i = 0; i < shared->retired_count; i++)
        ring_view_free(shared->retired[i]);
    ring_view_free(own(atomic_load(&shared->view)));
    free(shared->retired);
    free(shared->slots);
    free(shared);
}

static bool is_in_a_slot(const struct node_shared *shared, const struct ring_view *view)
{
    for (unsigned i = 0; i < shared->slot_count; i++) {
        if (atomic_load(&shared->slots[i].view) == view)
            return true;
    }
    return false;
}

static void free_unused(struct node_shared *shared)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < shared->retired_count; i++) {
        if (is_in_a_slot(shared, shared->retired[i]))
            shared->retired[kept++] = shared->retired[i];
        else
            ring_view_free(shared->retired[i]);
    }
    shared->retired_count = kept;
}

static bool owns(const struct ring_view *view, uint32_t node, uint16_t partition)
{
    int member = ring_member_index(view, node);
    return member >= 0 && ring_owner_place(view, partition, (uint32_t)member) >= 0;
}

/* Writes have passed by what this node has not owned until now. (What it has when it sees its first table is judged
 * when it starts.) */
static void mark_new_copies(struct node_shared *shared, const struct ring_view *old, const struct ring_view *view)
{
    uint32_t node = shared->replica.node;
    if (old->epoch == 0)
        return;
    for (uint32_t p = 0; p < view->partition_count; p++) {
        if (owns(view, node, (uint16_t)p) && !owns(old, node, (uint16_t)p))
            standing_mark(shared->standing, (uint16_t)p, STANDING_BEHIND);
    }
    atomic_fetch_add_explicit(&shared->behind, 1, memory_order_relaxed);
}

bool node_publish_view(struct node_shared *shared, struct ring_view *view)
{
    if (view->epoch < node_view(shared)->epoch) {
        ring_view_free(view);
        return false;
    }
    bool is_alone = view->member_count == 1;
    mark_new_copies(shared, node_view(shared), view);
    if (!is_alone) /* before a loop acts by this view */
        replica_set_alone(&shared->replica, false);
    const struct ring_view *old = atomic_exchange(&shared->view, view);
    if (is_alone)
        replica_set_alone(&shared->replica, true);
    atomic_store(&shared->epoch, view->epoch);
    atomic_store(&shared->partition_count, view->partition_count);
    CHECK(shared->retired_count <= 2 * shared->slot_count);
    shared->retired[shared->retired_count++] = own(old);
    free_unused(shared);
    return true;
}

static void use_view(struct node *node, const struct ring_view *view)
{
    node->view = view;
    node->coordinator.view = view;
    node->self_index = ring_member_index(view, node->shared->replica.node);
    node->is_alone = view->member_count == 1 && node->self_index == 0;
    node->view_is_new = true;
    repair_on_view(node);
    node->has_more = true;
}

void node_change_view(struct node *node)
{
    struct node_shared *shared = node->shared;
    struct view_slot *slot = &shared->slots[node->slot];
    const struct ring_view *view = atomic_load(&shared->view), *again;
    for (;; view = again) {
        atomic_store(&slot->view, view);
        again = atomic_load(&shared->view);
        if (again == view)
            break;
    }
    use_view(node, view);
}

void node_take_slot(struct node *node)
{
    struct node_shared *shared = node->shared;
    unsigned i = 0;
    while (i < shared->slot_count && atomic_exchange(&shared->slots[i].taken, true))
        i++;
    CHECK(i < shared->slot_count); /* more nodes than settings.loops */
    node->slot = i;
    node_change_view(node);
}

void node_give_slot(struct node *node)
{
    struct view_slot *slot = &node->shared->slots[node->slot];
    node->view = NULL;
    atomic_store(&slot->view, NULL);
    atomic_store(&slot->taken, false);
}

const struct ring_view *node_view(const struct node_shared *shared)
{
    return atomic_load_explicit(&shared->view, memory_order_acquire);
}

uint64_t node_epoch(const struct node_shared *shared)
{
    return atomic_load(&shared->epoch);
}

const struct ring_view *node_loop_view(struct node *node)
{
    node_enter(node);
    return node->view;
}

void node_hold_writes(struct node_shared *shared, bool held)
{
    atomic_store(&shared->writes_held, held);
    if (held)
        store_pass_stripes(shared->store); /* whoever did not see it has been counted now: node_is_empty may be asked */
}

void node_hold_forwards(struct node_shared *shared, bool held)
{
    atomic_store_explicit(&shared->forwards_held, held, memory_order_relaxed);
}

struct hybrid_clock *node_clock(struct node_shared *shared)
{
    return &shared->replica.clock;
}
