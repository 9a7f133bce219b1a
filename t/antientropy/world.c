#include "antientropy/world.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "replica/merge.h"
#include "storage/tree.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>

enum { NS_PER_MS = 1000000, LINK_OUT_MAX = 8 << 20, FRAME_MAX = 64 << 20 };

/* A frame on its way. */
struct parcel {
    struct list link;
    unsigned from, to;
    bool to_accepted;     /* a question: it comes to the accepted end */
    uint64_t incarnation; /* of the receiver that it is meant for */
    uint64_t sender;      /* incarnation */
    uint64_t at_ns;
    size_t len;
    uint8_t bytes[];
};

static struct instant box_now(const struct box *box)
{
    struct instant now = box->world->now;
    now.wall_ms = (uint64_t)((int64_t)now.wall_ms + box->ahead_ms);
    return now;
}

static void ignore_loop(void *host, unsigned loop)
{
    (void)host, (void)loop;
}

static void ignore(void *host)
{
    (void)host;
}

static void report_store(void *host, const char *text)
{
    (void)host, (void)text;
}

static void report(void *host, const char *text)
{
    struct box *box = host;
    box->reports++;
    snprintf(box->last_report, sizeof box->last_report, "%s", text);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = ring_node_id(a), y = ring_node_id(b);
    return x < y ? -1 : x > y;
}

static struct ring_view *make_view(const struct world *world, unsigned copies, uint32_t partitions)
{
    struct ring_settings settings = {.cluster = 1,
                                     .partition_count = partitions,
                                     .strategy = RING_CLAIMED_PARTITIONS,
                                     .copies = (uint8_t)copies,
                                     .tokens = RING_TOKENS_DEFAULT};
    struct ring_member members[WORLD_NODES_MAX] = {0};
    for (unsigned i = 0; i < world->count; i++) {
        members[i].id = world->boxes[i].id;
        members[i].weight = RING_WEIGHT_ONE;
        snprintf(members[i].name, sizeof members[i].name, "%s", world->boxes[i].name);
        snprintf(members[i].peer, sizeof members[i].peer, "h%u:1", i);
        snprintf(members[i].client, sizeof members[i].client, "h%u:2", i);
    }
    struct ring_view *view = ring_view_new(&settings, members, world->count);
    assert_non_null(view);
    return view;
}

void world_init(struct world *world, unsigned count, unsigned copies, uint32_t partitions, uint64_t seed)
{
    *world = (struct world){.count = count, .memory_bytes = 64 << 20};
    world->now = (struct instant){.mono_ns = 1000 * (uint64_t)NS_PER_MS, .wall_ms = 1000000};
    world->settings = (struct antientropy_settings){
        .interval_ms = 10000, .window = 64, .grace_ms = WORLD_GRACE_MS, .seed = seed, .report = report};
    prng_init(&world->prng, seed);
    list_init(&world->parcels);
    bucket_table_init(&world->buckets);
    struct bucket latest = bucket_default("latest");
    memcpy(latest.prefix, "l:", latest.prefix_len = 2);
    latest.reconcile = RECONCILE_LWW;
    assert_null(bucket_table_put(&world->buckets, &latest));
    char names[WORLD_NODES_MAX][16];
    for (unsigned i = 0; i < count; i++)
        snprintf(names[i], sizeof names[i], "n%u", i);
    qsort(names, count, sizeof names[0], compare_ids);
    for (unsigned i = 0; i < count; i++) {
        struct box *box = &world->boxes[i];
        box->world = world;
        box->index = i;
        memcpy(box->name, names[i], sizeof names[i]);
        box->id = ring_node_id(names[i]);
    }
    world->view = make_view(world, copies, partitions);
}

static void open_link(struct box *box, struct link *link, const struct box *peer, bool is_dialled)
{
    *link = (struct link){
        .peer = peer->id, .peer_incarnation = peer->incarnation, .is_dialled = is_dialled, .out_max = LINK_OUT_MAX};
    chain_init(&link->out, &box->chunks);
}

