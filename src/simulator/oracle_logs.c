/* What processes store: every append to the logs of data and hints, every sync and commit, and what a start finds. */
#include "base/check.h"
#include "base/wire.h"
#include "hints/hints.h"
#include "simulator/world.h"
#include "storage/log_record.h"
#include "version/record.h"

#include <stdlib.h>

enum { SEGMENT_GENERATION_AT = 8 };

/* Where a record lies: one machine's copy of a key, or its hint for another machine. */
struct place {
    unsigned machine;
    int key;
    int owner; /* ORACLE_DATA, or whose hint it is */
    struct copy *copy;
};

static struct hint_copy *find_hint(struct oracle *oracle, unsigned machine, int key, int owner)
{
    struct hint_copies *hints = &oracle->hints[machine][key];
    for (unsigned i = 0; i < hints->count; i++) {
        if (hints->list[i]->owner == owner)
            return hints->list[i];
    }
    struct hint_copy *fresh = calloc(1, sizeof *fresh);
    hints->list = realloc(hints->list, (hints->count + 1) * sizeof(struct hint_copy *));
    CHECK(fresh != NULL && hints->list != NULL);
    fresh->owner = owner;
    hints->list[hints->count++] = fresh;
    return fresh;
}

static int machine_by_id(const struct world *world, uint32_t id)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (ring_node_id(world->machines[i].name) == id)
            return (int)i;
    }
    return -1;
}

/* false: it is none of the run's keys. */
static bool find_place(struct oracle *oracle, unsigned machine, bool is_hint, struct bytes key, struct place *place)
{
    *place = (struct place){.machine = machine, .owner = ORACLE_DATA};
    if (is_hint) {
        place->owner = machine_by_id(oracle->world, hint_owner(key));
        key = hint_client_key(key);
    }
    place->key = keys_find(&oracle->world->keys, key);
    if (place->key < 0 || (is_hint && place->owner < 0))
        return false;
    place->copy =
        is_hint ? &find_hint(oracle, machine, place->key, place->owner)->copy : &oracle->copies[machine][place->key];
    return true;
}

static bool is_live(const struct copy *copy, uint32_t written)
{
    for (uint32_t i = 0; i < copy->live_count; i++) {
        if (copy->live[i].written == written)
            return true;
    }
    return false;
}

static bool lives_anywhere(const struct oracle *oracle, int key, uint32_t written)
{
    for (unsigned i = 0; i < oracle->world->plan.nodes; i++) {
        const struct hint_copies *hints = &oracle->hints[i][key];
        bool lives = is_live(&oracle->copies[i][key], written);
        for (unsigned j = 0; j < hints->count && !lives; j++)
            lives = is_live(&hints->list[j]->copy, written);
        if (lives)
            return true;
    }
    return false;
}

/* Contexts need not tell of what is behind the horizon and lives nowhere any more. */
static void add_forgotten(const struct oracle *oracle, int key, struct bitset *out)
{
    const struct key_writes *writes = &oracle->keys[key];
    hybrid_time horizon = oracle_horizon(oracle, key);
    for (uint32_t i = 0; i < writes->count && horizon != 0; i++) {
        if (oracle->written[writes->list[i]].time <= horizon && !bitset_has(out, i)
            && !lives_anywhere(oracle, key, writes->list[i]))
            bitset_add(out, i);
    }
}

/* Whoever covers a later attempt of the request covers this earlier one, which has been carried out after it [R10]. */
static void add_to_later_attempts(struct oracle *oracle, uint32_t fresh)
{
    const struct written *early = &oracle->written[fresh];
    const struct key_writes *writes = &oracle->keys[early->key];
    for (uint32_t i = 0; i < writes->count && early->request != 0; i++) {
        struct written *late = &oracle->written[writes->list[i]];
        if (late->request != early->request || late->attempt <= early->attempt)
            continue;
        bitset_add(&late->past, early->number);
        for (uint32_t j = 0; j < writes->count; j++) {
            struct written *other = &oracle->written[writes->list[j]];
            if (j != early->number && bitset_has(&other->past, late->number))
                bitset_add(&other->past, early->number);
        }
        for (unsigned j = 0; j < oracle->world->plan.nodes; j++) {
            struct copy *copy = &oracle->copies[j][early->key];
            if (bitset_has(&copy->known, late->number))
                bitset_add(&copy->known, early->number);
        }
    }
}

