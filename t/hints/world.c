#include "hints/world.h"

#include "base/check.h"
#include "base/hash.h"
#include "message/frame.h"
#include "storage/inside.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITER = 0, REPAIRER = 2, OP_OWNER = 9, TICK_MS = 5 };

static uint32_t id_of(char name)
{
    char text[2] = {name, '\0'};
    return ring_node_id(text);
}

struct fake_peer *world_peer(struct world *world, char name)
{
    CHECK(name >= 'b' && name < 'b' + PEERS);
    return &world->peers[name - 'b'];
}

static struct fake_peer *peer_of(struct world *world, uint32_t node)
{
    for (unsigned i = 0; i < PEERS; i++)
        if (world->peers[i].node == node)
            return &world->peers[i];
    return NULL;
}

static bool is_up(void *host, uint32_t node, struct instant now)
{
    (void)now;
    const struct fake_peer *peer = peer_of(host, node);
    return peer != NULL && peer->is_up;
}

static struct chain *request(void *host, uint32_t node, struct instant now)
{
    return is_up(host, node, now) ? &peer_of(host, node)->out : NULL;
}

/* ---- Life ---- */

static void lose(void *host, uint16_t partition)
{
    CHECK(partition < PARTITIONS);
    ((struct world *)host)->losses++;
}

static void start(struct world *world)
{
    fixture_open(&world->hint);
    fixture_open(&world->data);
    replica_init(&world->replica, id_of('a'), 0xabcdef + world->births, world->hint.found.newest);
    replica_set_alone(&world->replica, false);
    world->replica.value_max = world->replica.object_max = 1 << 20;
    world->hints = hints_new(world->hint.store, &world->replica);
    hints_load(world->hints, store_loop_of(world->hint.store, REPAIRER));
    const struct deliver_parts parts = {.hints = world->hints,
                                        .replica = &world->replica,
                                        .hint_loop = store_loop_of(world->hint.store, REPAIRER),
                                        .data_loop = store_loop_of(world->data.store, REPAIRER),
                                        .op_owner = OP_OWNER,
                                        .is_up = is_up,
                                        .request = request,
                                        .lose = lose,
                                        .host = world};
    world->deliver = deliver_new(&parts);
    deliver_set_buckets(world->deliver, &world->buckets);
    if (world->view != NULL)
        deliver_set_view(world->deliver, world->now, world->view, ring_member_index(world->view, id_of('a')));
}

void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    fixture_init(&world->hint);
    fixture_init(&world->data);
    world->hint.limits.no_tree = true;
    world->hint.limits.memory_bytes = 8 << 20;
    world->hint.limits.log_segment_bytes = 256 << 10;
    world->hint.limits.log_bytes = 8 << 20;
    world->now = (struct instant){.mono_ns = 1000000000, .wall_ms = 1700000000000};
    pool_init(&world->chunks, chain_chunk_size(), 64);
    arena_init(&world->scratch);
    bucket_table_init(&world->buckets);
    for (unsigned i = 0; i < PEERS; i++) {
        world->peers[i].node = id_of((char)('b' + i));
        chain_init(&world->peers[i].out, &world->chunks);
    }
    start(world);
    world_set_view(world, "abcd", 2);
}

static void stop(struct world *world)
{
    deliver_free(world->deliver);
    hints_free(world->hints);
    fixture_crash(&world->hint);
    fixture_crash(&world->data);
}

void world_close(struct world *world)
{
    stop(world);
    for (unsigned i = 0; i < PEERS; i++) {
        chain_close(&world->peers[i].out);
        for (unsigned k = 0; k < world->peers[i].kept_count; k++)
            blob_release(world->peers[i].kept[k].record);
    }
    ring_view_free(world->view);
    bucket_table_close(&world->buckets);
    arena_close(&world->scratch);
    pool_close(&world->chunks);
    fixture_close(&world->hint);
    fixture_close(&world->data);
}

static void forget_links(struct world *world)
{
    for (unsigned i = 0; i < PEERS; i++) {
        chain_close(&world->peers[i].out);
        chain_init(&world->peers[i].out, &world->chunks);
        world->peers[i].unanswered = 0;
        for (unsigned k = 0; k < world->peers[i].sent_count; k++)
            world->peers[i].sent[k].is_answered = true;
    }
}

void world_crash(struct world *world)
{
    stop(world);
    forget_links(world);
    start(world);
}

void world_set_view(struct world *world, const char *members, unsigned copies)
{
    const struct ring_settings settings = {.cluster = 1,
                                           .partition_count = PARTITIONS,
                                           .strategy = RING_CLAIMED_PARTITIONS,
                                           .copies = (uint8_t)copies,
                                           .tokens = RING_TOKENS_DEFAULT};
    struct ring_member list[1 + PEERS] = {0};
    unsigned count = (unsigned)strlen(members);
    for (unsigned i = 0; i < count; i++) {
        list[i].id = id_of(members[i]);
        list[i].weight = RING_WEIGHT_ONE;
        list[i].name[0] = members[i];
    }
    struct ring_view *old = world->view;
    world->view = ring_view_new(&settings, list, count);
    CHECK(world->view != NULL);
    deliver_set_view(world->deliver, world->now, world->view, ring_member_index(world->view, id_of('a')));
    ring_view_free(old);
}

