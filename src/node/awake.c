/* A process that was frozen does not know it. It finds its clocks further on than they should be: each loop looks at
 * them every NODE_BEAT_MS, and before it does anything that others ask of it. Writes may have passed its copies by;
 * what it finds in its sockets may have been given up long ago; and that nobody has answered it is nobody else's fault.
 */
#include "node/awake.h"

#include "node/repair.h"
#include "node/shared.h"

enum { NS_PER_MS = 1000000 };

void node_fall_behind(struct node *node)
{
    standing_mark_all(node->shared->standing, STANDING_BEHIND);
    atomic_fetch_add_explicit(&node->shared->behind, 1, memory_order_relaxed);
}

void node_on_return(struct node *node, struct instant now)
{
    node->returns_seen = node->peers.returns;
    node_fall_behind(node);
    repair_on_peers(node, now);
}

static void set_beat(struct node *node, struct instant now)
{
    node->beat = now;
    node->beat_at_ns = now.mono_ns + (uint64_t)NODE_BEAT_MS * NS_PER_MS;
    node->late_at_ns = node->beat_at_ns + (uint64_t)NODE_FROZEN_MS * NS_PER_MS;
}

void node_on_thaw(struct node *node, struct instant now)
{
    if (node->is_alone) { /* nobody looks at its clock there */
        node->late_at_ns = UINT64_MAX;
        return;
    }
    node_fall_behind(node);
    peers_forgive(&node->peers, now.mono_ns - node->beat_at_ns);
    node->thawed_until_ns = now.mono_ns + (uint64_t)NODE_THAW_MS * NS_PER_MS;
    set_beat(node, now);
}

/* A machine that was suspended may not count that in its monotonic clock; the other one has then been set ahead. */
static bool has_slept(const struct node *node, struct instant now)
{
    uint64_t mono_ms = (now.mono_ns - node->beat.mono_ns) / NS_PER_MS;
    return now.wall_ms > node->beat.wall_ms + mono_ms + NODE_FROZEN_MS;
}

void awake_tick(struct node *node, struct instant now)
{
    if (node->is_alone || now.mono_ns < node->beat_at_ns)
        return;
    bool is_first = node->late_at_ns == UINT64_MAX;
    node_watch_clock(node, now);
    if (!is_first && has_slept(node, now))
        node_fall_behind(node);
    if (now.mono_ns >= node->beat_at_ns)
        set_beat(node, now);
}
