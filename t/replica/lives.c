/* One key through long lives of its owners [R1, R3, R4, R5]: nothing that was acknowledged is lost, and nothing dead
 * comes back, while nodes go and come, are wiped or started from old copies, hints and messages turn up late, horizons
 * rise and the dead are freed behind them. Everything that is stored goes through the replica's own functions. */
#include "replica/merge.h"
#include "replica/standing.h"

#include "base/check.h"
#include "base/prng.h"
#include "base/seeded.h"
#include "version/fingerprint.h"
#include "version/record.h"

#include <stdlib.h>

enum {
    OWNERS = 3,
    NODES = 5, /* the last two stand in */
    W = 2,
    MESSAGES = 16,
    COPIES = 4,
    WRITES = 4096,
    GRACE_MS = 40,
    PAIRS_KEPT = 2, /* fewer than in life, so that pruning is busy */
    STEPS = 2000
};

enum wrong {
    NOTHING_WRONG,
    NO_HORIZONS,
    EARLY_HORIZONS,
    FREED_AT_ONCE,
    PRUNED_AT_ONCE,
    FREED_BY_EXPIRY,
    HORIZONS_FORGOTTEN
};

struct copy {
    struct blob *record;
    hybrid_time horizon;
};

struct message {
    struct blob *record;
    hybrid_time horizon;
    unsigned to;
};

struct member {
    struct replica replica;
    struct standing *standing;
    struct blob *record; /* of a stand-in: its hint, for every owner */
    bool is_up, is_doubtful;
    struct copy old[COPIES]; /* of its directory */
};

/* A write, and the last that has become of its expiry. */
struct written {
    hybrid_time time, acked_stamp;
    bool is_delete, is_acked;
    bool is_strict;        /* stored at W owners */
    bool has_met;          /* and made by one who had asked enough owners to have met all those */
    bool may_have_expired; /* by its last acknowledged expiry, or a later one that was not */
    uint64_t expiry_ms;    /* of acked_stamp */
};

struct world {
    struct prng prng;
    struct arena scratch, merging;
    enum wrong wrong;
    bool keeps_newest, is_busy;
    uint64_t ms;
    struct member members[NODES];
    struct message messages[MESSAGES];
    struct written writes[WRITES];
    unsigned write_count, freed, died, risen, restored;
    unsigned owners_asked, owners_stored; /* by the last gather and spread */
    bool has_loss;                        /* a copy has been lost since all were compared */
    const char *broken;
};

static struct instant now_of(const struct world *world)
{
    return (struct instant){.mono_ns = world->ms * 1000000, .wall_ms = world->ms};
}

static void broken(struct world *world, bool holds, const char *claim)
{
    if (!holds && world->broken == NULL)
        world->broken = claim;
}

static void replace(struct blob **place, struct blob *by)
{
    blob_release(*place);
    *place = by;
}

static void take_horizon(struct world *world, unsigned id, hybrid_time horizon)
{
    uint8_t kept[64];
    standing_raise_horizon(world->members[id].standing, 0, horizon);
    standing_encode(world->members[id].standing, 1, kept);
    standing_kept(world->members[id].standing);
}

static void start(struct world *world, unsigned id, hybrid_time horizon)
{
    struct member *member = &world->members[id];
    standing_free(member->standing);
    member->standing = standing_new();
    replica_init(&member->replica, id + 1, prng_next(&world->prng) | 1, 0);
    replica_set_alone(&member->replica, false);
    member->replica.standing = member->standing;
    take_horizon(world, id, horizon);
    hybrid_observe(&member->replica.clock, standing_newest_horizon(member->standing));
    member->is_up = true;
}

static hybrid_time horizon_of(struct world *world, unsigned id)
{
    struct replica_present present = replica_present_at(&world->members[id].replica, now_of(world));
    return replica_horizon(&world->members[id].replica, &present, 0);
}

static struct object decoded(const struct blob *record, struct arena *arena)
{
    struct object object = {0};
    CHECK(record == NULL || record_decode(blob_bytes(record), &object, arena) == RECORD_OK);
    return object;
}

