#include "antientropy/world.h"

#include "base/check.h"

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

struct instant world_now(const struct box *box)
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
    antientropy_on_peer_down(box->antientropy, world_now(box), peer->id);
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
    antientropy_set_view(box->antientropy, world_now(box), world->view, box->self);
}

static void collect(struct box *box)
{
    for (struct store_op *op; (op = store_next_done(store_loop_of(box->store, 0), world_now(box))) != NULL;) {
        assert_int_equal(op->owner, WORLD_OP_OWNER);
        antientropy_on_stored(box->antientropy, world_now(box), op);
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
        store_checkpoint_slice(box->store, world_now(box), 1);
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
            antientropy_set_view(box->antientropy, world_now(box), next, box->self);
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
        assert_true(antientropy_receive(box->antientropy, world_now(box), link->peer, link, &replied, &frame));
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
        for (unsigned i = 0; i < 100000 && store_checkpoint_slice(box->store, world_now(box), 1) == 0; i++)
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
        if (peer->link != NULL && peer_look(peer, world_now(box)) == PEER_NEEDS_GREETING && !box->is_cut
            && !other->is_cut)
            peer_on_sign(peer);
        bool is_up = peer->link != NULL && !peer->is_silent;
        if (is_up == box->knows_up[other->index])
            continue;
        box->knows_up[other->index] = is_up;
        (is_up ? antientropy_on_peer_up : antientropy_on_peer_down)(box->antientropy, world_now(box), peer->node);
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
            antientropy_tick(box->antientropy, world_now(box));
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