bool world_owns(const struct world *world, const char *key, char name)
{
    int index = ring_member_index(world->view, id_of(name));
    uint16_t partition = ring_partition(world->view, hash_of_key(bytes_of_text(key)));
    return index >= 0 && ring_owner_place(world->view, partition, (uint32_t)index) >= 0;
}

void world_key(const struct world *world, char owner, unsigned i, char *key)
{
    for (unsigned n = 0, found = 0; n < 100000; n++) {
        snprintf(key, 32, "key-%u", n);
        if (world_owns(world, key, owner) && !world_owns(world, key, 'a') && found++ == i)
            return;
    }
    fail_msg("no partition is owned by %c and not by a", owner);
}

/* ---- Hints ---- */

static void settle(struct world *world);

struct blob *world_record(struct world *world, const char *value, uint32_t writer)
{
    struct pair pair = {.actor = {.node = writer, .incarnation = 7, .birth = ++world->births}, .counter = 1};
    if (writer == world->replica.node)
        pair.actor.incarnation = world->replica.incarnation;
    pair.time = hybrid_next(&world->replica.clock, world->now);
    struct version version = {.dot = {.actor = pair.actor, .counter = 1},
                              .time = pair.time,
                              .expiry_stamp = pair.time,
                              .value = bytes_of_text(value)};
    struct object object = {.context = {.pairs = &pair, .count = 1}, .live = &version, .live_count = 1};
    struct blob *record = blob_new(record_size(&object));
    CHECK_MEMORY(record);
    record_encode(&object, record->at);
    return record;
}

enum store_status world_hint(struct world *world, char owner, const char *key, const char *value, uint32_t writer)
{
    struct blob *record = world_record(world, value, writer);
    struct hint_write write;
    hint_write_init(&write, world->hints, &world->scratch, world->now, record, true, id_of(owner), bytes_of_text(key));
    write.merge.op.partition = ring_partition(world->view, write.merge.op.hash);
    write.merge.op.durability = DURABILITY_COMMITTED;
    struct store_loop *loop = store_loop_of(world->hint.store, WRITER);
    store_submit(loop, world->now, &write.merge.op);
    struct store_op *done = NULL;
    for (unsigned i = 0; i < 1000 && (done = store_next_done(loop, world->now)) == NULL; i++)
        store_checkpoint_slice(world->hint.store, world->now, world->hint.clock);
    CHECK(done == &write.merge.op);
    hint_write_end(&write);
    blob_release(record);
    return done->status;
}

const char *world_value(const struct blob *record)
{
    static char text[256];
    struct version newest;
    uint32_t live = 0;
    if (record == NULL)
        return NULL;
    CHECK(record_newest(blob_bytes(record), &newest, &live) == RECORD_OK && live > 0);
    snprintf(text, sizeof text, "%.*s", (int)newest.value.len, (const char *)newest.value.at);
    return text;
}

const char *world_value_of_hint(struct world *world, char owner, const char *key)
{
    uint8_t at[HINT_KEY_MAX];
    struct store_op op = {.kind = STORE_READ, .hash = hash_of_key(bytes_of_text(key)), .peek = true};
    op.key = hint_key(at, id_of(owner), bytes_of_text(key));
    op.partition = ring_partition(world->view, op.hash);
    struct store_loop *loop = store_loop_of(world->hint.store, WRITER);
    store_submit(loop, world->now, &op);
    CHECK(store_next_done(loop, world->now) == &op);
    const char *value = world_value(op.record);
    blob_release(op.record);
    return value;
}

/* ---- Peers ---- */

static void keep(struct fake_peer *peer, const char *key, struct bytes record)
{
    struct kept *kept = NULL;
    for (unsigned i = 0; i < peer->kept_count && kept == NULL; i++)
        if (strcmp(peer->kept[i].key, key) == 0)
            kept = &peer->kept[i];
    if (kept == NULL) {
        CHECK(peer->kept_count < KEPT_MAX);
        kept = &peer->kept[peer->kept_count++];
        memcpy(kept->key, key, strlen(key) + 1);
    }
    blob_release(kept->record);
    kept->record = blob_new(record.len);
    memcpy(kept->record->at, record.at, record.len);
    kept->times++;
}

const struct kept *world_kept(struct fake_peer *peer, const char *key)
{
    for (unsigned i = 0; i < peer->kept_count; i++)
        if (strcmp(peer->kept[i].key, key) == 0)
            return &peer->kept[i];
    return NULL;
}

static void answer(struct world *world, struct fake_peer *peer, struct sent *sent)
{
    if (sent->is_answered)
        return;
    sent->is_answered = true;
    peer->unanswered--;
    if (peer->loses_answers)
        return;
    bool is_refused = strcmp(peer->refuses, sent->key) == 0;
    const struct message_write_reply reply = {.id = sent->message.id,
                                              .status = is_refused ? MESSAGE_FAILED : peer->answers_with};
    deliver_on_write_reply(world->deliver, world->now, peer->node, &reply);
}