static struct blob *encoded(const struct object *object)
{
    struct blob *blob = blob_new(record_size(object));
    assert_non_null(blob);
    record_encode(object, blob->at);
    return blob;
}

static bool merge_at(struct world *world, unsigned id, struct blob *incoming, hybrid_time horizon)
{
    struct member *member = &world->members[id];
    struct replica_merge merge;
    struct store_draft draft = {0};
    replica_merge_init(&merge, &member->replica, &world->merging, now_of(world), incoming, world->keeps_newest);
    merge.horizon = world->wrong == NO_HORIZONS ? 0 : horizon;
    merge.is_hint = id >= OWNERS || world->wrong == NO_HORIZONS;
    struct bytes before = member->record == NULL ? bytes_of(NULL, 0) : blob_bytes(member->record);
    if (merge.op.apply(&merge.op, before, &draft) == STORE_REPLACE)
        replace(&member->record, draft.record);
    world->died += merge.outcome == MERGE_DEAD;
    return merge.outcome == MERGE_DONE;
}

/* To another node: now, late (and then perhaps again and again), or never. */
static bool send(struct world *world, unsigned to, struct blob *record, hybrid_time horizon)
{
    if (prng_below(&world->prng, 12) == 0) {
        struct message *message = &world->messages[prng_below(&world->prng, MESSAGES)];
        replace(&message->record, blob_retain(record));
        message->horizon = horizon;
        message->to = to;
    }
    bool arrives = world->members[to].is_up && prng_below(&world->prng, 5) != 0;
    return arrives && merge_at(world, to, record, horizon);
}

/* What a coordinator knows of the key: its own copy and enough others to have met every acknowledged write; doubtful
 * ones are merged and not counted, "nothing" of a stand-in neither. */
static bool gather(struct world *world, unsigned at, struct object *object)
{
    struct replica_copy copies[NODES];
    unsigned count = 0, known = 0;
    world->owners_asked = 0;
    for (unsigned i = 0; i < NODES; i++) {
        const struct member *member = &world->members[i];
        if (!member->is_up || (i != at && prng_below(&world->prng, 6) == 0))
            continue;
        bool is_owner = i < OWNERS;
        copies[count].horizon = is_owner && world->wrong != NO_HORIZONS ? horizon_of(world, i) : 0;
        copies[count++].record = member->record;
        known += is_owner ? !member->is_doubtful : member->record != NULL;
        world->owners_asked += is_owner && !member->is_doubtful;
    }
    arena_reset(&world->scratch);
    struct object own = decoded(world->members[at].record, &world->scratch);
    *object = (struct object){0};
    hybrid_time horizon = 0;
    CHECK(replica_merge_copies(object, &horizon, copies, count, world->keeps_newest, &world->scratch));
    replica_observe_object(&world->members[at].replica, object, now_of(world));
    replica_note_returned(&world->members[at].replica, &own.context, &object->context);
    return known >= OWNERS - W + 1;
}

/* Stores it here and at as many others as can be reached: an owner that is away is stood in for. */
static bool spread(struct world *world, unsigned at, const struct object *object)
{
    struct blob *record = encoded(object);
    hybrid_time horizon = at < OWNERS ? horizon_of(world, at) : 0;
    replace(&world->members[at].record, blob_retain(record));
    unsigned stored = 1, spare = OWNERS;
    world->owners_stored = at < OWNERS;
    for (unsigned to = 0; to < OWNERS; to++) {
        if (to == at)
            continue;
        if (world->members[to].is_up) {
            bool is_stored = send(world, to, record, horizon);
            stored += is_stored;
            world->owners_stored += is_stored;
            continue;
        }
        while (spare < NODES && (spare == at || !world->members[spare].is_up))
            spare++;
        if (spare < NODES)
            stored += send(world, spare++, record, horizon);
    }
    blob_release(record);
    return stored >= W;
}

static unsigned any_coordinator(struct world *world)
{
    unsigned first = (unsigned)prng_below(&world->prng, OWNERS);
    for (unsigned i = 0; i < OWNERS; i++) {
        if (world->members[(first + i) % OWNERS].is_up)
            return (first + i) % OWNERS;
    }
    return OWNERS;
}

