/* Negative controls that alter what nodes say to each other. */
#include "base/check.h"
#include "message/data.h"
#include "message/forward.h"
#include "simulator/controls.h"
#include "simulator/world.h"
#include "version/record.h"

#include <stdlib.h>

enum { OFTEN = 200, TWICE_NUMBER = 1 << 20 /* far outside the window of numbers that have been seen */ };

/* Two or more owners, quorums that overlap but leave replicas out, every kind of key. */
static void several_owners(struct plan *plan)
{
    if (plan->nodes < 3)
        plan->nodes = 3;
    plan->ring.copies = 3;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        plan->buckets[kind].r = plan->buckets[kind].w = 2;
        plan->buckets[kind].multi_value = true;
        if (plan->buckets[kind].keys == 0)
            plan->buckets[kind].keys = 1;
    }
    plan->flushes = false;
}

static void several_owners_and_partitions(struct plan *plan)
{
    several_owners(plan);
    plan->calm_permille = 0;
    plan->faults[FAULT_PARTITION] = plan->faults[FAULT_LOSS] = true;
    plan->loss_ppm = 100000;
    plan->episode_gap_ms = 100;
    plan->episode_ms = 300;
}

static void several_owners_in_strict_quorums(struct plan *plan)
{
    several_owners_and_partitions(plan);
    plan->sloppy = false;
}

/* Machines lose power, all quorums are strict. */
static void several_owners_without_power(struct plan *plan)
{
    several_owners_and_partitions(plan);
    memset(plan->faults, 0, sizeof plan->faults);
    plan->faults[FAULT_POWER] = plan->faults[FAULT_SLOW_DISK] = plan->faults[FAULT_PAUSE] = true;
    plan->loss_ppm = plan->duplicate_ppm = plan->reorder_ppm = plan->flip_ppm = 0;
    plan->nodes = 3;
    plan->clients = 12;
    plan->read_all_share = 0;
    plan->down_ms = 20;
    plan->sloppy = false;
    plan->episode_gap_ms = 100;
    plan->episode_ms = 200;
    /* Of the two who have acknowledged a write one must lose it, and a read ask it and the third one: that is rare. */
    if (plan->ops < 4000)
        plan->ops = 4000;
    for (int kind = 0; kind < KEY_KINDS; kind++)
        plan->buckets[kind].durability = DURABILITY_COMMITTED;
}

static void calm(struct plan *plan)
{
    several_owners(plan);
    memset(plan->faults, 0, sizeof plan->faults);
}

static void calm_with_flushes(struct plan *plan)
{
    calm(plan);
    plan->flushes = true;
    for (int kind = 0; kind < KEY_KINDS; kind++)
        plan->buckets[kind].r = 1, plan->buckets[kind].w = 3;
}

static struct frame frame_of(struct bytes data)
{
    struct frame frame;
    size_t used;
    CHECK(frame_next(data, data.len, &frame, &used) == FRAME_OK);
    return frame;
}

/* What an encoder has appended to a chain, as a parcel. */
struct draft_frame {
    struct chain chain;
};

static struct chain *begin(struct draft_frame *draft, struct endpoint *end)
{
    chain_init(&draft->chain, &end->loop->frontend.chunks);
    return &draft->chain;
}

static struct parcel *finish(struct world *world, struct draft_frame *draft)
{
    struct bytes slices[64];
    size_t count = chain_slices(&draft->chain, slices, 64), at = 0;
    uint8_t *whole = malloc(draft->chain.len + 1);
    CHECK_MEMORY(whole);
    for (size_t i = 0; i < count; at += slices[i].len, i++)
        memcpy(whole + at, slices[i].at, slices[i].len);
    struct parcel *parcel = parcel_new(bytes_of(whole, at));
    free(whole);
    chain_close(&draft->chain);
    world->tamper.done++;
    return parcel;
}

