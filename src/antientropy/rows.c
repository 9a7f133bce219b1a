#include "antientropy/exchange.h"

#include "base/check.h"

#include <stdio.h>

bool antientropy_is_done_since(const struct antientropy *a, hybrid_time since)
{
    if (a->tree == NULL || a->view == NULL)
        return true;
    for (uint32_t i = 0; i < a->peer_count; i++) {
        if (a->peers[i].exchange != NULL || a->peers[i].is_forced)
            return false;
    }
    for (uint32_t i = 0; i < a->view->partition_count; i++) {
        bool is_owned = a->self >= 0 && ring_owner_place(a->view, (uint16_t)i, (uint32_t)a->self) >= 0;
        if (is_owned && !compared_with_all_since(&a->compared, (uint16_t)i, since))
            return false;
    }
    return true;
}

unsigned antientropy_peers(const struct antientropy *a, struct antientropy_peer_row *rows, unsigned max)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < a->peer_count && count < max; i++) {
        const struct repair_peer *peer = &a->peers[i];
        if (peer->shared == 0)
            continue;
        rows[count++] = (struct antientropy_peer_row){
            .node = peer->node,
            .partitions = peer->shared,
            .identical = peer->same_count,
            .identical_since_ms = peer->same_since_ms,
            .compared_ms = hybrid_ms(compared_oldest(&a->compared, peer->node)),
            .is_under_way = peer->exchange != NULL,
            .left = peer->exchange == NULL ? 0 : exchange_left(peer->exchange),
            .keys_exchanged = peer->keys,
            .bytes_sent = peer->bytes,
            .exchanges = peer->exchanges,
            .messages = peer->messages,
        };
    }
    return count;
}

/* Who is not there now, or what the last attempt met. */
static void tell_what_holds(const struct antientropy *a, char *text, size_t room)
{
    snprintf(text, room, "%s", a->horizon.held_back_by);
    for (uint32_t i = 0; i < a->peer_count; i++) {
        if (a->peers[i].is_member && !a->peers[i].is_up)
            snprintf(text, room, "node %s is down", repair_name(a, a->peers[i].node));
    }
}

void antientropy_horizon(const struct antientropy *a, struct antientropy_horizon *out)
{
    *out = (struct antientropy_horizon){0};
    if (a->tree == NULL || a->view == NULL || a->self < 0)
        return;
    bool is_first = true;
    for (uint32_t i = 0; i < a->view->partition_count; i++) {
        if (ring_owner_place(a->view, (uint16_t)i, (uint32_t)a->self) < 0)
            continue;
        hybrid_time horizon = standing_horizon(a->parts.standing, (uint16_t)i);
        out->lowest = is_first || horizon < out->lowest ? horizon : out->lowest;
        out->highest = horizon > out->highest ? horizon : out->highest;
        bool is_doubtful = standing_is_doubtful(a->parts.standing, (uint16_t)i);
        out->doubtful += is_doubtful;
        out->behind += !is_doubtful && standing_is_behind(a->parts.standing, (uint16_t)i);
        is_first = false;
    }
    tell_what_holds(a, out->held_back_by, sizeof out->held_back_by);
}

void antientropy_checker(const struct antientropy *a, struct antientropy_checker *out)
{
    *out = a->checker.counts;
}
