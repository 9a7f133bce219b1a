#include "simulator/oracle.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "message/data.h"
#include "message/forward.h"
#include "simulator/world.h"
#include "storage/log_record.h"
#include "version/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS = 4096, DIGEST_SEED = 0x6f7261, SEGMENT_GENERATION_AT = 8 };

void oracle_init(struct oracle *oracle, struct world *world)
{
    *oracle = (struct oracle){.world = world, .slot_count = SLOTS};
    oracle->slots = malloc(SLOTS * sizeof *oracle->slots);
    CHECK_MEMORY(oracle->slots);
    memset(oracle->slots, 0xff, SLOTS * sizeof *oracle->slots);
    arena_init(&oracle->kept);
    arena_init(&oracle->scratch);
}

static void close_copy(struct copy *copy)
{
    free(copy->live);
    free(copy->context.pairs);
    bitset_close(&copy->known);
    bitset_close(&copy->arrived);
    bitset_close(&copy->durable);
    bitset_close(&copy->unsynced);
}

void oracle_close(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->count; i++)
        bitset_close(&oracle->written[i].past);
    for (unsigned machine = 0; machine < PLAN_NODES_MAX; machine++) {
        for (unsigned key = 0; key < PLAN_KEYS_MAX; key++)
            close_copy(&oracle->copies[machine][key]);
    }
    for (unsigned key = 0; key < PLAN_KEYS_MAX; key++)
        free(oracle->keys[key].list);
    free(oracle->written);
    free(oracle->slots);
    free(oracle->first_of_op);
    arena_close(&oracle->kept);
    arena_close(&oracle->scratch);
}

static uint32_t *slot_of(const struct oracle *oracle, const struct dot *dot)
{
    uint64_t hash = hash_mix(dot->actor.incarnation ^ hash_mix(dot->actor.birth ^ hash_mix(dot->counter)));
    return &oracle->slots[hash & (oracle->slot_count - 1)];
}

uint32_t oracle_find(const struct oracle *oracle, const struct dot *dot)
{
    uint32_t at = *slot_of(oracle, dot);
    while (at != ORACLE_NONE && !dot_equal(&oracle->written[at].dot, dot))
        at = oracle->written[at].next_same_slot;
    return at;
}

uint32_t oracle_first_of_op(const struct oracle *oracle, size_t op)
{
    return op < oracle->op_room ? oracle->first_of_op[op] : ORACLE_NONE;
}

int oracle_compare(const struct oracle *oracle, uint32_t a, uint32_t b)
{
    const struct written *x = &oracle->written[a], *y = &oracle->written[b];
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return dot_compare(&x->dot, &y->dot);
}

bool oracle_may_follow(const struct oracle *oracle, uint32_t later, uint32_t earlier)
{
    const struct written *x = &oracle->written[later], *y = &oracle->written[earlier];
    return x->time_max != y->time ? x->time_max > y->time : dot_compare(&x->dot, &y->dot) > 0;
}

/* Who made the version that has this value already, SIZE_MAX: none has. */
static size_t maker_of_same(const struct oracle *oracle, int key, struct bytes value)
{
    const struct key_writes *writes = &oracle->keys[key];
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &oracle->written[writes->list[i]];
        if (!written->is_tombstone && bytes_equal(written->value, value))
            return written->op;
    }
    return SIZE_MAX;
}

/* Which operation made a version. A value bears the marks of all operations that it is made of; the one that no
 * version before it bears is its maker. */
static size_t maker_of(const struct oracle *oracle, int key, struct bytes value)
{
    const struct history *history = &oracle->world->history;
    uint64_t number;
    size_t first = SIZE_MAX;
    if (oracle->world->keys.list[key].kind == KEYS_COUNTER)
        return SIZE_MAX;
    for (size_t at = 0; value_next(value, '#', &at, &number);) {
        if (number >= history->count || history_op(history, number)->key != key)
            continue;
        if (oracle_first_of_op(oracle, number) == ORACLE_NONE)
            return number;
        if (first == SIZE_MAX)
            first = number;
    }
    size_t same = first == SIZE_MAX ? SIZE_MAX : maker_of_same(oracle, key, value);
    return same != SIZE_MAX ? same : first; /* carried out twice, or given a later time */
}

static void note_maker(struct oracle *oracle, uint32_t index)
{
    struct written *written = &oracle->written[index];
    written->next_of_op = ORACLE_NONE;
    if (written->op == SIZE_MAX)
        return;
    if (written->op >= oracle->op_room) {
        size_t room = 2 * written->op + 64;
        oracle->first_of_op = realloc(oracle->first_of_op, room * sizeof *oracle->first_of_op);
        CHECK_MEMORY(oracle->first_of_op);
        memset(oracle->first_of_op + oracle->op_room, 0xff, (room - oracle->op_room) * sizeof *oracle->first_of_op);
        oracle->op_room = room;
    }
    written->next_of_op = oracle->first_of_op[written->op];
    oracle->first_of_op[written->op] = index;
}