static void close_link(struct box *box, struct link *link)
{
    if (link->peer == 0)
        return;
    if (link->wants_flush) { /* the node takes links off its queue before they go */
        struct queue kept;
        queue_init(&kept);
        for (struct queue_node *node; (node = queue_pop(&box->flushes)) != NULL;) {
            if (CONTAINER_OF(node, struct link, flush) != link)
                queue_push(&kept, node);
        }
        queue_append(&box->flushes, &kept);
    }
    antientropy_on_link_down(box->antientropy, link);
    chain_close(&link->out);
    *link = (struct link){0};
}

static struct box *box_of(struct world *world, uint32_t id)
{
    struct box *box = world->boxes;
    while (box->id != id)
        box++;
    return box;
}

static void half_down(struct box *box, struct box *peer)
{
    if (!box->is_up || box->dialled[peer->index].peer == 0)
        return;
    peer_set_link(peers_take(&box->peers, peer->id), NULL);
    box->knows_up[peer->index] = false;
    antientropy_on_peer_down(box->antientropy, box_now(box), peer->id);
    close_link(box, &box->dialled[peer->index]);
    close_link(box, &box->accepted[peer->index]);
}

static void half_up(struct box *box, struct box *peer)
{
    open_link(box, &box->dialled[peer->index], peer, true);
    open_link(box, &box->accepted[peer->index], peer, false);
    peer_set_link(peers_take(&box->peers, peer->id), &box->dialled[peer->index]);
}

void world_cut(struct world *world, unsigned a, unsigned b)
{
    half_down(&world->boxes[a], &world->boxes[b]);
    half_down(&world->boxes[b], &world->boxes[a]);
}

void world_join(struct world *world, unsigned a, unsigned b)
{
    struct box *x = &world->boxes[a], *y = &world->boxes[b];
    half_up(x, y);
    half_up(y, x);
}

static void open_store(struct box *box)
{
    struct store_limits limits = store_limits_default();
    limits.memory_bytes = box->world->memory_bytes;
    limits.dirty_bytes = box->world->memory_bytes / 2;
    limits.checkpoint_bytes = box->world->memory_bytes / 4;
    limits.log_segment_bytes = box->world->memory_bytes / 16;
    limits.log_bytes = box->world->memory_bytes;
    limits.stripes = 4;
    limits.checkpoint_age_ms = 100;
    const struct store_ports ports = {.disk = &box->disk.disk,
                                      .engine = &box->engine.engine,
                                      .locks = &lock_none,
                                      .wake_loop = ignore_loop,
                                      .wake_storage = ignore,
                                      .wake_sync = ignore,
                                      .report = report_store};
    struct store_recovery found = {0};
    assert_int_equal(store_open(&box->store, &limits, &ports, 2, &found), STORE_OPEN_OK);
}

static void boot(struct box *box)
{
    struct world *world = box->world;
    open_store(box);
    box->is_up = true;
    memset(box->knows_up, 0, sizeof box->knows_up);
    box->incarnation = 1 + prng_next(&world->prng) / 2;
    box->standing = standing_new();
    replica_init(&box->replica, box->id, box->incarnation, 0);
    replica_set_alone(&box->replica, false);
    box->replica.standing = box->standing;
    box->replica.value_max = 1 << 26;
    box->replica.object_max = 1 << 27;
    box->replica.grace_ms = WORLD_GRACE_MS;
    box->hints = hints_new(NULL, &box->replica);
    queue_init(&box->flushes);
    peers_init(&box->peers, &box->flushes);
    pool_init(&box->chunks, chain_chunk_size(), 64);
    struct blob *kept = store_read_meta(box->store, "standing");
    if (kept != NULL)
        assert_true(standing_decode(box->standing, blob_bytes(kept)));
    blob_release(kept);
    struct antientropy_parts parts = {.replica = &box->replica,
                                      .standing = box->standing,
                                      .store = box->store,
                                      .loop = store_loop_of(box->store, 0),
                                      .hints = box->hints,
                                      .peers = &box->peers,
                                      .op_owner = WORLD_OP_OWNER,
                                      .settings = world->settings};
    parts.settings.report_host = box;
    parts.settings.seed += box->index;
    box->antientropy = antientropy_new(&parts);
    box->self = ring_member_index(world->view, box->id);
    antientropy_set_buckets(box->antientropy, &world->buckets);
    antientropy_set_view(box->antientropy, box_now(box), world->view, box->self);
}