/* Every replica says that it has what the asker has. */
static struct parcel *say_the_same(struct world *world, struct endpoint *end, struct bytes data)
{
    struct frame frame = frame_of(data);
    struct message_read_reply reply;
    struct draft_frame draft;
    if (frame.type != MESSAGE_READ_REPLY || !message_read_read_reply(&frame, &reply) || reply.status != MESSAGE_OK)
        return parcel_new(data);
    reply.status = MESSAGE_SAME;
    reply.record = bytes_of(NULL, 0);
    message_write_read_reply(begin(&draft, end), &reply, NULL);
    return finish(world, &draft);
}

static struct endpoint *other_end(struct endpoint *end)
{
    return end == &end->connection->ends[0] ? &end->connection->ends[1] : &end->connection->ends[0];
}

/* Writes never arrive, but are acknowledged. */
static struct parcel *acknowledge_for_others(struct world *world, struct endpoint *end, struct bytes data)
{
    struct frame frame = frame_of(data);
    struct message_write write;
    struct draft_frame draft;
    if (frame.type != MESSAGE_WRITE || !message_read_write(&frame, &write))
        return parcel_new(data);
    const struct message_write_reply reply = {.id = write.id, .epoch = write.epoch, .status = MESSAGE_OK};
    message_write_write_reply(begin(&draft, end), &reply);
    struct parcel *parcel = finish(world, &draft);
    network_deliver(world, other_end(end), parcel);
    parcel_release(parcel);
    return NULL;
}

/* Flushes never arrive, but are acknowledged. */
static struct parcel *flush_for_others(struct world *world, struct endpoint *end, struct bytes data)
{
    struct frame frame = frame_of(data);
    struct message_flush flush;
    struct draft_frame draft;
    if (frame.type != MESSAGE_FLUSH || !message_read_flush(&frame, &flush))
        return parcel_new(data);
    const struct message_flush_reply reply = {.id = flush.id, .status = MESSAGE_OK, .clock = 1};
    message_write_flush_reply(begin(&draft, end), &reply);
    struct parcel *parcel = finish(world, &draft);
    network_deliver(world, other_end(end), parcel);
    parcel_release(parcel);
    return NULL;
}

/* The same for some of the writes, so that replicas differ and quorums do not overlap. */
static struct parcel *lose_some_writes(struct world *world, struct endpoint *end, struct bytes data)
{
    if (frame_of(data).type != MESSAGE_WRITE || !world_draws(world, OFTEN))
        return parcel_new(data);
    return acknowledge_for_others(world, end, data);
}

static struct parcel *drop_acknowledgements(struct world *world, struct endpoint *end, struct bytes data)
{
    (void)end;
    if (frame_of(data).type != MESSAGE_WRITE_REPLY)
        return parcel_new(data);
    world->tamper.done++;
    return NULL;
}

static struct parcel *garble(struct world *world, struct endpoint *end, struct bytes data)
{
    struct draft_frame draft;
    if (frame_of(data).type != MESSAGE_WRITE || !world_draws(world, OFTEN))
        return parcel_new(data);
    frame_append(begin(&draft, end), MESSAGE_WRITE, bytes_of("nonsense", 8));
    return finish(world, &draft);
}

/* A forwarded request is carried out twice: its copy has a number that has not been seen. */
static struct parcel *forward_twice(struct world *world, struct endpoint *end, struct bytes data)
{
    struct frame frame = frame_of(data);
    struct message_forward forward;
    struct draft_frame draft;
    struct arena arena;
    if (frame.type != MESSAGE_FORWARD || !world_draws(world, OFTEN))
        return parcel_new(data);
    arena_init(&arena);
    if (message_read_forward(&frame, &forward, &arena)) {
        forward.number += TWICE_NUMBER;
        forward.request += forward.request != 0; /* by its name it would be known [R10] */
        message_write_forward(begin(&draft, end), &forward, NULL);
        struct parcel *again = finish(world, &draft);
        network_deliver(world, end, again);
        parcel_release(again);
    }
    arena_close(&arena);
    return parcel_new(data);
}