static uint64_t digest_of(const struct version *version)
{
    return hash_fingerprint(version->value, DIGEST_SEED) ^ hash_mix(version->flags + 1);
}

uint32_t oracle_add_written(struct oracle *oracle, unsigned machine, int key, const struct version *version)
{
    struct key_writes *writes = &oracle->keys[key];
    if (oracle->count == oracle->room) {
        oracle->room = 2 * oracle->room + 256;
        oracle->written = realloc(oracle->written, oracle->room * sizeof *oracle->written);
        CHECK_MEMORY(oracle->written);
    }
    if (writes->count == writes->room) {
        writes->room = 2 * writes->room + 64;
        writes->list = realloc(writes->list, writes->room * sizeof *writes->list);
        CHECK_MEMORY(writes->list);
    }
    uint32_t index = oracle->count++, *slot = slot_of(oracle, &version->dot);
    uint8_t *value = arena_alloc(&oracle->kept, version->value.len + 1);
    if (version->value.len != 0)
        memcpy(value, version->value.at, version->value.len);
    oracle->written[index] = (struct written){.dot = version->dot,
                                              .time = version->time,
                                              .time_max = version->time,
                                              .key = key,
                                              .number = writes->count,
                                              .machine = machine,
                                              .at_ns = oracle->world->now_ns,
                                              .is_tombstone = version->kind == VERSION_TOMBSTONE,
                                              .digest = digest_of(version),
                                              .value = bytes_of(value, version->value.len),
                                              .expiry_ms = version->expiry_ms,
                                              .op = maker_of(oracle, key, version->value),
                                              .next_same_slot = *slot};
    *slot = index;
    writes->list[writes->count++] = index;
    note_maker(oracle, index);
    return index;
}

static void add_known(const struct oracle *oracle, uint32_t index, struct bitset *out)
{
    bitset_add(out, oracle->written[index].number);
    bitset_join(out, &oracle->written[index].past);
}

void oracle_known_of(const struct oracle *oracle, const struct object *object, struct bitset *out)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        uint32_t index = oracle_find(oracle, &object->live[i].dot);
        if (index != ORACLE_NONE)
            add_known(oracle, index, out);
    }
}

/* All versions of a key that a context covers. */
static void add_covered(const struct oracle *oracle, int key, const struct context *context, struct bitset *out)
{
    const struct key_writes *writes = &oracle->keys[key];
    for (uint32_t i = 0; i < writes->count; i++) {
        if (context_covers(context, &oracle->written[writes->list[i]].dot))
            bitset_add(out, i);
    }
}

/* What the maker of a fresh version knew of and did not keep. */
static void set_past(struct oracle *oracle, uint32_t fresh, const struct object *object)
{
    struct written *written = &oracle->written[fresh];
    add_covered(oracle, written->key, &object->context, &written->past);
    /* A ring of one prunes contexts and frees records: what it has known it has replaced all the same. */
    bitset_join(&written->past, &oracle->copies[written->machine][written->key].known);
    for (uint32_t i = 0; i < object->live_count; i++) {
        uint32_t index = oracle_find(oracle, &object->live[i].dot);
        if (index != ORACLE_NONE)
            bitset_remove(&written->past, oracle->written[index].number);
    }
}

static bool is_latest_bucket(const struct oracle *oracle, int key)
{
    return oracle->world->keys.list[key].kind == KEYS_LATEST;
}

static struct copy copy_of_object(struct oracle *oracle, unsigned machine, int key, const struct object *object,
                                  uint32_t *fresh)
{
    const struct copy *before = &oracle->copies[machine][key];
    struct copy after = {.exists = true, .live_count = object->live_count};
    after.live = calloc(object->live_count + 1, sizeof *after.live);
    CHECK_MEMORY(after.live);
    *fresh = ORACLE_NONE;
    for (uint32_t i = 0; i < object->live_count; i++) {
        const struct version *version = &object->live[i];
        uint32_t index = oracle_find(oracle, &version->dot);
        if (index == ORACLE_NONE)
            *fresh = index = oracle_add_written(oracle, machine, key, version);
        else
            checks_on_version(oracle->world, machine, index, version, digest_of(version));
        after.live[i] = (struct living){.written = index,
                                        .expiry_ms = version->expiry_ms,
                                        .expiry_stamp = version->expiry_stamp,
                                        .kind = version->kind,
                                        .marks = version->marks};
    }
    if (*fresh != ORACLE_NONE)
        set_past(oracle, *fresh, object);
    oracle_known_of(oracle, object, &after.known);
    if (is_latest_bucket(oracle, key)) { /* losers go without anybody having replaced them */
        bitset_join(&after.known, &before->known);
        add_covered(oracle, key, &object->context, &after.known);
    }
    after.context.count = object->context.count;
    after.context.pairs = malloc((object->context.count + 1) * sizeof *after.context.pairs);
    CHECK_MEMORY(after.context.pairs);
    memcpy(after.context.pairs, object->context.pairs, object->context.count * sizeof *after.context.pairs);
    return after;
}

