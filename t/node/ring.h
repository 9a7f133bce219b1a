/* Several whole nodes in one process, with links that the test joins, delays, repeats and cuts, and a clock that it
 * moves.
 *
 * Each machine has a store, a node_shared and one or two loops; every loop dials one link to one loop of every other
 * machine, as the server does. Nothing moves but by ring_pump: it settles the loops and carries frames until nothing is
 * left to do. */
#ifndef T_NODE_RING_H
#define T_NODE_RING_H

#include "base/hash.h"
#include "base/seeded.h"
#include "message/frame.h"
#include "node/backing.h"
#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RING_MACHINES = 5,
    RING_LOOPS = 2,
    RING_LINKS = RING_MACHINES * RING_LOOPS * RING_MACHINES,
    RING_SLOTS = 64,
    RING_VALUE_MAX = 100000,
    RING_TIMEOUT_MS = 1000,
    RING_CLUSTER = 77
};

struct ring;

struct machine {
    struct backing *backing;
    struct store *store;
    struct backing *hint_backing; /* of a sloppy ring */
    struct store *hint_store;
    struct node_shared *shared;
    struct node loops[RING_LOOPS];
    char name[8];
    uint32_t id;
    uint64_t heard_epoch;
};

/* A connection: end 0 dialled it. */
struct joint {
    bool up;
    unsigned machine[2], loop[2];
    struct link end[2];
};

/* What becomes of a frame on its way. */
enum fate { FATE_ARRIVES, FATE_LOST, FATE_TWICE, FATE_HELD };

/* A frame that was held back. */
struct held_frame {
    struct joint *joint;
    unsigned to; /* end */
    uint8_t *bytes;
    size_t len;
};

struct ring {
    struct machine machines[RING_MACHINES];
    unsigned machine_count, loop_count;
    struct instant now;
    struct ring_settings settings;
    struct pool chunks;
    struct joint joints[RING_LINKS];
    unsigned joint_count;
    /* Chooses the fate of each frame; NULL: all arrive. */
    enum fate (*judge)(struct ring *, unsigned from, unsigned to, const struct frame *);
    unsigned judged_type; /* ring_treat */
    enum fate judged_fate;
    uint64_t frames[16]; /* carried, by type */
    struct held_frame held[256];
    unsigned held_count;
    enum backing_kind kind; /* of the stores */
    bool sloppy;            /* nodes stand in for others, and have a hint database */
    bool refuses;           /* a frame may be malformed: the link is then cut instead of failing the test */
    struct {
        struct request request;
        bool used, done;
    } slots[RING_SLOTS];
    unsigned next_slot;
};

static inline struct bytes text(const char *of)
{
    return bytes_of_text(of);
}

/* Keys that begin with s: may have siblings, l: only the latest. */
static inline struct bucket_table ring_buckets(void)
{
    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket siblings = bucket_default("siblings"), latest = bucket_default("latest");
    memcpy(siblings.prefix, "s:", siblings.prefix_len = 2);
    memcpy(latest.prefix, "l:", latest.prefix_len = 2);
    siblings.stale_cas = STALE_CAS_SIBLING;
    latest.reconcile = RECONCILE_LWW;
    assert_null(bucket_table_put(&table, &siblings));
    assert_null(bucket_table_put(&table, &latest));
    return table;
}

static inline void ring_hear_of_epoch(void *host, uint64_t epoch)
{
    struct machine *machine = host;
    machine->heard_epoch = epoch;
}