static void collect(struct box *box)
{
    for (struct store_op *op; (op = store_next_done(store_loop_of(box->store, 0), box_now(box))) != NULL;) {
        assert_int_equal(op->owner, WORLD_OP_OWNER);
        antientropy_on_stored(box->antientropy, box_now(box), op);
    }
}

static void shut(struct box *box)
{
    for (unsigned i = 0; i < box->world->count; i++) {
        if (i != box->index)
            world_cut(box->world, box->index, i);
    }
    collect(box);
    for (unsigned i = 0; i < 1000 && antientropy_pending(box->antientropy) > 0; i++) {
        store_checkpoint_slice(box->store, box_now(box), 1);
        store_sync(box->store);
        collect(box);
    }
    antientropy_free(box->antientropy);
    peers_close(&box->peers);
    hints_free(box->hints);
    standing_free(box->standing);
    store_abandon(box->store);
    fake_engine_crash(&box->engine);
    assert_int_equal(box->chunks.borrowed, 0);
    pool_close(&box->chunks);
    box->is_up = false;
}

static void open_files(struct box *box)
{
    fake_disk_init(&box->disk);
    box->disk.sync_copies_not = true;
    fake_engine_init(&box->engine, &lock_none);
}

void world_start(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        open_files(&world->boxes[i]);
        boot(&world->boxes[i]);
    }
    for (unsigned i = 0; i < world->count; i++) {
        for (unsigned n = 0; n < i; n++)
            world_join(world, i, n);
    }
}

void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        if (world->boxes[i].is_up)
            shut(&world->boxes[i]);
        fake_disk_close(&world->boxes[i].disk);
        fake_engine_free(&world->boxes[i].engine);
    }
    for (struct list *node; (node = list_pop_front(&world->parcels)) != NULL;)
        free(CONTAINER_OF(node, struct parcel, link));
    bucket_table_close(&world->buckets);
    ring_view_free(world->view);
    ring_view_free(world->old_view);
}

void world_kill(struct world *world, unsigned node)
{
    shut(&world->boxes[node]);
}

static void boot_again(struct world *world, unsigned node, enum standing_flag flag)
{
    struct box *box = &world->boxes[node];
    boot(box);
    standing_mark_all(box->standing, flag);
    for (unsigned i = 0; i < world->count; i++) {
        if (i != node && world->boxes[i].is_up)
            world_join(world, node, i);
    }
}

void world_restart(struct world *world, unsigned node)
{
    boot_again(world, node, STANDING_BEHIND);
}

void world_restart_empty(struct world *world, unsigned node)
{
    fake_disk_close(&world->boxes[node].disk);
    fake_engine_free(&world->boxes[node].engine);
    open_files(&world->boxes[node]);
    boot_again(world, node, STANDING_DOUBTFUL);
}

void world_leave(struct world *world, unsigned node)
{
    struct ring_change change = {.kind = RING_CHANGE_LEAVE, .member = {.id = world->boxes[node].id}};
    struct ring_view *next = ring_view_after(world->view, &change);
    assert_non_null(next);
    for (unsigned i = 0; i < world->count; i++) {
        struct box *box = &world->boxes[i];
        box->self = ring_member_index(next, box->id);
        if (box->is_up)
            antientropy_set_view(box->antientropy, box_now(box), next, box->self);
    }
    ring_view_free(world->old_view);
    world->old_view = world->view;
    world->view = next;
}

static void count_frame(struct world *world, const uint8_t *bytes, size_t len)
{
    struct frame frame;
    size_t used;
    assert_int_equal(frame_next(bytes_of(bytes, len), FRAME_MAX, &frame, &used), FRAME_OK);
    world->messages[frame.type]++;
    world->bytes[frame.type] += len;
    if (frame.head.len > world->longest[frame.type])
        world->longest[frame.type] = frame.head.len;
    world->records += frame.tail.len > 0;
    world->record_bytes += frame.tail.len;
}

static void post(struct world *world, const struct parcel *like)
{
    struct parcel *parcel = malloc(sizeof *parcel + like->len);
    assert_non_null(parcel);
    memcpy(parcel, like, sizeof *parcel + like->len);
    parcel->at_ns = world->now.mono_ns + NS_PER_MS;
    if (world->delay_ms > 0)
        parcel->at_ns += prng_below(&world->prng, world->delay_ms * (uint64_t)NS_PER_MS);
    list_push_back(&world->parcels, &parcel->link);
}