static void note_expiry(struct world *world, struct written *written, hybrid_time stamp, uint64_t expiry_ms, bool acked)
{
    bool is_past = expiry_ms != 0 && expiry_ms <= world->ms;
    if (acked) {
        written->acked_stamp = stamp;
        written->expiry_ms = expiry_ms;
        written->may_have_expired = false;
    }
    written->may_have_expired = written->may_have_expired || is_past || (!acked && expiry_ms != 0);
}

static uint64_t any_expiry(struct world *world)
{
    uint64_t longest = prng_below(&world->prng, 2) == 0 ? GRACE_MS : 8 * GRACE_MS;
    return prng_below(&world->prng, 4) == 0 ? 0 : world->ms + prng_below(&world->prng, longest);
}

static void put(struct world *world)
{
    struct object object, out;
    unsigned at = any_coordinator(world);
    if (world->write_count == WRITES || !gather(world, at, &object))
        return;
    struct member *member = &world->members[at];
    struct version fresh = replica_fresh_version(&member->replica, &object, now_of(world));
    struct written *written = &world->writes[world->write_count++];
    written->has_met = world->owners_asked > OWNERS - W;
    uint8_t value[2] = {(uint8_t)(world->write_count >> 8), (uint8_t)world->write_count};
    written->time = fresh.time;
    written->is_delete = prng_below(&world->prng, 3) == 0;
    fresh.kind = written->is_delete ? VERSION_TOMBSTONE : VERSION_VALUE;
    fresh.value = written->is_delete ? bytes_of(NULL, 0) : bytes_of(value, 2);
    fresh.expiry_ms = written->is_delete ? 0 : any_expiry(world);
    if (at < OWNERS)
        object_prune(&object, PAIRS_KEPT,
                     world->wrong == PRUNED_AT_ONCE ? hybrid_of_ms(world->ms) : horizon_of(world, at));
    object_put(&out, &object, NULL, &fresh, &world->scratch);
    if (world->keeps_newest)
        object_keep_newest(&out, 0);
    written->is_acked = spread(world, at, &out);
    written->is_strict = world->owners_stored >= W;
    note_expiry(world, written, fresh.expiry_stamp, fresh.expiry_ms, written->is_acked);
}

static struct written *written_at(struct world *world, hybrid_time time)
{
    for (unsigned i = world->write_count; i > 0; i--) {
        if (world->writes[i - 1].time == time)
            return &world->writes[i - 1];
    }
    broken(world, false, "every version was written");
    return &world->writes[0];
}

static void touch(struct world *world)
{
    struct object object;
    unsigned at = any_coordinator(world);
    if (!gather(world, at, &object))
        return;
    struct member *member = &world->members[at];
    struct replica_present present = replica_present_at(&member->replica, now_of(world));
    const struct version *shown = replica_shown(&object, &present);
    hybrid_time stamp = hybrid_next(&member->replica.clock, now_of(world));
    if (shown == NULL || (shown->expiry_ms != 0 && hybrid_ms(stamp) >= shown->expiry_ms))
        return;
    object.live[0].expiry_stamp = stamp;
    object.live[0].expiry_ms = any_expiry(world);
    struct version touched = object.live[0];
    bool is_acked = spread(world, at, &object);
    note_expiry(world, written_at(world, touched.time), stamp, touched.expiry_ms, is_acked);
}

/* Both learn what the other has, with its horizon. */
static void exchange(struct world *world, unsigned a, unsigned b)
{
    struct blob *nothing = encoded(&(struct object){0});
    struct member *left = &world->members[a], *right = &world->members[b];
    struct blob *of_a = blob_retain(left->record != NULL ? left->record : nothing);
    hybrid_time horizon_a = horizon_of(world, a), horizon_b = horizon_of(world, b);
    struct blob *of_b = blob_retain(right->record != NULL ? right->record : nothing);
    (void)merge_at(world, b, of_a, horizon_a);
    (void)merge_at(world, a, of_b, horizon_b);
    blob_release(of_a);
    blob_release(of_b);
    blob_release(nothing);
}