/* Forwarded writes go to any node, not to the first owner that is up. */
static struct parcel *forward_anywhere(struct world *world, struct endpoint *end, struct bytes data)
{
    struct frame frame = frame_of(data);
    struct message_forward forward;
    struct draft_frame draft;
    struct arena arena;
    if (frame.type != MESSAGE_FORWARD)
        return parcel_new(data);
    arena_init(&arena);
    bool good = message_read_forward(&frame, &forward, &arena);
    struct machine_loop *loop = end->loop;
    for (unsigned to = 0; good && to < world->plan.nodes; to++) {
        struct connection *connection = loop->dials[to].connection;
        if (connection == NULL || connection == end->connection || !connection->ends[0].attached)
            continue;
        forward.number += TWICE_NUMBER;
        forward.request += forward.request != 0;
        message_write_forward(begin(&draft, end), &forward, NULL);
        struct parcel *copy = finish(world, &draft);
        network_deliver(world, &connection->ends[0], copy);
        parcel_release(copy);
    }
    arena_close(&arena);
    return parcel_new(data);
}

/* Alters the object in a WRITE. */
static struct parcel *alter_write(struct world *world, struct endpoint *end, struct bytes data,
                                  bool (*alter)(struct object *object, struct arena *arena))
{
    struct frame frame = frame_of(data);
    struct message_write write;
    struct object object;
    struct draft_frame draft;
    struct arena arena;
    struct parcel *result = NULL;
    arena_init(&arena);
    if (frame.type == MESSAGE_WRITE && message_read_write(&frame, &write) && world_draws(world, OFTEN)
        && record_decode(write.record, &object, &arena) == RECORD_OK && alter(&object, &arena)) {
        uint8_t *record = arena_alloc(&arena, record_size(&object));
        record_encode(&object, record);
        write.record = bytes_of(record, record_size(&object));
        message_write_write(begin(&draft, end), &write, NULL);
        result = finish(world, &draft);
    }
    arena_close(&arena);
    return result != NULL ? result : parcel_new(data);
}

static bool change_value(struct object *object, struct arena *arena)
{
    (void)arena;
    if (object->live_count == 0 || object->live[0].kind == VERSION_TOMBSTONE)
        return false;
    object->live[0].value = bytes_of("another", 7);
    return true;
}

static struct parcel *reuse_dots(struct world *world, struct endpoint *end, struct bytes data)
{
    return alter_write(world, end, data, change_value);
}

/* The context claims the maker's next writes too. */
static bool claim_more(struct object *object, struct arena *arena)
{
    (void)arena;
    for (uint32_t i = 0; i < object->context.count; i++)
        object->context.pairs[i].counter += 1;
    return object->context.count > 0;
}

/* What has been pruned too early. */
static bool prune(struct object *object, struct arena *arena)
{
    uint32_t kept = 0;
    (void)arena;
    for (uint32_t i = 0; i < object->context.count; i++) {
        bool is_live = false;
        for (uint32_t j = 0; j < object->live_count; j++)
            is_live |= actor_compare(&object->live[j].dot.actor, &object->context.pairs[i].actor) == 0;
        if (is_live)
            object->context.pairs[kept++] = object->context.pairs[i];
    }
    bool has_pruned = kept < object->context.count;
    object->context.count = kept;
    return has_pruned;
}

static struct parcel *prune_early(struct world *world, struct endpoint *end, struct bytes data)
{
    return alter_write(world, end, data, prune);
}

static bool fold(struct object *object, struct arena *arena)
{
    (void)arena;
    bool has_siblings = object->live_count > 1;
    if (has_siblings)
        object->live_count = 1;
    return has_siblings;
}

static struct parcel *fold_siblings(struct world *world, struct endpoint *end, struct bytes data)
{
    return alter_write(world, end, data, fold);
}

