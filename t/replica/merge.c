/* What a replica makes of an object that another one sends. */
#include "replica/merge.h"

#include "base/prng.h"
#include "base/seeded.h"
#include "version/fingerprint.h"
#include "version/record.h"

#include <stdlib.h>

enum { REPLICAS = 4, MESSAGES = 6 };

static struct arena scratch, other;
static struct replica replica;
static const struct instant now = {.mono_ns = 5000000000, .wall_ms = 1700000000000};

static struct blob *encoded(const struct object *object)
{
    struct blob *blob = blob_new(record_size(object));
    assert_non_null(blob);
    record_encode(object, blob->at);
    return blob;
}

static struct object decoded(const struct blob *blob)
{
    struct object object = {0};
    if (blob != NULL)
        assert_int_equal(record_decode(blob_bytes(blob), &object, &other), RECORD_OK);
    return object;
}

/* Runs the merge on `current` (may be NULL) and returns what is there afterwards, with a reference. */
static struct blob *merge_into(struct replica_merge *merge, struct blob *current, struct blob *incoming, bool newest)
{
    struct store_draft draft = {0};
    replica_merge_init(merge, &replica, &scratch, now, incoming, newest);
    struct bytes before = current == NULL ? bytes_of(NULL, 0) : blob_bytes(current);
    enum store_verdict verdict = merge->op.apply(&merge->op, before, &draft);
    if (verdict == STORE_REPLACE)
        return draft.record;
    assert_int_equal(verdict, STORE_KEEP);
    blob_release(draft.record);
    return current == NULL ? NULL : blob_retain(current);
}

/* The time that a sender is told of whose version is there, and not the newest; 0: it is, or it is not there. */
static hybrid_time expected_winner(const struct blob *after, const struct blob *incoming)
{
    struct object object = decoded(after), sent = decoded(incoming);
    const struct version *newest = object_newest(&object), *theirs = object_newest(&sent);
    for (uint32_t i = 0; theirs != NULL && i < object.live_count; i++) {
        if (dot_equal(&object.live[i].dot, &theirs->dot))
            return dot_equal(&newest->dot, &theirs->dot) ? 0 : newest->time;
    }
    return 0;
}

/* Some nodes write, touch and merge; messages are old copies. */
struct play {
    struct prng prng;
    struct blob *at[REPLICAS], *messages[MESSAGES];
    uint64_t births, time;
};

static void replace(struct blob **place, struct blob *by)
{
    blob_release(*place);
    *place = by;
}

static void play_write(struct play *play, unsigned node, bool newest)
{
    struct object object = decoded(play->at[node]), out;
    struct version fresh = {.value = bytes_of("some value", prng_below(&play->prng, 10))};
    bool birth_used;
    fresh.dot = object_next_dot(&object, node + 1, 77, play->births + 1, &birth_used);
    play->births += birth_used;
    fresh.time = fresh.expiry_stamp = ++play->time;
    fresh.flags = (uint32_t)play->time;
    if (prng_below(&play->prng, 4) == 0) {
        fresh.kind = VERSION_TOMBSTONE;
        fresh.value = bytes_of(NULL, 0);
    }
    struct object known = decoded(play->messages[prng_below(&play->prng, MESSAGES)]);
    bool is_partial = !newest && prng_below(&play->prng, 2) == 0 && context_contains(&object.context, &known.context);
    object_put(&out, &object, is_partial ? &known.context : NULL, &fresh, &other);
    if (newest)
        object_keep_newest(&out, 0);
    replace(&play->at[node], encoded(&out));
}

static void play_touch(struct play *play, unsigned node)
{
    struct object object = decoded(play->at[node]);
    if (object.live_count == 0)
        return;
    object.live[0].expiry_stamp = ++play->time;
    object.live[0].expiry_ms = prng_below(&play->prng, 1000);
    replace(&play->at[node], encoded(&object));
}

static void play_open(struct play *play, uint64_t seed)
{
    *play = (struct play){.time = hybrid_of_ms(1000)};
    prng_init(&play->prng, seed);
}

static void play_close(struct play *play)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        blob_release(play->at[i]);
    for (unsigned i = 0; i < MESSAGES; i++)
        blob_release(play->messages[i]);
}

static bool same_context(const struct context *a, const struct context *b)
{
    return context_contains(a, b) && context_contains(b, a);
}