/* Takes the frames of a link one by one. */
static void ship(struct box *box, struct link *link)
{
    struct world *world = box->world;
    size_t len = link->out.len, at = 0;
    uint8_t *all = malloc(len + 1);
    assert_non_null(all);
    for (struct bytes slice; link->out.len > 0 && chain_slices(&link->out, &slice, 1) == 1; at += slice.len) {
        memcpy(all + at, slice.at, slice.len);
        chain_consume(&link->out, slice.len);
    }
    unsigned to = box_of(world, link->peer)->index;
    struct frame frame;
    size_t used;
    for (at = 0; at < len; at += used) {
        assert_int_equal(frame_next(bytes_of(all + at, len - at), FRAME_MAX, &frame, &used), FRAME_OK);
        count_frame(world, all + at, used);
        struct parcel *parcel = malloc(sizeof *parcel + used);
        assert_non_null(parcel);
        *parcel = (struct parcel){.from = box->index,
                                  .to = to,
                                  .to_accepted = link->is_dialled,
                                  .incarnation = link->peer_incarnation,
                                  .sender = box->incarnation,
                                  .len = used};
        memcpy(parcel->bytes, all + at, used);
        bool is_lost = prng_below(&world->prng, 1000) < world->lost || box->is_cut || world->boxes[to].is_cut;
        if (!is_lost)
            post(world, parcel);
        if (!is_lost && prng_below(&world->prng, 1000) < world->repeated)
            post(world, parcel);
        free(parcel);
    }
    free(all);
}

static void flush(struct box *box)
{
    for (struct queue_node *node; (node = queue_pop(&box->flushes)) != NULL;) {
        struct link *link = CONTAINER_OF(node, struct link, flush);
        link->wants_flush = false;
        ship(box, link);
    }
}

static void deliver(struct world *world, struct parcel *parcel)
{
    struct box *box = &world->boxes[parcel->to];
    struct link *link = parcel->to_accepted ? &box->accepted[parcel->from] : &box->dialled[parcel->from];
    bool is_there = box->is_up && !box->is_cut && link->peer != 0 && box->incarnation == parcel->incarnation
                    && link->peer_incarnation == parcel->sender;
    if (is_there) {
        struct frame frame;
        size_t used;
        bool replied;
        assert_int_equal(frame_next(bytes_of(parcel->bytes, parcel->len), FRAME_MAX, &frame, &used), FRAME_OK);
        assert_true(antientropy_receive(box->antientropy, box_now(box), link->peer, link, &replied, &frame));
        if (replied)
            link_wants_flush(&box->flushes, link);
    }
    free(parcel);
}

static void deliver_due(struct world *world)
{
    struct list *node = world->parcels.next;
    while (node != &world->parcels) {
        struct parcel *parcel = CONTAINER_OF(node, struct parcel, link);
        node = node->next;
        if (parcel->at_ns > world->now.mono_ns)
            continue;
        list_remove(&parcel->link);
        deliver(world, parcel);
    }
}

/* The storage thread's work. */
static void keep(struct box *box)
{
    if (!box->never_checkpoints) {
        for (unsigned i = 0; i < 100000 && store_checkpoint_slice(box->store, box_now(box), 1) == 0; i++)
            ;
    }
    store_sync(box->store);
    if (box->never_keeps || !standing_wants_keeping(box->standing))
        return;
    size_t size = standing_size(box->world->view->partition_count);
    uint8_t *at = malloc(size);
    assert_non_null(at);
    standing_encode(box->standing, box->world->view->partition_count, at);
    if (store_put_meta(box->store, "standing", bytes_of(at, size)))
        standing_kept(box->standing);
    free(at);
}

/* What the node does: greets peers that say nothing, and tells who is there. */
static void look_at_peers(struct box *box)
{
    box->peers.wake_at_ns = UINT64_MAX;
    for (uint32_t i = 0; i < box->peers.count; i++) {
        struct peer *peer = &box->peers.list[i];
        struct box *other = box_of(box->world, peer->node);
        if (peer->link != NULL && peer_look(peer, box_now(box)) == PEER_NEEDS_GREETING && !box->is_cut
            && !other->is_cut)
            peer_on_sign(peer);
        bool is_up = peer->link != NULL && !peer->is_silent;
        if (is_up == box->knows_up[other->index])
            continue;
        box->knows_up[other->index] = is_up;
        (is_up ? antientropy_on_peer_up : antientropy_on_peer_down)(box->antientropy, box_now(box), peer->node);
    }
}