static void deliver_hints(struct world *world)
{
    for (unsigned i = OWNERS; i < NODES; i++) {
        struct member *member = &world->members[i];
        for (unsigned to = 0; to < OWNERS && member->record != NULL; to++)
            (void)merge_at(world, to, member->record, 0);
        replace(&member->record, NULL);
    }
}

static bool are_all_up(const struct world *world)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (!world->members[i].is_up)
            return false;
    }
    return true;
}

/* A copy that was lost has been refilled then, and takes the others' horizon over: else what they know to be dead would
 * be forgotten when they are lost as well, one after the other. */
static void compare_all(struct world *world)
{
    hybrid_time highest = 0;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < OWNERS; i++)
            exchange(world, i, (i + 1) % OWNERS);
    }
    for (unsigned i = 0; i < OWNERS; i++)
        highest = horizon_of(world, i) > highest ? horizon_of(world, i) : highest;
    for (unsigned i = 0; i < OWNERS; i++) {
        if (world->members[i].is_doubtful && world->wrong != HORIZONS_FORGOTTEN)
            take_horizon(world, i, highest);
    }
    for (unsigned i = 0; i < NODES; i++)
        world->members[i].is_doubtful = false;
    world->has_loss = false;
}

/* [R3]: everybody is there, nobody holds a hint, every pair has been compared since. Owners learn of it one by one. */
static void raise_horizon(struct world *world)
{
    bool is_early = world->wrong == EARLY_HORIZONS;
    for (unsigned i = OWNERS; i < NODES && !is_early; i++) {
        if (world->members[i].record != NULL)
            return;
    }
    if (!are_all_up(world) && !is_early)
        return;
    hybrid_time horizon = hybrid_of_ms(world->ms - (is_early ? 0 : GRACE_MS));
    if (!is_early)
        compare_all(world);
    for (unsigned i = 0; i < OWNERS; i++) {
        if (prng_below(&world->prng, 3) == 0 || !world->members[i].is_up)
            continue;
        take_horizon(world, i, horizon);
        world->risen++;
    }
}

static void sweep(struct world *world, unsigned id)
{
    struct member *member = &world->members[id];
    if (id >= OWNERS || member->record == NULL)
        return;
    struct replica_present present = replica_present_at(&member->replica, now_of(world));
    hybrid_time horizon = horizon_of(world, id), judged = horizon;
    arena_reset(&world->scratch);
    struct object object = decoded(member->record, &world->scratch);
    if (world->wrong == FREED_AT_ONCE)
        judged = hybrid_of_ms(world->ms);
    if (world->wrong == FREED_BY_EXPIRY && object.live_count == 1 && object.live[0].time <= horizon
        && version_is_expired(&object.live[0], present.now_ms)) {
        replace(&member->record, NULL); /* however lately it has expired */
        return;
    }
    if (replica_is_freeable(&object, &present, judged)) {
        replace(&member->record, NULL);
        world->freed++;
    } else if (replica_drop_expired_bytes(&object, &present, judged)) {
        replace(&member->record, encoded(&object));
    }
}

/* Wiped, or started from an old copy of its directory: one at a time, until it has been compared with all others. */
static void lose(struct world *world, unsigned id)
{
    struct member *member = &world->members[id];
    if (world->has_loss)
        return;
    const struct copy *old = &member->old[prng_below(&world->prng, COPIES)];
    bool is_wiped = prng_below(&world->prng, 2) == 0;
    replace(&member->record, is_wiped || old->record == NULL ? NULL : blob_retain(old->record));
    start(world, id, is_wiped ? 0 : old->horizon);
    member->is_doubtful = true;
    world->has_loss = true;
    world->restored++;
}

static void keep_copy(struct world *world, unsigned id)
{
    struct member *member = &world->members[id];
    struct copy *old = &member->old[prng_below(&world->prng, COPIES)];
    replace(&old->record, member->record == NULL ? NULL : blob_retain(member->record));
    old->horizon = horizon_of(world, id);
}

static const struct written *last_acked(const struct world *world)
{
    for (unsigned i = world->write_count; i > 0; i--) {
        if (world->writes[i - 1].is_acked)
            return &world->writes[i - 1];
    }
    return NULL;
}