/* What the maker of a fresh version knew of and did not keep. */
static void set_past(struct oracle *oracle, uint32_t fresh, const struct place *place, const struct object *object)
{
    struct written *written = &oracle->written[fresh];
    oracle_covered_by(oracle, written->key, &object->context, &written->past);
    /* Contexts are pruned and records freed: what was known there has been replaced all the same. */
    bitset_join(&written->past, &place->copy->known);
    add_forgotten(oracle, written->key, &written->past);
    for (uint32_t i = 0; i < object->live_count; i++) {
        uint32_t index = oracle_find(oracle, &object->live[i].dot);
        if (index != ORACLE_NONE)
            bitset_remove(&written->past, oracle->written[index].number);
    }
}

static struct copy copy_of_object(struct oracle *oracle, const struct place *place, const struct object *object,
                                  uint32_t *fresh)
{
    struct copy after = {.exists = true, .live_count = object->live_count};
    after.live = calloc(object->live_count + 1, sizeof *after.live);
    CHECK_MEMORY(after.live);
    *fresh = ORACLE_NONE;
    for (uint32_t i = 0; i < object->live_count; i++) {
        const struct version *version = &object->live[i];
        uint32_t index = oracle_find(oracle, &version->dot);
        if (index == ORACLE_NONE)
            *fresh = index = oracle_add_written(oracle, place->machine, place->key, version);
        else
            checks_on_version(oracle->world, place->machine, index, version, oracle_digest(version));
        after.live[i] = (struct living){.written = index,
                                        .expiry_ms = version->expiry_ms,
                                        .expiry_stamp = version->expiry_stamp,
                                        .kind = version->kind,
                                        .marks = version->marks};
    }
    if (*fresh != ORACLE_NONE) {
        set_past(oracle, *fresh, place, object);
        add_to_later_attempts(oracle, *fresh);
    }
    oracle_known_of(oracle, object, &after.known);
    if (oracle_is_latest(oracle, place->key)) { /* losers go without anybody having replaced them */
        if (!place->copy->is_rotten)            /* what was damaged is lost, and may come again */
            bitset_join(&after.known, &place->copy->known);
        oracle_covered_by(oracle, place->key, &object->context, &after.known);
    }
    after.context.count = object->context.count;
    after.context.pairs = malloc((object->context.count + 1) * sizeof *after.context.pairs);
    CHECK_MEMORY(after.context.pairs);
    memcpy(after.context.pairs, object->context.pairs, object->context.count * sizeof *after.context.pairs);
    return after;
}

/* What a machine has known of stays known: what is not there any more is replaced, or dead. Unless its record was
 * damaged and another's has taken its place. */
static void keep_known(struct copy *after, const struct copy *before, const struct place *place)
{
    if (place->owner != ORACLE_DATA)
        return;
    bitset_join(before->is_rotten ? &after->lost : &after->known, &before->known);
}

/* The new copy takes over what is the machine's and not the record's. */
static void replace(struct oracle *oracle, const struct place *place, struct copy after, const void *file)
{
    struct copy *copy = place->copy;
    after.horizon = copy->horizon;
    after.is_rotten = copy->is_rotten;
    after.was_rotten = copy->was_rotten;
    after.arrived = copy->arrived;
    after.freed = copy->freed;
    after.lost = copy->lost;
    after.durable = copy->durable;
    after.unsynced = copy->unsynced;
    after.unsynced_file = file;
    copy->arrived = copy->freed = copy->lost = copy->durable = copy->unsynced = (struct bitset){0};
    keep_known(&after, copy, place);
    bitset_subtract(&after.lost, &after.known);
    /* What was damaged is not there any more, however durable it was. */
    bitset_subtract(&after.durable, &after.lost);
    bitset_subtract(&after.unsynced, &after.lost);
    oracle_close_copy(copy);
    if (oracle->world->plan.buckets[oracle->world->keys.list[place->key].kind].durability == DURABILITY_SYNCED)
        bitset_join(&after.unsynced, &after.known);
    *copy = after;
    /* What a machine keeps for another it has heard of. */
    if (place->owner != ORACLE_DATA)
        bitset_join(&oracle->copies[place->machine][place->key].arrived, &copy->known);
}