void world_release(struct world *world, struct fake_peer *peer)
{
    peer->holds_back = 0;
    for (unsigned i = 0; i < peer->sent_count; i++)
        answer(world, peer, &peer->sent[i]);
    settle(world);
}

static void receive(struct world *world, struct fake_peer *peer, const struct message_write *message)
{
    CHECK(peer->sent_count < SENT_MAX && message->key.len < 60);
    assert_true(message->is_repair);
    assert_true((message->id & DELIVER_ID_BIT) != 0);
    assert_int_equal(message->epoch, world->view->epoch);
    assert_int_equal(message->stands_in_for, 0);
    struct sent *sent = &peer->sent[peer->sent_count++];
    *sent = (struct sent){.message = *message};
    memcpy(sent->key, message->key.at, message->key.len);
    if (++peer->unanswered > peer->most_unanswered)
        peer->most_unanswered = peer->unanswered;
    if (peer->answers_with == MESSAGE_OK && strcmp(peer->refuses, sent->key) != 0)
        keep(peer, sent->key, message->record);
    if (peer->holds_back != 0)
        peer->holds_back--;
    else
        answer(world, peer, sent);
}

static void hear(struct world *world, struct fake_peer *peer)
{
    size_t len = peer->out.len, at = 0;
    if (len == 0)
        return;
    uint8_t *all = malloc(len);
    CHECK_MEMORY(all);
    struct bytes slice;
    while (peer->out.len > 0 && chain_slices(&peer->out, &slice, 1) == 1) {
        memcpy(all + at, slice.at, slice.len);
        at += slice.len;
        chain_consume(&peer->out, slice.len);
    }
    for (size_t used, from = 0; from < len; from += used) {
        struct frame frame;
        struct message_write message;
        assert_int_equal(frame_next(bytes_of(all + from, len - from), SIZE_MAX, &frame, &used), FRAME_OK);
        assert_true(message_read_write(&frame, &message));
        receive(world, peer, &message);
    }
    free(all);
}

/* ---- Time ---- */

static bool fetch(struct world *world, struct store *store)
{
    struct store_op *op = store_next_done(store_loop_of(store, REPAIRER), world->now);
    if (op == NULL)
        return false;
    assert_int_equal(op->owner, OP_OWNER);
    deliver_on_stored(world->deliver, world->now, op);
    return true;
}

static void settle(struct world *world)
{
    deliver_tick(world->deliver, world->now);
    while (fetch(world, world->hint.store) || fetch(world, world->data.store)) {
        deliver_tick(world->deliver, world->now);
    }
}

void world_run(struct world *world, unsigned ms)
{
    for (unsigned passed = 0; passed < ms; passed += TICK_MS) {
        world->now.mono_ns += (uint64_t)TICK_MS * 1000000;
        world->now.wall_ms += TICK_MS;
        store_checkpoint_slice(world->hint.store, world->now, world->hint.clock);
        store_checkpoint_slice(world->data.store, world->now, world->data.clock);
        assert_true(deliver_wake_at(world->deliver) <= world->now.mono_ns + (uint64_t)DELIVER_LOOK_MS * 1000000);
        settle(world);
        for (unsigned i = 0; i < PEERS; i++)
            hear(world, &world->peers[i]);
        settle(world);
    }
}

static void count(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    uint64_t *counts = context;
    (void)record;
    counts[partition]++;
    counts[PARTITIONS]++;
    counts[PARTITIONS + 1] += key.len + record.len;
}

void world_check_counts(struct world *world)
{
    uint64_t counts[PARTITIONS + 2] = {0}, of_owners = 0;
    struct store_cursor cursor = {0};
    struct hints_counters counted;
    struct hints_row rows[16];
    uint64_t mark = store_mark(world->hint.store);
    for (unsigned i = 0; i < 10000 && !store_is_checkpointed(world->hint.store, mark); i++)
        store_checkpoint_slice(world->hint.store, world->now, world->hint.clock);
    while (cursor.passes == 0)
        store_scan(world->hint.store, store_loop_of(world->hint.store, REPAIRER), &cursor, 100, count, counts);
    for (uint16_t partition = 0; partition < PARTITIONS; partition++)
        assert_int_equal(hints_of_partition(world->hints, partition), counts[partition]);
    hints_count(world->hints, &counted);
    assert_int_equal(counted.kept, counts[PARTITIONS]);
    assert_int_equal(counted.bytes, counts[PARTITIONS + 1]);
    unsigned owners = hints_rows(world->hints, rows, 16);
    for (unsigned i = 0; i < owners; i++) {
        assert_int_equal(rows[i].count, hints_of_owner(world->hints, rows[i].owner));
        of_owners += rows[i].count;
    }
    assert_int_equal(of_owners, counted.kept);
}

struct world the_world;

int world_setup(void **state)
{
    (void)state;
    world_init(&the_world);
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    world_close(&the_world);
    return 0;
}