static inline void machine_start(struct ring *ring, unsigned index)
{
    struct machine *machine = &ring->machines[index];
    snprintf(machine->name, sizeof machine->name, "n%u", index);
    machine->id = ring_node_id(machine->name);
    struct node_settings settings = {
        .name = machine->name,
        .incarnation = 0x1000 + index,
        .partition_count = ring->settings.partition_count,
        .buckets = ring_buckets(),
        .grace_ms = 60000,
        .value_max = RING_VALUE_MAX,
        .object_max = 4 * RING_VALUE_MAX,
        .tokens_max = 1024,
        .coordinator = {.timeout_ms = RING_TIMEOUT_MS, .sloppy = ring->sloppy, .seed = index},
        .loops = ring->loop_count,
        .hear_of_epoch = ring_hear_of_epoch,
        .host = machine};
    struct store_recovery found = {0};
    machine->backing = malloc(sizeof *machine->backing);
    assert_non_null(machine->backing);
    backing_init(machine->backing, ring->kind);
    machine->store = backing_open_store(machine->backing, &found);
    if (ring->sloppy) {
        machine->hint_backing = malloc(sizeof *machine->hint_backing);
        assert_non_null(machine->hint_backing);
        backing_init(machine->hint_backing, ring->kind);
        settings.hint_store = machine->hint_store = backing_open_store(machine->hint_backing, &found);
    }
    machine->shared = node_shared_new(&settings, machine->store, &lock_none, 0);
    assert_non_null(machine->shared);
    for (unsigned i = 0; i < ring->loop_count; i++)
        node_init(&machine->loops[i], machine->shared, store_loop_of(machine->store, i),
                  ring->sloppy ? store_loop_of(machine->hint_store, i) : NULL);
    node_load(&machine->loops[0], ring->now);
    bucket_table_close(&settings.buckets);
}

/* The table of the first `count` machines, moved on to `epoch`. Another one each time. */
static inline struct ring_view *ring_table(struct ring *ring, unsigned count, uint64_t epoch)
{
    struct ring_member members[RING_MACHINES] = {0};
    for (unsigned i = 0; i < count; i++) {
        members[i].id = ring->machines[i].id;
        members[i].weight = RING_WEIGHT_ONE;
        snprintf(members[i].name, sizeof members[i].name, "%s", ring->machines[i].name);
        snprintf(members[i].peer, sizeof members[i].peer, "10.0.0.%u:7000", i + 1);
        snprintf(members[i].client, sizeof members[i].client, "10.0.0.%u:11211", i + 1);
    }
    struct ring_view *view = ring_view_new(&ring->settings, members, count);
    assert_non_null(view);
    view->epoch = epoch;
    return view;
}

static inline void ring_publish(struct ring *ring, unsigned machine, unsigned count, uint64_t epoch)
{
    assert_true(node_publish_view(ring->machines[machine].shared, ring_table(ring, count, epoch)));
}

static inline struct node *ring_loop(struct ring *ring, unsigned machine, unsigned loop)
{
    return &ring->machines[machine].loops[loop];
}

static inline struct node *joint_node(struct ring *ring, const struct joint *joint, unsigned end)
{
    return ring_loop(ring, joint->machine[end], joint->loop[end]);
}

static inline struct joint *ring_dial(struct ring *ring, unsigned from, unsigned from_loop, unsigned to)
{
    assert_true(ring->joint_count < RING_LINKS);
    struct joint *joint = &ring->joints[ring->joint_count++];
    *joint = (struct joint){.up = true, .machine = {from, to}, .loop = {from_loop, from_loop % ring->loop_count}};
    for (unsigned end = 0; end < 2; end++) {
        struct link *link = &joint->end[end];
        link->peer = ring->machines[joint->machine[1 - end]].id;
        link->peer_incarnation = 0x1000 + joint->machine[1 - end];
        link->is_dialled = end == 0;
        link->out_max = 4 << 20;
        chain_init(&link->out, &ring->chunks);
    }
    for (unsigned end = 2; end-- > 0;) /* the acceptor knows of it first */
        node_link_up(joint_node(ring, joint, end), ring->now, &joint->end[end]);
    return joint;
}

static inline void ring_drop_held(struct ring *ring, const struct joint *joint)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < ring->held_count; i++) {
        if (joint == NULL || ring->held[i].joint == joint)
            free(ring->held[i].bytes);
        else
            ring->held[kept++] = ring->held[i];
    }
    ring->held_count = kept;
}

static inline void ring_cut(struct ring *ring, struct joint *joint)
{
    if (!joint->up)
        return;
    joint->up = false;
    ring_drop_held(ring, joint);
    for (unsigned end = 0; end < 2; end++) {
        node_link_down(joint_node(ring, joint, end), ring->now, &joint->end[end]);
        chain_close(&joint->end[end].out);
        memset(&joint->end[end], 0xa5, sizeof joint->end[end]); /* nobody may look at it any more */
    }
}

/* The newest link of a loop of one machine to another, or NULL. */
static inline struct joint *ring_joint(struct ring *ring, unsigned from, unsigned loop, unsigned to)
{
    for (unsigned i = ring->joint_count; i-- > 0;) {
        struct joint *joint = &ring->joints[i];
        if (joint->up && joint->machine[0] == from && joint->loop[0] == loop && joint->machine[1] == to)
            return joint;
    }
    return NULL;
}