static struct parcel *compare_never(struct world *world, struct endpoint *end, struct bytes data)
{
    uint8_t type = frame_of(data).type;
    (void)end;
    if (type < MESSAGE_OF_REPAIR || type >= MESSAGE_END_OF_REPAIR)
        return parcel_new(data);
    world->tamper.done++;
    return NULL;
}

/* Neither reading nor comparing shows any difference. */
static struct parcel *repair_nothing(struct world *world, struct endpoint *end, struct bytes data)
{
    struct parcel *left = compare_never(world, end, data);
    if (left == NULL)
        return NULL;
    parcel_release(left);
    return say_the_same(world, end, data);
}

/* Nobody ever says that writes may be missing. */
static struct parcel *never_doubt(struct world *world, struct endpoint *end, struct bytes data)
{
    struct frame frame = frame_of(data);
    struct message_read_reply reply;
    struct draft_frame draft;
    if (frame.type != MESSAGE_READ_REPLY || !message_read_read_reply(&frame, &reply) || !reply.is_doubtful)
        return parcel_new(data);
    reply.is_doubtful = false;
    message_write_read_reply(begin(&draft, end), &reply, NULL);
    return finish(world, &draft);
}

static struct parcel *claim_unseen(struct world *world, struct endpoint *end, struct bytes data)
{
    return alter_write(world, end, data, claim_more);
}

const struct control controls_of_messages[] = {
    {"same-answers", "replicas say that they have what the asker has", "acknowledged", several_owners_and_partitions,
     .frame = say_the_same},
    {"same-answers-latest", "replicas say that they have what the asker has", "latest", several_owners_and_partitions,
     .frame = say_the_same},
    {"stale-reads", "some writes reach nobody but are acknowledged, while nothing fails", "linear", calm,
     .frame = lose_some_writes},
    {"fake-acknowledgements", "writes reach nobody but are acknowledged", "quorum", several_owners,
     .frame = acknowledge_for_others},
    {"fake-deletes", "deletes reach nobody but are acknowledged", "dead", several_owners_in_strict_quorums,
     .frame = lose_some_writes},
    {"no-repairs", "replicas say that they have what the asker has, and are not compared", "identical",
     several_owners_and_partitions, .frame = repair_nothing},
    {"no-acknowledgements", "no write is acknowledged", "calm", calm, .frame = drop_acknowledgements},
    {"fake-flushes", "flushes reach nobody but are acknowledged", "flushed", calm_with_flushes,
     .frame = flush_for_others},
    {"never-writeable", "no write is acknowledged, also when nothing fails any more", "writeable", several_owners,
     .frame = drop_acknowledgements},
    {"garbled", "some messages are nonsense in a good frame", "orderly", several_owners, .frame = garble},
    {"forward-twice", "some forwarded requests are carried out twice", "linear", calm, .frame = forward_twice},
    {"forward-again", "some forwarded requests are carried out twice", "once", several_owners, .frame = forward_twice},
    {"forward-anywhere", "forwarded writes are coordinated by several nodes", "alone", calm, .frame = forward_anywhere},
    {"reused-dots", "a dot comes with another value [R1]", "dots", several_owners, .frame = reuse_dots},
    {"early-pruning", "pairs are left out of contexts before their time [R4]", "ancestry", several_owners,
     .frame = prune_early},
    {"folded-siblings", "replicas are sent only the newest of several siblings [R8]", "acknowledged",
     several_owners_and_partitions, .frame = fold_siblings},
    {"no-comparison", "nothing that repairing nodes say arrives", "convergence", several_owners_and_partitions,
     .frame = compare_never},
    {"no-doubt", "copies that may lack acknowledged writes are counted [R9]", "acknowledged",
     several_owners_without_power, .frame = never_doubt},
    {"false-contexts", "contexts claim what nobody has seen", "ancestry", several_owners, .frame = claim_unseen},
    {0},
};