static void step(struct world *world)
{
    world->now.mono_ns += NS_PER_MS;
    world->now.wall_ms++;
    deliver_due(world);
    for (unsigned i = 0; i < world->count; i++) {
        struct box *box = &world->boxes[i];
        if (!box->is_up)
            continue;
        look_at_peers(box);
        keep(box);
        collect(box);
        for (unsigned n = 0; n < 20 && antientropy_wake_at(box->antientropy) <= world->now.mono_ns; n++) {
            antientropy_tick(box->antientropy, box_now(box));
            collect(box);
        }
        flush(box);
    }
}

void world_run(struct world *world, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++)
        step(world);
}

bool world_run_until_same(struct world *world, unsigned ms, unsigned *took)
{
    unsigned i = 0;
    for (; i < ms && !world_is_same(world); i += 10)
        world_run(world, 10);
    if (took != NULL)
        *took = i;
    return world_is_same(world);
}

void world_forget_counts(struct world *world)
{
    memset(world->messages, 0, sizeof world->messages);
    memset(world->bytes, 0, sizeof world->bytes);
    memset(world->longest, 0, sizeof world->longest);
    world->records = world->record_bytes = 0;
}

static uint64_t sum(const uint64_t *numbers)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < 256; i++)
        all += numbers[i];
    return all;
}

uint64_t world_messages(const struct world *world)
{
    return sum(world->messages);
}

uint64_t world_bytes(const struct world *world)
{
    return sum(world->bytes);
}

uint16_t world_partition(const struct world *world, const char *key)
{
    return ring_partition(world->view, hash_of_key(bytes_of_text(key)));
}

bool world_owns(const struct world *world, unsigned node, uint16_t partition)
{
    int index = ring_member_index(world->view, world->boxes[node].id);
    return index >= 0 && ring_owner_place(world->view, partition, (uint32_t)index) >= 0;
}

unsigned world_owners(const struct world *world, const char *key)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < world->count; i++)
        mask |= world_owns(world, i, world_partition(world, key)) ? 1U << i : 0;
    return mask;
}

unsigned world_owner(const struct world *world, uint16_t partition, unsigned place)
{
    uint32_t id = world->view->members[ring_preference_list(world->view, partition)[place]].id;
    unsigned node = 0;
    while (world->boxes[node].id != id)
        node++;
    return node;
}

/* An op on loop 1, which nobody else uses. */
static void do_op(struct box *box, struct store_op *op, const char *key)
{
    op->key = bytes_of_text(key);
    op->hash = hash_of_key(op->key);
    op->partition = world_partition(box->world, key);
    struct store_loop *loop = store_loop_of(box->store, 1);
    store_submit(loop, box_now(box), op);
    while (store_next_done(loop, box_now(box)) != op)
        store_checkpoint_slice(box->store, box_now(box), 1);
}

struct blob *world_record(struct world *world, unsigned node, const char *key)
{
    struct store_op op = {.kind = STORE_READ, .peek = true};
    do_op(&world->boxes[node], &op, key);
    return op.record;
}

static void merge_at(struct box *box, const char *key, struct blob *record)
{
    struct arena arena;
    arena_init(&arena);
    struct replica_merge merge;
    bool keeps_newest = bucket_of_key(&box->world->buckets, bytes_of_text(key))->reconcile == RECONCILE_LWW;
    replica_merge_init(&merge, &box->replica, &arena, box_now(box), record, keeps_newest);
    merge.op.durability = DURABILITY_COMMITTED;
    do_op(box, &merge.op, key);
    assert_true(merge.op.status == STORE_OK || merge.op.status == STORE_UNCHANGED);
    arena_close(&arena);
}