/* Cuts all links between two machines, both ways. */
static inline void ring_part(struct ring *ring, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < ring->joint_count; i++) {
        struct joint *joint = &ring->joints[i];
        if ((joint->machine[0] == a && joint->machine[1] == b) || (joint->machine[0] == b && joint->machine[1] == a))
            ring_cut(ring, joint);
    }
}

static inline void ring_hold(struct ring *ring, struct joint *joint, unsigned to, struct bytes data)
{
    assert_true(ring->held_count < sizeof ring->held / sizeof ring->held[0]);
    struct held_frame *held = &ring->held[ring->held_count++];
    *held = (struct held_frame){.joint = joint, .to = to, .bytes = malloc(data.len), .len = data.len};
    assert_non_null(held->bytes);
    memcpy(held->bytes, data.at, data.len);
}

/* Hands over one frame out of memory of its own, so that whoever keeps a pointer into it is found out. */
static inline void ring_hand_over(struct ring *ring, struct joint *joint, unsigned to, struct bytes data)
{
    struct frame frame;
    size_t used = 0;
    uint8_t *copy = malloc(data.len);
    assert_non_null(copy);
    memcpy(copy, data.at, data.len);
    assert_int_equal(frame_next(bytes_of(copy, data.len), SIZE_MAX, &frame, &used), FRAME_OK);
    if (frame.type < 16)
        ring->frames[frame.type]++;
    bool good = node_receive(joint_node(ring, joint, to), ring->now, &joint->end[to], &frame);
    free(copy);
    assert_true(good || ring->refuses);
    if (!good)
        ring_cut(ring, joint);
}

static inline enum fate ring_judge_type(struct ring *ring, unsigned from, unsigned to, const struct frame *frame)
{
    (void)from, (void)to;
    return frame->type == ring->judged_type ? ring->judged_fate : FATE_ARRIVES;
}

/* From now on this becomes of all frames of a type, while the others arrive. */
static inline void ring_treat(struct ring *ring, unsigned type, enum fate fate)
{
    ring->judge = ring_judge_type;
    ring->judged_type = type;
    ring->judged_fate = fate;
}

static inline void ring_deliver(struct ring *ring, struct joint *joint, unsigned to, struct bytes data)
{
    struct frame frame;
    size_t used = 0;
    assert_int_equal(frame_next(data, SIZE_MAX, &frame, &used), FRAME_OK);
    enum fate fate = FATE_ARRIVES;
    if (ring->judge != NULL)
        fate = ring->judge(ring, joint->machine[1 - to], joint->machine[to], &frame);
    if (fate == FATE_HELD)
        ring_hold(ring, joint, to, data);
    for (unsigned times = fate == FATE_TWICE ? 2 : fate == FATE_ARRIVES; times > 0 && joint->up; times--)
        ring_hand_over(ring, joint, to, data);
}

/* What was held back arrives now, in its order; what is then sent is judged as ever. */
static inline void ring_release_held(struct ring *ring)
{
    struct held_frame held[sizeof ring->held / sizeof ring->held[0]];
    unsigned count = ring->held_count;
    memcpy(held, ring->held, sizeof held);
    ring->held_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (held[i].joint->up)
            ring_hand_over(ring, held[i].joint, held[i].to, bytes_of(held[i].bytes, held[i].len));
        free(held[i].bytes);
    }
}

/* Carries all frames that wait at one end. */
static inline void ring_carry(struct ring *ring, struct joint *joint, unsigned from)
{
    struct chain *out = &joint->end[from].out;
    size_t len = out->len, at = 0;
    uint8_t *all = malloc(len);
    struct bytes slices[64];
    assert_non_null(all);
    while (out->len > 0) {
        size_t count = chain_slices(out, slices, 64), taken = 0;
        for (size_t i = 0; i < count; i++) {
            memcpy(all + at, slices[i].at, slices[i].len);
            at += slices[i].len;
            taken += slices[i].len;
        }
        chain_consume(out, taken);
    }
    for (at = 0; at < len;) {
        struct frame frame;
        size_t used = 0;
        assert_int_equal(frame_next(bytes_of(all + at, len - at), SIZE_MAX, &frame, &used), FRAME_OK);
        if (joint->up)
            ring_deliver(ring, joint, 1 - from, bytes_of(all + at, used));
        at += used;
    }
    free(all);
}