static bool may_be_gone(const struct world *world)
{
    const struct written *acked = last_acked(world);
    for (const struct written *w = acked == NULL ? world->writes : acked; w < world->writes + world->write_count; w++) {
        bool has_expired = w->expiry_ms != 0 && w->expiry_ms <= world->ms;
        if (w->is_delete || w->may_have_expired || has_expired)
            return true;
    }
    return acked == NULL;
}

/* A write that had met all that owners had acknowledged covers them (stand-ins need not have been asked). */
static void check_siblings(struct world *world, const struct object *object)
{
    hybrid_time met = 0;
    for (unsigned i = 0; i < world->write_count; i++) {
        if (world->writes[i].is_strict && world->writes[i].has_met)
            met = world->writes[i].time;
    }
    for (uint32_t i = 0; i < object->live_count; i++) {
        bool is_older = object->live[i].time < met;
        broken(world, !is_older || !written_at(world, object->live[i].time)->is_strict,
               "nothing dead stands beside it");
    }
}

/* Everyone is back, hints have gone where they belong, all have been compared: then all agree on what must be there. */
static void heal_and_check(struct world *world)
{
    for (unsigned i = 0; i < NODES; i++)
        world->members[i].is_up = true;
    deliver_hints(world);
    compare_all(world);
    const struct written *acked = last_acked(world);
    struct replica_present present = {.now_ms = world->ms};
    hybrid_time shown_time = 0;
    for (unsigned i = 0; i < OWNERS; i++) {
        arena_reset(&world->scratch);
        struct object object = decoded(world->members[i].record, &world->scratch);
        const struct version *newest = object_newest(&object), *shown = replica_shown(&object, &present);
        broken(world, i == 0 || shown_time == (shown == NULL ? 0 : shown->time), "all show the same");
        shown_time = shown == NULL ? 0 : shown->time;
        if (shown == NULL) {
            broken(world, may_be_gone(world), "nothing acknowledged is lost");
            continue;
        }
        const struct written *written = written_at(world, newest->time);
        check_siblings(world, &object);
        broken(world, acked == NULL || newest->time >= acked->time, "nothing dead comes back");
        broken(world, !written->is_delete, "what was deleted is not shown");
        broken(world, newest->expiry_stamp >= written->acked_stamp, "no acknowledged touch is lost");
    }
}

static void step(struct world *world)
{
    unsigned id = (unsigned)prng_below(&world->prng, NODES);
    const struct message *message = &world->messages[prng_below(&world->prng, MESSAGES)];
    world->ms += 1 + prng_below(&world->prng, 4);
    switch (prng_below(&world->prng, 16)) {
    case 0:
        put(world);
        break;
    case 1:
    case 2:
        world->is_busy ? put(world) : touch(world);
        break;
    case 3:
    case 4:
        touch(world);
        break;
    case 5:
        world->members[id].is_up = false;
        break;
    case 6:
    case 7:
        world->members[id].is_up = true;
        break;
    case 8:
    case 9: /* however old, and to whom it was sent */
        if (message->record != NULL && world->members[message->to].is_up)
            (void)merge_at(world, message->to, message->record, message->horizon);
        break;
    case 10:
        if (are_all_up(world))
            deliver_hints(world);
        break;
    case 11: /* after a while without writes, now and then */
        world->ms += prng_below(&world->prng, 3) == 0 ? 3 * GRACE_MS : 0;
        if (are_all_up(world))
            deliver_hints(world);
        raise_horizon(world);
        for (unsigned i = 0; i < OWNERS; i++)
            sweep(world, i);
        break;
    case 12:
        lose(world, id);
        break;
    case 13:
        keep_copy(world, id);
        break;
    case 14:
        sweep(world, id);
        break;
    default:
        heal_and_check(world);
    }
}

static struct world *world_new(uint64_t seed, enum wrong wrong, bool keeps_newest)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    prng_init(&world->prng, seed);
    arena_init(&world->scratch);
    arena_init(&world->merging);
    world->wrong = wrong;
    world->keeps_newest = keeps_newest;
    world->is_busy = seed % 2 == 0;
    world->ms = 1000000;
    for (unsigned i = 0; i < NODES; i++)
        start(world, i, 0);
    return world;
}