/* The shortcuts give what object_merge gives. */
static void check_merge(struct play *play, struct blob *current, struct blob *incoming, struct blob *result,
                        uint64_t seed)
{
    struct object a = decoded(current), b = decoded(incoming), expected, got = decoded(result);
    (void)play;
    object_merge(&expected, &a, 0, &b, 0, &other);
    assert_seeded(object_fingerprint(&expected) == object_fingerprint(&got), seed);
    assert_seeded(same_context(&expected.context, &got.context), seed);
    for (uint32_t i = 0; i < got.live_count; i++)
        assert_seeded(bytes_equal(got.live[i].value, expected.live[i].value)
                          && got.live[i].flags == expected.live[i].flags,
                      seed);
}

static void it_merges_as_objects_are_merged(void **state)
{
    (void)state;
    unsigned taken = 0, kept = 0, mixed = 0, beaten = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct play play;
        play_open(&play, seed);
        for (unsigned step = 0; step < 100; step++) {
            unsigned node = (unsigned)prng_below(&play.prng, REPLICAS);
            unsigned message = (unsigned)prng_below(&play.prng, MESSAGES);
            struct replica_merge merge;
            arena_reset(&other);
            switch (prng_below(&play.prng, 6)) {
            case 0:
                play_write(&play, node, false);
                break;
            case 1:
                play_touch(&play, node);
                break;
            case 2:
                if (play.at[node] != NULL)
                    replace(&play.messages[message], blob_retain(play.at[node]));
                break;
            default:
                if (play.messages[message] == NULL)
                    break;
                struct blob *before = play.at[node], *incoming = play.messages[message];
                struct blob *after = merge_into(&merge, before, incoming, false);
                hybrid_time winner = expected_winner(after, incoming);
                assert_seeded(merge.outcome == MERGE_DONE && merge.winner == winner, seed);
                check_merge(&play, before, incoming, after, seed);
                struct blob *again = merge_into(&merge, after, incoming, false); /* repeated: nothing new */
                assert_seeded(again == after && merge.winner == winner, seed);
                blob_release(again);
                beaten += winner != 0;
                taken += after == incoming && after != before;
                kept += after == before;
                mixed += after != incoming && after != before;
                replace(&play.at[node], after);
                break;
            }
        }
        play_close(&play);
    }
    assert_true(taken > 200 && kept > 200 && mixed > 200 && beaten > 200); /* all ways are tried */
}

static void only_the_newest_stays_where_the_bucket_says_so(void **state)
{
    (void)state;
    unsigned lost = 0, won = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct play play;
        play_open(&play, seed);
        for (unsigned step = 0; step < 100; step++) {
            unsigned node = (unsigned)prng_below(&play.prng, REPLICAS);
            unsigned message = (unsigned)prng_below(&play.prng, MESSAGES);
            struct replica_merge merge;
            arena_reset(&other);
            unsigned what = (unsigned)prng_below(&play.prng, 6);
            if (what == 0)
                play_write(&play, node, true);
            if (what == 1)
                play_touch(&play, node);
            if (what == 2 && play.at[node] != NULL)
                replace(&play.messages[message], blob_retain(play.at[node]));
            if (what < 3 || play.messages[message] == NULL)
                continue;
            struct object before = decoded(play.at[node]), incoming = decoded(play.messages[message]);
            struct blob *after = merge_into(&merge, play.at[node], play.messages[message], true);
            struct object result = decoded(after);
            const struct version *ours = object_newest(&before), *theirs = object_newest(&incoming);
            bool theirs_newer = ours == NULL || version_compare(theirs, ours) >= 0;
            assert_seeded(result.live_count == 1, seed);
            assert_seeded(dot_equal(&result.live[0].dot, theirs_newer ? &theirs->dot : &ours->dot), seed);
            bool is_beaten = !theirs_newer && !context_covers(&before.context, &theirs->dot);
            assert_seeded(merge.winner == (is_beaten ? ours->time : 0), seed);
            hybrid_time winner = merge.winner;
            struct blob *again = merge_into(&merge, after, play.messages[message], true);
            assert_seeded(again == after && merge.winner == winner, seed); /* a repeated message is told the same */
            blob_release(again);
            lost += is_beaten;
            won += theirs_newer && after != play.at[node];
            replace(&play.at[node], after);
        }
        play_close(&play);
    }
    assert_true(lost > 300 && won > 300);
}