/* The new copy takes over what is the machine's and not the record's. */
static void replace(struct oracle *oracle, unsigned machine, int key, struct copy after, const void *file)
{
    struct copy *place = &oracle->copies[machine][key];
    after.arrived = place->arrived;
    after.durable = place->durable;
    after.unsynced = place->unsynced;
    after.unsynced_file = file;
    place->arrived = place->durable = place->unsynced = (struct bitset){0};
    close_copy(place);
    if (oracle->world->plan.buckets[oracle->world->keys.list[key].kind].durability == DURABILITY_SYNCED)
        bitset_join(&after.unsynced, &after.known);
    *place = after;
}

static void say(struct oracle *oracle, const struct machine *machine, int key, const struct copy *after)
{
    char text[TRACE_LINE_MAX];
    if (oracle->world->trace.line == NULL)
        return;
    oracle_describe(oracle, after, text, sizeof text);
    trace_say(&oracle->world->trace, oracle->world->now_ns, key, "%s has %s", machine->name, text);
}

static void on_record(struct oracle *oracle, struct machine *machine, int key, struct bytes record, const void *file)
{
    struct object object = {0};
    struct stored stored = {.machine = machine->index,
                            .key = key,
                            .is_erased = record.len == 0,
                            .object = &object,
                            .before = &oracle->copies[machine->index][key],
                            .fresh = ORACLE_NONE};
    struct copy after = {0};
    arena_reset(&oracle->scratch);
    if (record.len != 0) {
        CHECK(record_decode(record, &object, &oracle->scratch) == RECORD_OK);
        after = copy_of_object(oracle, machine->index, key, &object, &stored.fresh);
    } else {
        bitset_join(&after.known, &stored.before->known);
    }
    stored.after = &after;
    say(oracle, machine, key, &after);
    if (!oracle->is_paused)
        checks_on_stored(oracle->world, &stored);
    replace(oracle, machine->index, key, after, file);
}

void oracle_on_append(void *observer, struct fake_file *file, struct bytes data)
{
    struct machine *machine = observer;
    struct oracle *oracle = &machine->world->oracle;
    struct wire_reader header = wire_reader_of(bytes_of(file->live + SEGMENT_GENERATION_AT, 8));
    struct log_record record;
    if (log_record_read(data, wire_read_u64(&header), &record) != LOG_RECORD_OK)
        return; /* the mark at a segment's beginning, or zeros at its end */
    int key = keys_find(&machine->world->keys, record.key);
    if (key >= 0)
        on_record(oracle, machine, key, record.record, file);
}

void oracle_on_sync(void *observer, struct fake_file *file)
{
    struct machine *machine = observer;
    struct oracle *oracle = &machine->world->oracle;
    for (unsigned key = 0; key < machine->world->keys.count; key++) {
        struct copy *copy = &oracle->copies[machine->index][key];
        if (copy->unsynced.count != 0)
            WORLD_SAY(machine->world, (int)key, "%s syncs %s%s", machine->name, file->name,
                      copy->unsynced_file == file ? "" : ", not the file of its last record");
        if (copy->unsynced_file != file || copy->unsynced.count == 0)
            continue;
        bitset_join(&copy->durable, &copy->unsynced);
        bitset_close(&copy->unsynced);
    }
}

void oracle_on_commit(void *observer)
{
    struct machine *machine = observer;
    struct oracle *oracle = &machine->world->oracle;
    for (size_t i = 0; i < machine->engine.batch.count; i++) {
        const struct fake_row *row = &machine->engine.batch.rows[i];
        int key = keys_find(&machine->world->keys, bytes_after(blob_bytes(row->key), sizeof(uint16_t)));
        struct object object;
        arena_reset(&oracle->scratch);
        if (key < 0 || row->record == NULL)
            continue;
        CHECK(record_decode(blob_bytes(row->record), &object, &oracle->scratch) == RECORD_OK);
        oracle_known_of(oracle, &object, &oracle->copies[machine->index][key].durable);
    }
}

/* Frames. */