static void say(struct oracle *oracle, const struct place *place, const struct copy *after)
{
    const struct world *world = oracle->world;
    char text[TRACE_LINE_MAX];
    if (world->trace.line == NULL)
        return;
    oracle_describe(oracle, after, text, sizeof text);
    trace_say(&oracle->world->trace, world->now_ns, place->key, "%s has %s%s%s", world->machines[place->machine].name,
              place->owner == ORACLE_DATA ? "" : "for ",
              place->owner == ORACLE_DATA ? "" : world->machines[place->owner].name, text);
}

/* The record is gone. What it had been known of is not to return to the data; a hint may come again. */
static void erase(const struct place *place, struct copy *after)
{
    if (place->owner == ORACLE_DATA)
        bitset_join(&after->known, &place->copy->known);
    bitset_join(&place->copy->freed, &place->copy->known);
    bitset_close(&place->copy->durable);
    bitset_close(&place->copy->unsynced);
}

static void on_record(struct oracle *oracle, const struct place *place, struct bytes record, const void *file)
{
    struct object object = {0};
    struct stored stored = {.machine = place->machine,
                            .key = place->key,
                            .owner = place->owner,
                            .is_erased = record.len == 0,
                            .object = &object,
                            .before = place->copy,
                            .fresh = ORACLE_NONE};
    struct copy after = {0};
    arena_reset(&oracle->scratch);
    if (record.len != 0) {
        CHECK(record_decode(record, &object, &oracle->scratch) == RECORD_OK);
        after = copy_of_object(oracle, place, &object, &stored.fresh);
    } else {
        erase(place, &after);
    }
    stored.after = &after;
    say(oracle, place, &after);
    if (!oracle->is_paused)
        checks_on_stored(oracle->world, &stored);
    replace(oracle, place, after, file);
}

static void on_append(struct machine *machine, bool is_hint, struct fake_file *file, struct bytes data)
{
    struct oracle *oracle = &machine->world->oracle;
    struct wire_reader header = wire_reader_of(bytes_of(file->live + SEGMENT_GENERATION_AT, 8));
    struct log_record record;
    struct place place;
    if (log_record_read(data, wire_read_u64(&header), &record) != LOG_RECORD_OK)
        return; /* the mark at a segment's beginning, or zeros at its end */
    machine->dir.appended++;
    if (find_place(oracle, machine->index, is_hint, record.key, &place))
        on_record(oracle, &place, record.record, file);
}

void oracle_on_append(void *observer, struct fake_file *file, struct bytes data)
{
    on_append(observer, false, file, data);
}

void oracle_on_hint_append(void *observer, struct fake_file *file, struct bytes data)
{
    on_append(observer, true, file, data);
}

static void sync_copy(struct copy *copy, const struct fake_file *file)
{
    if (copy->unsynced_file != file || copy->unsynced.count == 0)
        return;
    bitset_join(&copy->durable, &copy->unsynced);
    bitset_close(&copy->unsynced);
}

void oracle_on_sync(void *observer, struct fake_file *file)
{
    struct machine *machine = observer;
    struct oracle *oracle = &machine->world->oracle;
    for (unsigned key = 0; key < machine->world->keys.count; key++) {
        sync_copy(&oracle->copies[machine->index][key], file);
        for (unsigned i = 0; i < oracle->hints[machine->index][key].count; i++)
            sync_copy(&oracle->hints[machine->index][key].list[i]->copy, file);
    }
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s syncs %s", machine->name, file->name);
}

/* What this copy has known and a record stands for, also where only its context tells that it was replaced: that is all
 * that a start finds of it. */
static void add_stood_for(const struct oracle *oracle, const struct place *place, const struct object *object,
                          struct bitset *out)
{
    struct bitset covered = {0};
    oracle_covered_by(oracle, place->key, &object->context, &covered);
    struct bitset unknown = bitset_copy(&covered);
    bitset_subtract(&unknown, &place->copy->known);
    bitset_subtract(&covered, &unknown);
    bitset_join(out, &covered);
    bitset_close(&covered);
    bitset_close(&unknown);
}