static struct object object_of(struct version *version, struct pair *pair)
{
    *pair = (struct pair){version->dot.actor, version->dot.counter, version->time};
    return (struct object){.context = {pair, 1}, .live = version, .live_count = 1};
}

static struct version value_at(uint32_t node, hybrid_time time)
{
    return (struct version){.dot = {{node, 7, 1}, 1}, .time = time, .expiry_stamp = time, .value = bytes_of("v", 1)};
}

/* Which attempt of its request made it may yet be overtaken; what it has driven out would be the newest then [R10]. */
static void what_a_named_version_drives_out_stays_behind_it(void **state)
{
    (void)state;
    struct replica_merge merge;
    struct pair pairs[3];
    struct version named = value_at(2, hybrid_of_ms(3000)), plain = value_at(3, hybrid_of_ms(2000)),
                   older = value_at(4, hybrid_of_ms(1000));
    named.request = 77;
    named.attempt = 1;
    struct object objects[] = {object_of(&named, &pairs[0]), object_of(&plain, &pairs[1]),
                               object_of(&older, &pairs[2])};
    struct blob *sent[] = {encoded(&objects[0]), encoded(&objects[1]), encoded(&objects[2])};
    arena_reset(&other);
    struct blob *both = merge_into(&merge, sent[0], sent[1], true);
    assert_true(merge.winner == named.time);
    struct object result = decoded(both);
    assert_int_equal(result.live_count, 2);
    assert_true(dot_equal(&result.live[0].dot, &named.dot) && dot_equal(&result.live[1].dot, &plain.dot));
    struct blob *again = merge_into(&merge, both, sent[1], true);
    assert_ptr_equal(again, both);
    assert_true(merge.winner == named.time); /* and is told the same again */
    blob_release(again);
    again = merge_into(&merge, both, sent[2], true);
    assert_ptr_equal(again, both); /* behind one that nothing can overtake nothing stays */
    blob_release(again);

    /* Another attempt, made elsewhere without knowing of either, that is older than what was driven out. */
    struct version next = value_at(5, hybrid_of_ms(1500));
    next.request = 77;
    next.attempt = 2;
    struct pair known[] = {{request_actor(77), 1, next.time}, {next.dot.actor, 1, next.time}};
    struct object overtaking = {.context = {known, 2}, .live = &next, .live_count = 1};
    struct blob *late = encoded(&overtaking), *after = merge_into(&merge, both, late, true);
    result = decoded(after);
    assert_int_equal(result.live_count, 1);
    assert_true(dot_equal(&result.live[0].dot, &plain.dot));
    assert_true(merge.winner == plain.time);
    blob_release(late);
    blob_release(after);
    blob_release(both);
    for (unsigned i = 0; i < 3; i++)
        blob_release(sent[i]);
}

static void the_clock_follows_what_comes_but_not_an_absurd_time(void **state)
{
    (void)state;
    struct replica_merge merge;
    struct pair pair;
    replica_init(&replica, 1, 7, 0);
    replica_set_alone(&replica, false);
    uint64_t present_ms = hybrid_now_ms(&replica.clock, now);
    struct version near = value_at(2, hybrid_of_ms(present_ms + REPLICA_AHEAD_MS_MAX - 10));
    struct object object = object_of(&near, &pair);
    struct blob *incoming = encoded(&object), *stored = merge_into(&merge, NULL, incoming, false);
    assert_ptr_equal(stored, incoming); /* as it came, without a copy */
    assert_true(hybrid_next(&replica.clock, now) > near.time);
    blob_release(incoming);
    blob_release(stored);

    struct version far = value_at(2, hybrid_of_ms(present_ms + 10 * (uint64_t)REPLICA_AHEAD_MS_MAX));
    object = object_of(&far, &pair);
    incoming = encoded(&object);
    stored = merge_into(&merge, NULL, incoming, false);
    assert_ptr_equal(stored, incoming); /* data all the same */
    assert_true(hybrid_next(&replica.clock, now) < far.time);
    blob_release(incoming);
    blob_release(stored);
}