static inline bool ring_turn(struct ring *ring, struct node *node)
{
    bool moved = node_settle(node, ring->now) > 0;
    struct link *link;
    while ((link = node_next_flush(node)) != NULL) {
        for (unsigned i = 0; i < ring->joint_count; i++) {
            for (unsigned end = 0; end < 2; end++) {
                if (&ring->joints[i].end[end] == link)
                    ring_carry(ring, &ring->joints[i], end);
            }
        }
        moved = true;
    }
    return moved;
}

/* Until nothing moves any more; time stands still. */
static inline void ring_pump(struct ring *ring)
{
    bool moved = true;
    for (unsigned turns = 0; moved; turns++) {
        assert_true(turns < 10000);
        moved = false;
        for (unsigned m = 0; m < ring->machine_count; m++) {
            for (unsigned l = 0; l < ring->loop_count; l++)
                moved |= ring_turn(ring, ring_loop(ring, m, l));
        }
    }
}

static inline void ring_tick(struct ring *ring)
{
    for (unsigned m = 0; m < ring->machine_count; m++) {
        for (unsigned l = 0; l < ring->loop_count; l++)
            node_tick(ring_loop(ring, m, l), ring->now);
    }
    ring_pump(ring);
}

/* Time passes, millisecond by millisecond, and all loops wake when they want to. */
static inline void ring_pass(struct ring *ring, uint64_t ms)
{
    ring_pump(ring);
    for (; ms > 0; ms--) {
        ring->now.mono_ns += 1000000;
        ring->now.wall_ms++;
        bool due = false;
        for (unsigned m = 0; m < ring->machine_count; m++) {
            for (unsigned l = 0; l < ring->loop_count; l++)
                due |= node_wake_at(ring_loop(ring, m, l)) <= ring->now.mono_ns;
        }
        if (due)
            ring_tick(ring);
    }
}

static inline void ring_open_as(struct ring *ring, enum backing_kind kind, bool sloppy, unsigned count, unsigned loops,
                                unsigned copies)
{
    *ring = (struct ring){.machine_count = count, .loop_count = loops, .kind = kind, .sloppy = sloppy};
    ring->now = (struct instant){.mono_ns = 5000000000, .wall_ms = 1700000000000};
    ring->settings = (struct ring_settings){.cluster = RING_CLUSTER,
                                            .partition_count = 64,
                                            .strategy = RING_CLAIMED_PARTITIONS,
                                            .copies = (uint8_t)copies,
                                            .tokens = RING_TOKENS_DEFAULT};
    pool_init(&ring->chunks, chain_chunk_size(), 64);
    for (unsigned i = 0; i < count; i++)
        machine_start(ring, i);
}

static inline void ring_open_over(struct ring *ring, enum backing_kind kind, unsigned count, unsigned loops,
                                  unsigned copies)
{
    ring_open_as(ring, kind, false, count, loops, copies);
}

static inline void ring_open_with(struct ring *ring, unsigned count, unsigned loops, unsigned copies)
{
    ring_open_over(ring, BACKING_VOLATILE, count, loops, copies);
}

static inline void ring_dial_all(struct ring *ring)
{
    for (unsigned from = 0; from < ring->machine_count; from++) {
        for (unsigned loop = 0; loop < ring->loop_count; loop++) {
            for (unsigned to = 0; to < ring->machine_count; to++) {
                if (to != from && ring_joint(ring, from, loop, to) == NULL)
                    (void)ring_dial(ring, from, loop, to);
            }
        }
    }
}

/* Everyone has the same table and links to everyone. */
static inline void ring_join_all(struct ring *ring)
{
    for (unsigned i = 0; i < ring->machine_count; i++)
        ring_publish(ring, i, ring->machine_count, 1);
    ring_dial_all(ring);
    ring_pump(ring);
}

/* `count` nodes that all know each other, every key on `copies` of them. */
static inline void ring_open(struct ring *ring, unsigned count, unsigned copies)
{
    ring_open_with(ring, count, 1, copies);
    ring_join_all(ring);
}

/* The same with stand-ins. */
static inline void ring_open_sloppy(struct ring *ring, unsigned count, unsigned copies)
{
    ring_open_as(ring, BACKING_VOLATILE, true, count, 1, copies);
    ring_join_all(ring);
}