static void world_free(struct world *world)
{
    for (unsigned i = 0; i < NODES; i++) {
        blob_release(world->members[i].record);
        standing_free(world->members[i].standing);
        for (unsigned k = 0; k < COPIES; k++)
            blob_release(world->members[i].old[k].record);
    }
    for (unsigned i = 0; i < MESSAGES; i++)
        blob_release(world->messages[i].record);
    arena_close(&world->scratch);
    arena_close(&world->merging);
    free(world);
}

struct tally {
    unsigned acked, freed, died, risen, restored;
};

static const char *live(uint64_t seed, enum wrong wrong, bool keeps_newest, struct tally *tally)
{
    struct world *world = world_new(seed, wrong, keeps_newest);
    for (unsigned i = 0; i < STEPS && world->broken == NULL; i++)
        step(world);
    const char *claim = world->broken;
    for (unsigned i = 0; i < world->write_count; i++)
        tally->acked += world->writes[i].is_acked;
    tally->freed += world->freed;
    tally->died += world->died;
    tally->risen += world->risen;
    tally->restored += world->restored;
    world_free(world);
    return claim;
}

enum { LIVES = 150 };

static void assert_holds(bool keeps_newest)
{
    struct tally tally = {0};
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        const char *claim = live(seed, NOTHING_WRONG, keeps_newest, &tally);
        if (claim != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, claim);
    }
    /* All of it happens again and again. */
    assert_true(tally.acked > 50 * LIVES && tally.risen > 10 * LIVES && tally.restored > 10 * LIVES);
    assert_true(tally.freed > LIVES && tally.died > LIVES);
}

static void assert_noticed(enum wrong wrong, bool keeps_newest)
{
    struct tally tally = {0};
    uint64_t seed = 1;
    while (seed <= LIVES && live(seed, wrong, keeps_newest, &tally) == NULL)
        seed++;
    assert_true(seed <= LIVES);
}

static void the_dead_stay_dead_and_the_acknowledged_live_where_the_newest_wins(void **state)
{
    (void)state;
    assert_holds(true);
}

static void and_where_siblings_stay(void **state)
{
    (void)state;
    assert_holds(false);
}

static void merging_without_horizons_is_noticed(void **state)
{
    (void)state;
    assert_noticed(NO_HORIZONS, true);
    assert_noticed(NO_HORIZONS, false);
}

static void a_horizon_that_rises_before_the_exchange_is_noticed(void **state)
{
    (void)state;
    assert_noticed(EARLY_HORIZONS, true);
    assert_noticed(EARLY_HORIZONS, false);
}

static void freeing_ahead_of_the_horizon_is_noticed(void **state)
{
    (void)state;
    assert_noticed(FREED_AT_ONCE, true);
    assert_noticed(FREED_AT_ONCE, false);
}

static void freeing_what_has_expired_lately_is_noticed(void **state)
{
    (void)state;
    assert_noticed(FREED_BY_EXPIRY, true);
    assert_noticed(FREED_BY_EXPIRY, false);
}

/* Where the newest wins, what a pruned context no longer covers loses all the same, by its time. */
static void pruning_ahead_of_the_horizon_is_noticed(void **state)
{
    (void)state;
    assert_noticed(PRUNED_AT_ONCE, false);
}

static void a_refilled_copy_that_forgets_the_horizon_is_noticed(void **state)
{
    (void)state;
    assert_noticed(HORIZONS_FORGOTTEN, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dead_stay_dead_and_the_acknowledged_live_where_the_newest_wins),
        cmocka_unit_test(and_where_siblings_stay),
        cmocka_unit_test(merging_without_horizons_is_noticed),
        cmocka_unit_test(a_horizon_that_rises_before_the_exchange_is_noticed),
        cmocka_unit_test(freeing_ahead_of_the_horizon_is_noticed),
        cmocka_unit_test(freeing_what_has_expired_lately_is_noticed),
        cmocka_unit_test(pruning_ahead_of_the_horizon_is_noticed),
        cmocka_unit_test(a_refilled_copy_that_forgets_the_horizon_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