static void what_cannot_be_decoded_changes_nothing(void **state)
{
    (void)state;
    struct replica_merge merge;
    struct pair pair;
    struct version version = value_at(2, hybrid_of_ms(1000));
    struct object object = object_of(&version, &pair);
    struct blob *good = encoded(&object), *bad = blob_new(30);
    memset(bad->at, 0xff, bad->len);
    struct blob *after = merge_into(&merge, good, bad, false);
    assert_ptr_equal(after, good);
    assert_int_equal(merge.outcome, MERGE_CORRUPT);
    blob_release(after);
    after = merge_into(&merge, bad, good, false);
    assert_ptr_equal(after, bad);
    assert_int_equal(merge.outcome, MERGE_CORRUPT);
    blob_release(after);

    struct store_draft draft = {0}; /* unless the caller knows that it is lost */
    replica_merge_init(&merge, &replica, &scratch, now, good, false);
    merge.op.replaces_corrupt = true;
    assert_int_equal(merge.op.apply(&merge.op, blob_bytes(bad), &draft), STORE_REPLACE);
    assert_ptr_equal(draft.record, good);
    blob_release(draft.record);
    blob_release(good);
    blob_release(bad);
}

static void births_up_to_a_loss_are_not_gone_on_with(void **state)
{
    (void)state;
    static struct replica mine;
    struct object object = {0}, out;
    replica_init(&mine, 1, 7, 0);
    arena_reset(&other);
    struct version first = replica_fresh_version(&mine, &object, now);
    object_put(&out, &object, NULL, &first, &other);
    struct version second = replica_fresh_version(&mine, &out, now);
    assert_true(second.dot.actor.birth == first.dot.actor.birth && second.dot.counter == 2);
    replica_forget_births(&mine);
    struct version third = replica_fresh_version(&mine, &out, now); /* over the older copy that came back */
    assert_true(third.dot.actor.birth > first.dot.actor.birth && third.dot.counter == 1);
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&scratch);
    arena_init(&other);
    replica_init(&replica, 1, 7, 0);
    replica_set_alone(&replica, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_close(&scratch);
    arena_close(&other);
    return 0;
}

/* `count` siblings by actors of their own, of the nodes from `node` on. */
static struct blob *siblings_of_nodes(uint32_t node, uint32_t count)
{
    struct pair *pairs = calloc(count, sizeof *pairs);
    struct version *live = calloc(count, sizeof *live);
    assert_true(pairs != NULL && live != NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct actor actor = {node + i, 1, 1};
        pairs[i] = (struct pair){actor, 1, node + i};
        live[count - 1 - i] =
            (struct version){.dot = {actor, 1}, .time = node + i, .expiry_stamp = node + i, .value = bytes_of("x", 1)};
    }
    struct object object = {{pairs, count}, live, count};
    struct blob *blob = encoded(&object);
    free(pairs);
    free(live);
    return blob;
}

/* Each side is within a record's limits. */
static void more_siblings_than_a_record_takes_change_nothing(void **state)
{
    (void)state;
    struct replica_merge merge;
    struct object all = {0};
    struct blob *both[] = {siblings_of_nodes(1, RECORD_VERSIONS_MAX), siblings_of_nodes(RECORD_VERSIONS_MAX + 1, 1)};
    struct blob *after = merge_into(&merge, both[0], both[1], false);
    assert_int_equal(merge.outcome, MERGE_NO_MEMORY);
    assert_ptr_equal(after, both[0]);
    blob_release(after);
    arena_reset(&other);
    hybrid_time horizon = 0;
    const struct replica_copy copies[] = {{.record = both[0]}, {.record = both[1]}};
    assert_false(replica_merge_copies(&all, &horizon, copies, 2, false, &other));
    all = (struct object){0};
    assert_true(replica_merge_copies(&all, &horizon, copies, 2, true, &other)); /* the newest alone does fit */
    blob_release(both[0]);
    blob_release(both[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_merges_as_objects_are_merged),
        cmocka_unit_test(only_the_newest_stays_where_the_bucket_says_so),
        cmocka_unit_test(what_a_named_version_drives_out_stays_behind_it),
        cmocka_unit_test(the_clock_follows_what_comes_but_not_an_absurd_time),
        cmocka_unit_test(what_cannot_be_decoded_changes_nothing),
        cmocka_unit_test(more_siblings_than_a_record_takes_change_nothing),
        cmocka_unit_test(births_up_to_a_loss_are_not_gone_on_with),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