/* What a record in a message tells the machine that gets it. */
static void arrive(struct oracle *oracle, unsigned machine, struct bytes record)
{
    struct object object;
    arena_reset(&oracle->scratch);
    if (record.len == 0 || record_decode(record, &object, &oracle->scratch) != RECORD_OK || object.live_count == 0)
        return;
    uint32_t first = oracle_find(oracle, &object.live[0].dot);
    if (first == ORACLE_NONE)
        return;
    int key = oracle->written[first].key;
    struct bitset *arrived = &oracle->copies[machine][key].arrived;
    oracle_known_of(oracle, &object, arrived);
    if (is_latest_bucket(oracle, key))
        add_covered(oracle, key, &object.context, arrived);
}

static void arrive_forward(struct oracle *oracle, unsigned machine, const struct frame *frame)
{
    struct message_forward forward;
    arena_reset(&oracle->scratch);
    if (!message_read_forward(frame, &forward, &oracle->scratch) || !forward.knows_token)
        return;
    int key = keys_find(&oracle->world->keys, forward.key);
    if (key >= 0)
        add_covered(oracle, key, &forward.context, &oracle->copies[machine][key].arrived);
}

void oracle_on_frame(struct world *world, unsigned machine, const struct frame *frame)
{
    struct message_write write;
    struct message_read_reply reply;
    struct message_forward_reply forwarded;
    if (frame->type == MESSAGE_WRITE && message_read_write(frame, &write))
        arrive(&world->oracle, machine, write.record);
    if (frame->type == MESSAGE_READ_REPLY && message_read_read_reply(frame, &reply))
        arrive(&world->oracle, machine, reply.record);
    if (frame->type == MESSAGE_FORWARD_REPLY && message_read_forward_reply(frame, &forwarded))
        arrive(&world->oracle, machine, forwarded.record);
    if (frame->type == MESSAGE_FORWARD)
        arrive_forward(&world->oracle, machine, frame);
}

static int key_of_record(struct oracle *oracle, struct bytes record)
{
    struct version newest;
    uint32_t live;
    if (record.len == 0 || record_newest(record, &newest, &live) != RECORD_OK || live == 0)
        return TRACE_NO_KEY;
    uint32_t index = oracle_find(oracle, &newest.dot);
    return index == ORACLE_NONE ? TRACE_NO_KEY : oracle->written[index].key;
}

int oracle_key_of_frame(struct world *world, struct bytes data)
{
    struct frame frame;
    struct message_read read;
    struct message_write write;
    struct message_forward forward;
    struct message_read_reply reply;
    size_t used;
    if (world->trace.line == NULL || frame_next(data, data.len, &frame, &used) != FRAME_OK)
        return TRACE_NO_KEY;
    arena_reset(&world->oracle.scratch);
    if (frame.type == MESSAGE_READ && message_read_read(&frame, &read))
        return keys_find(&world->keys, read.key);
    if (frame.type == MESSAGE_WRITE && message_read_write(&frame, &write))
        return keys_find(&world->keys, write.key);
    if (frame.type == MESSAGE_FORWARD && message_read_forward(&frame, &forward, &world->oracle.scratch))
        return keys_find(&world->keys, forward.key);
    if (frame.type == MESSAGE_READ_REPLY && message_read_read_reply(&frame, &reply))
        return key_of_record(&world->oracle, reply.record);
    return TRACE_NO_KEY;
}

bool oracle_holds(const struct oracle *oracle, const struct copy *copy, uint32_t written)
{
    const struct written *wanted = &oracle->written[written];
    if (!copy->exists)
        return false;
    if (is_latest_bucket(oracle, wanted->key))
        return copy->live_count > 0 && oracle_compare(oracle, copy->live[0].written, written) >= 0;
    return bitset_has(&copy->known, wanted->number);
}

void oracle_describe(const struct oracle *oracle, const struct copy *copy, char *text, size_t room)
{
    size_t len = (size_t)snprintf(text, room, "%s", copy->exists ? "" : "nothing");
    for (uint32_t i = 0; i < copy->live_count && len < room; i++) {
        const struct living *living = &copy->live[i];
        const struct written *written = &oracle->written[living->written];
        int shown = written->value.len < 40 ? (int)written->value.len : 40;
        len += (size_t)snprintf(text + len, room - len, "%sv%u of %s@%" PRIu64 ".%u %s%.*s", i == 0 ? "" : " | ",
                                written->number, oracle->world->machines[written->machine].name,
                                (uint64_t)hybrid_ms(written->time) % 100000, (unsigned)(written->time & 0xffff),
                                living->kind == VERSION_TOMBSTONE ? "(deleted)" : "", shown,
                                (const char *)written->value.at);
        if (living->expiry_ms != 0 && len < room)
            len += (size_t)snprintf(text + len, room - len, " until %" PRIu64, living->expiry_ms % 100000);
    }
}