static inline void ring_close(struct ring *ring)
{
    for (unsigned i = 0; i < ring->joint_count; i++)
        ring_cut(ring, &ring->joints[i]);
    ring_drop_held(ring, NULL);
    ring_pass(ring, RING_TIMEOUT_MS + 100); /* whatever was under way for others ends */
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        assert_true(!ring->slots[i].used || ring->slots[i].done);
        if (ring->slots[i].used)
            request_finish(&ring->slots[i].request);
    }
    for (unsigned m = 0; m < ring->machine_count; m++) {
        struct machine *machine = &ring->machines[m];
        for (unsigned l = 0; l < ring->loop_count; l++) {
            assert_int_equal(node_pending(&machine->loops[l]), 0);
            node_close(&machine->loops[l]);
        }
        node_shared_free(machine->shared);
        store_abandon(machine->store);
        backing_close(machine->backing);
        free(machine->backing);
        if (machine->hint_store != NULL) {
            store_abandon(machine->hint_store);
            backing_close(machine->hint_backing);
            free(machine->hint_backing);
        }
    }
    pool_close(&ring->chunks);
}

static inline void ring_on_done(struct request *request)
{
    bool *done = request->owner;
    assert_false(*done);
    *done = true;
}

/* A request to be filled and then started. Its answer stays for RING_SLOTS - 1 further ones. */
static inline struct request *ask(struct ring *ring, enum request_kind kind, const char *key)
{
    unsigned slot = ring->next_slot++ % RING_SLOTS;
    struct request *request = &ring->slots[slot].request;
    if (ring->slots[slot].used) {
        assert_true(ring->slots[slot].done);
        request_finish(request);
    }
    request_init(request, kind, text(key), ring_on_done, &ring->slots[slot].done);
    ring->slots[slot].used = true;
    ring->slots[slot].done = false;
    return request;
}

static inline bool is_done(const struct request *request)
{
    return *(const bool *)request->owner;
}

/* Starts it at a machine's first loop and carries whatever follows at once. */
static inline void start(struct ring *ring, unsigned machine, struct request *request)
{
    node_request(ring_loop(ring, machine, 0), ring->now, request);
    assert_false(is_done(request)); /* never from within */
    ring_pump(ring);
}

static inline enum request_status run(struct ring *ring, unsigned machine, struct request *request)
{
    start(ring, machine, request);
    assert_true(is_done(request));
    return request->status;
}

static inline enum request_status set(struct ring *ring, unsigned machine, const char *key, const char *value)
{
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text(value);
    return run(ring, machine, request);
}

static inline struct request *get(struct ring *ring, unsigned machine, const char *key)
{
    struct request *request = ask(ring, REQUEST_GET, key);
    (void)run(ring, machine, request);
    return request;
}

static inline bool shows(struct ring *ring, unsigned machine, const char *key, const char *value)
{
    const struct request *request = get(ring, machine, key);
    return request->status == REQUEST_OK && bytes_equal(request->versions[0].value, text(value));
}

static inline enum request_status incr(struct ring *ring, unsigned machine, const char *key, uint64_t delta)
{
    struct request *request = ask(ring, REQUEST_INCR, key);
    request->delta = delta;
    return run(ring, machine, request);
}

/* The machine in the given place of the key's preference list, by a machine's view. */
static inline unsigned place_of_key(struct ring *ring, const char *key, unsigned place)
{
    const struct ring_view *view = node_view(ring->machines[0].shared);
    const uint16_t *list = ring_preference_list(view, ring_partition(view, hash_of_key(text(key))));
    for (unsigned m = 0; m < ring->machine_count; m++) {
        if (ring->machines[m].id == view->members[list[place]].id)
            return m;
    }
    fail_msg("no such machine");
    return 0;
}

/* A key whose preference list begins with this machine; `serial` gives different ones. */
static inline const char *key_led_by(struct ring *ring, unsigned machine, unsigned serial, char *key)
{
    for (unsigned i = 0;; i++) {
        snprintf(key, 32, "k%u-%u", serial, i);
        if (place_of_key(ring, key, 0) == machine)
            return key;
    }
}

#define COUNTER(ring, machine, name) atomic_load(&ring_loop(ring, machine, 0)->counters.name)

#endif