static void on_commit(struct machine *machine, bool is_hint, const struct fake_table *batch)
{
    struct oracle *oracle = &machine->world->oracle;
    for (size_t i = 0; i < batch->count; i++) {
        const struct fake_row *row = &batch->rows[i];
        struct object object;
        struct place place;
        arena_reset(&oracle->scratch);
        if (!find_place(oracle, machine->index, is_hint, bytes_after(blob_bytes(row->key), sizeof(uint16_t)), &place))
            continue;
        place.copy->is_rotten = false; /* what was damaged is overwritten */
        if (row->record == NULL)
            continue;
        CHECK(record_decode(blob_bytes(row->record), &object, &oracle->scratch) == RECORD_OK);
        oracle_known_of(oracle, &object, &place.copy->durable);
        add_stood_for(oracle, &place, &object, &place.copy->durable);
    }
}

void oracle_on_commit(void *observer)
{
    struct machine *machine = observer;
    on_commit(machine, false, &machine->dir.engine.batch);
}

void oracle_on_hint_commit(void *observer)
{
    struct machine *machine = observer;
    on_commit(machine, true, &machine->dir.hint_engine.batch);
}

/* Starts. */

/* What a process that did not stop by itself may have lost of this copy: everything, what was not synced, nothing. */
static void forget(struct copy *copy, const struct copy *found, enum machine_end end)
{
    struct bitset lost = bitset_copy(&copy->known);
    bitset_subtract(&lost, &found->known);
    if (end == END_KILLED || end == END_CLEAN)
        bitset_close(&lost);
    bitset_join(&copy->lost, &lost);
    bitset_subtract(&copy->known, &lost);
    bitset_close(&copy->durable); /* what was found has been written to the engine */
    bitset_join(&copy->durable, &copy->known);
    bitset_close(&copy->unsynced);
    bitset_close(&lost);
}

static void find(struct oracle *oracle, const struct place *place, struct blob *record)
{
    const struct machine *machine = &oracle->world->machines[place->machine];
    struct copy found = {0}, nothing = {0};
    const struct place empty = {.machine = place->machine, .key = place->key, .owner = place->owner, .copy = &nothing};
    struct object object = {0};
    uint32_t fresh = ORACLE_NONE;
    arena_reset(&oracle->scratch);
    if (record != NULL) {
        CHECK(record_decode(blob_bytes(record), &object, &oracle->scratch) == RECORD_OK);
        found = copy_of_object(oracle, &empty, &object, &fresh);
        oracle_covered_by(oracle, place->key, &object.context, &found.known);
    }
    place->copy->is_rotten |= record == NULL && machine->read_failed;
    checks_on_found(oracle->world, machine, place->key, place->copy, &found);
    forget(place->copy, &found, place->copy->is_rotten ? END_WIPED : machine->end);
    bitset_join(&found.known, &place->copy->known);
    place->copy->horizon = 0;
    if (found.exists || place->copy->exists)
        say(oracle, place, &found);
    bool stays_rotten = place->copy->is_rotten && record == NULL;
    replace(oracle, place, found, NULL);
    place->copy->is_rotten = stays_rotten;
    blob_release(record);
}

void oracle_on_start(struct world *world, unsigned machine)
{
    struct oracle *oracle = &world->oracle;
    struct machine *started = &world->machines[machine];
    for (unsigned key = 0; key < world->keys.count; key++) {
        struct place place = {.machine = machine, .key = (int)key, .owner = ORACLE_DATA};
        place.copy = &oracle->copies[machine][key];
        find(oracle, &place, machine_read(started, key));
        for (unsigned i = 0; i < oracle->hints[machine][key].count; i++) {
            struct hint_copy *hint = oracle->hints[machine][key].list[i];
            place.owner = hint->owner;
            place.copy = &hint->copy;
            find(oracle, &place, machine_read_hint(started, key, (unsigned)hint->owner));
        }
    }
}

void oracle_on_rot(struct world *world, unsigned machine, int key)
{
    world->oracle.copies[machine][key].is_rotten = world->oracle.copies[machine][key].was_rotten = true;
}

bool oracle_has_rot(const struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        for (unsigned key = 0; key < world->keys.count; key++) {
            if (world->oracle.copies[i][key].is_rotten)
                return true;
        }
    }
    return false;
}

bool oracle_has_lost_for_good(const struct world *world)
{
    return world->plan.exceeds_budget && oracle_has_rot(world);
}
