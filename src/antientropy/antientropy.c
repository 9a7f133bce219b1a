#include "antientropy/antientropy.h"

#include "base/check.h"

#include <stdlib.h>

struct antientropy {
    struct antientropy_parts parts;
    unsigned pending;
};

struct antientropy *antientropy_new(const struct antientropy_parts *parts)
{
    struct antientropy *antientropy = calloc(1, sizeof *antientropy);
    CHECK_MEMORY(antientropy);
    antientropy->parts = *parts;
    return antientropy;
}

void antientropy_free(struct antientropy *antientropy)
{
    free(antientropy);
}

void antientropy_set_view(struct antientropy *antientropy, struct instant now, const struct ring_view *view, int self)
{
    (void)antientropy, (void)now, (void)view, (void)self;
}

void antientropy_set_buckets(struct antientropy *antientropy, const struct bucket_table *buckets)
{
    (void)antientropy, (void)buckets;
}

void antientropy_on_peer_up(struct antientropy *antientropy, struct instant now, uint32_t node)
{
    (void)antientropy, (void)now, (void)node;
}

void antientropy_on_peer_down(struct antientropy *antientropy, struct instant now, uint32_t node)
{
    (void)antientropy, (void)now, (void)node;
}

bool antientropy_receive(struct antientropy *antientropy, struct instant now, uint32_t from, struct link *reply,
                         bool *replied, const struct frame *frame)
{
    (void)antientropy, (void)now, (void)from, (void)reply, (void)frame;
    *replied = false;
    return true;
}

void antientropy_on_link_down(struct antientropy *antientropy, struct link *link)
{
    (void)antientropy, (void)link;
}

void antientropy_on_stored(struct antientropy *antientropy, struct instant now, struct store_op *op)
{
    (void)antientropy, (void)now, (void)op;
}

void antientropy_tick(struct antientropy *antientropy, struct instant now)
{
    (void)antientropy, (void)now;
}

uint64_t antientropy_wake_at(const struct antientropy *antientropy)
{
    (void)antientropy;
    return UINT64_MAX;
}

unsigned antientropy_pending(const struct antientropy *antientropy)
{
    return antientropy->pending;
}

void antientropy_repair(struct antientropy *antientropy, struct instant now, int partition)
{
    (void)antientropy, (void)now, (void)partition;
}

bool antientropy_is_done_since(const struct antientropy *antientropy, hybrid_time since)
{
    (void)antientropy, (void)since;
    return true;
}

unsigned antientropy_peers(const struct antientropy *antientropy, struct antientropy_peer_row *rows, unsigned max)
{
    (void)antientropy, (void)rows, (void)max;
    return 0;
}

void antientropy_horizon(const struct antientropy *antientropy, struct antientropy_horizon *out)
{
    (void)antientropy;
    *out = (struct antientropy_horizon){0};
}

void antientropy_checker(const struct antientropy *antientropy, struct antientropy_checker *out)
{
    (void)antientropy;
    *out = (struct antientropy_checker){.last_mismatch = -1};
}