/* What a coordinator makes of a write over what it has. */
static struct blob *next_record(struct box *box, const char *key, struct bytes value, bool is_delete)
{
    struct arena arena;
    arena_init(&arena);
    struct blob *present = world_record(box->world, box->index, key);
    struct object object = {0}, after;
    if (present != NULL)
        assert_int_equal(record_decode(blob_bytes(present), &object, &arena), RECORD_OK);
    struct version fresh = replica_fresh_version(&box->replica, &object, box_now(box));
    fresh.kind = is_delete ? VERSION_TOMBSTONE : VERSION_VALUE;
    fresh.value = value;
    object_put(&after, &object, NULL, &fresh, &arena);
    struct blob *record = blob_new(record_size(&after));
    assert_non_null(record);
    record_encode(&after, record->at);
    blob_release(present);
    arena_close(&arena);
    return record;
}

static enum store_verdict erase(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    (void)op, (void)current, (void)draft;
    return STORE_ERASE;
}

void world_forget(struct world *world, unsigned node, const char *key)
{
    struct store_op op = {.kind = STORE_UPDATE, .apply = erase, .durability = DURABILITY_COMMITTED};
    do_op(&world->boxes[node], &op, key);
}

struct placing {
    struct store_op op; /* first */
    struct blob *record;
};

static enum store_verdict take(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    (void)current;
    assert_true(store_draft_take(draft, ((struct placing *)(void *)op)->record));
    return STORE_REPLACE;
}

void world_place(struct world *world, unsigned node, const char *key, struct blob *record)
{
    struct placing placing = {.op = {.kind = STORE_UPDATE, .apply = take, .durability = DURABILITY_COMMITTED},
                              .record = record};
    do_op(&world->boxes[node], &placing.op, key);
}

static void put(struct world *world, unsigned mask, const char *key, struct bytes value, bool is_delete)
{
    unsigned first = 0;
    while ((mask >> first & 1) == 0)
        first++;
    struct blob *record = next_record(&world->boxes[first], key, value, is_delete);
    for (unsigned i = 0; i < world->count; i++) {
        if ((mask >> i & 1) != 0)
            merge_at(&world->boxes[i], key, record);
    }
    blob_release(record);
}

void world_put(struct world *world, unsigned mask, const char *key, const char *value)
{
    put(world, mask, key, value == NULL ? bytes_of(NULL, 0) : bytes_of_text(value), value == NULL);
}

void world_put_bytes(struct world *world, unsigned mask, const char *key, struct bytes value)
{
    put(world, mask, key, value, false);
}

const char *world_value(struct world *world, unsigned node, const char *key, uint32_t *live)
{
    static char value[256];
    struct blob *record = world_record(world, node, key);
    struct version newest;
    uint32_t count = 0;
    const char *shown = NULL;
    if (record != NULL)
        assert_int_equal(record_newest(blob_bytes(record), &newest, &count), RECORD_OK);
    if (count > 0 && newest.kind == VERSION_VALUE) {
        snprintf(value, sizeof value, "%.*s", (int)newest.value.len, (const char *)newest.value.at);
        shown = value;
    }
    if (live != NULL)
        *live = count;
    blob_release(record);
    return shown;
}

bool world_is_same(const struct world *world)
{
    uint32_t partitions = world->view->partition_count;
    for (uint32_t p = 0; p < partitions; p++) {
        bool is_first = true;
        uint64_t root = 0;
        for (unsigned i = 0; i < world->count; i++) {
            if (!world->boxes[i].is_up || !world_owns(world, i, (uint16_t)p))
                continue;
            uint64_t own = tree_root(store_tree(world->boxes[i].store), partitions, (uint16_t)p);
            if (!is_first && own != root)
                return false;
            root = own;
            is_first = false;
        }
    }
    return true;
}

hybrid_time world_horizon(const struct world *world, unsigned node, uint16_t partition)
{
    return standing_horizon(world->boxes[node].standing, partition);
}

hybrid_time world_clock(struct world *world, unsigned node)
{
    return hybrid_next(&world->boxes[node].replica.clock, box_now(&world->boxes[node]));
}

struct antientropy_peer_row world_row(const struct world *world, unsigned node, unsigned peer)
{
    struct antientropy_peer_row rows[WORLD_NODES_MAX], none = {0};
    unsigned count = antientropy_peers(world->boxes[node].antientropy, rows, WORLD_NODES_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (rows[i].node == world->boxes[peer].id)
            return rows[i];
    }
    return none;
}
