/* What a node keeps for owners that are down, and gives to those who ask for it. */
#include "node/ring.h"

#include "hints/hints.h"
#include "message/data.h"
#include "version/record.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static uint64_t kept(unsigned at, unsigned owner)
{
    return hints_of_owner(node_hints(ring->machines[at].shared), ring->machines[owner].id);
}

/* Nobody reaches it, and it reaches nobody. */
static void isolate(unsigned machine)
{
    for (unsigned m = 0; m < ring->machine_count; m++) {
        if (m != machine)
            ring_part(ring, machine, m);
    }
}

static void a_stand_in_keeps_what_an_owner_misses(void **state)
{
    (void)state;
    char key[32];
    ring_open_sloppy(ring, 5, 3);
    key_led_by(ring, 0, 0, key);
    unsigned third = place_of_key(ring, key, 2), stand_in = place_of_key(ring, key, 3);
    isolate(third);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    assert_int_equal(kept(stand_in, third), 1);
    assert_int_equal(set(ring, 0, key, "2"), REQUEST_OK); /* they merge into one */
    assert_int_equal(kept(stand_in, third), 1);
    assert_int_equal(kept(place_of_key(ring, key, 4), third), 0);
    ring_close(ring);
}

/* Two of three owners are away: the third has one copy, the stand-ins have the second. Then it goes, too. */
static void what_stand_ins_keep_is_read_from_them(void **state)
{
    (void)state;
    char key[32];
    ring_open_sloppy(ring, 5, 3);
    key_led_by(ring, 0, 0, key);
    unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
    unsigned near = place_of_key(ring, key, 3), far = place_of_key(ring, key, 4);
    isolate(second);
    isolate(third);
    assert_int_equal(set(ring, far, key, "1"), REQUEST_OK);
    assert_int_equal(kept(near, second) + kept(near, third) + kept(far, second) + kept(far, third), 2);
    assert_true(shows(ring, near, key, "1"));
    isolate(0);
    assert_true(shows(ring, near, key, "1"));
    assert_true(shows(ring, far, key, "1"));
    ring_close(ring);
}

static void without_any_owner_stand_ins_take_and_give(void **state)
{
    (void)state;
    char key[32];
    ring_open_sloppy(ring, 5, 3);
    key_led_by(ring, 0, 0, key);
    unsigned near = place_of_key(ring, key, 3), far = place_of_key(ring, key, 4);
    for (unsigned place = 0; place < 3; place++)
        isolate(place_of_key(ring, key, place));
    assert_int_equal(set(ring, far, key, "5"), REQUEST_OK); /* forwarded to the first stand-in */
    assert_int_equal(COUNTER(ring, near, served_forwards), 1);
    assert_int_equal(incr(ring, near, key, 1), REQUEST_OK);
    assert_true(shows(ring, near, key, "6"));
    assert_true(shows(ring, far, key, "6"));
    assert_int_equal(get(ring, far, "nothing at all")->status == REQUEST_OK, false);
    ring_close(ring);
}

/* A frame as the first machine's node would write it, on its link to another. */
static void send_write(unsigned to, const struct message_write *write)
{
    struct joint *joint = ring_joint(ring, 0, 0, to);
    message_write_write(&joint->end[0].out, write, NULL);
    link_wants_flush(&joint_node(ring, joint, 0)->flushes, &joint->end[0]);
    ring_pump(ring);
}

/* What the first machine has of a key; the caller releases it. */
static struct blob *record_of(unsigned machine, const char *key)
{
    struct store_op op = {.kind = STORE_READ, .peek = true, .key = text(key), .hash = hash_of_key(text(key))};
    op.partition = ring_partition(node_view(ring->machines[machine].shared), op.hash);
    store_submit(ring_loop(ring, machine, 0)->store, ring->now, &op);
    assert_ptr_equal(store_next_done(ring_loop(ring, machine, 0)->store, ring->now), &op);
    return op.status == STORE_OK ? op.record : NULL;
}

/* Only the first machine has it; `to` is sent it for `owner`. */
static void send_for(const char *key, unsigned to, unsigned owner, bool is_known_owner)
{
    struct blob *record = record_of(0, key);
    assert_non_null(record);
    uint32_t hash = hash_of_key(text(key));
    const struct message_write write = {.epoch = 1,
                                        .partition = ring_partition(node_view(ring->machines[0].shared), hash),
                                        .hash = hash,
                                        .durability = DURABILITY_COMMITTED,
                                        .stands_in_for = is_known_owner ? ring->machines[owner].id : 0,
                                        .key = text(key),
                                        .record = blob_bytes(record)};
    send_write(to, &write);
    blob_release(record);
}

static bool holds(unsigned machine, const char *key)
{
    struct blob *record = record_of(machine, key);
    blob_release(record);
    return record != NULL;
}

static enum fate lose_writes(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == MESSAGE_WRITE ? FATE_LOST : FATE_ARRIVES;
}

/* The first machine has a value that nobody else has. */
static void set_here_only(const char *key)
{
    ring->judge = lose_writes;
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 0, request);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_true(is_done(request));
    ring->judge = NULL;
    ring_pass(ring, 3 * PEER_PROBE_MS_MAX); /* all are up again */
}

static void an_owner_that_is_told_to_stand_in_takes_it_for_its_own(void **state)
{
    (void)state;
    char key[32];
    ring_open_sloppy(ring, 5, 3);
    key_led_by(ring, 0, 0, key);
    unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
    set_here_only(key);
    send_for(key, second, third, true);
    assert_true(holds(second, key));
    assert_int_equal(kept(second, third), 0);
    send_for(key, third, third, true); /* for itself */
    assert_true(holds(third, key));
    assert_int_equal(kept(third, third), 0);
    ring_close(ring);
}

static void without_a_hint_database_nothing_is_kept(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 5, 3);
    key_led_by(ring, 0, 0, key);
    unsigned stand_in = place_of_key(ring, key, 3);
    set_here_only(key);
    send_for(key, stand_in, place_of_key(ring, key, 2), true);
    assert_false(holds(stand_in, key));
    assert_int_equal(COUNTER(ring, stand_in, served_writes), 0);
    isolate(place_of_key(ring, key, 1));
    isolate(place_of_key(ring, key, 2));
    assert_int_equal(set(ring, 0, key, "2"), REQUEST_FAILED); /* a strict quorum */
    ring_close(ring);
}

/* A second owner whose copy is doubtful answers, and is not counted: the third is asked as well [R9]. */
static void a_doubtful_copy_does_not_count(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 0, 0, key);
    unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    standing_mark_all(node_standing(ring->machines[second].shared), STANDING_DOUBTFUL);
    uint64_t reads = COUNTER(ring, third, served_reads);
    assert_true(shows(ring, 0, key, "1"));
    assert_int_equal(COUNTER(ring, third, served_reads), reads + 1);
    isolate(third);
    struct request *request = ask(ring, REQUEST_GET, key);
    start(ring, 0, request);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    ring_close(ring);
}

/* The data file of a machine is full, and it has noticed. */
static void fill(unsigned machine)
{
    struct machine *of = &ring->machines[machine];
    of->backing->engine.nearly_full = true;
    for (unsigned slices = 0; slices < 100; slices++)
        (void)store_checkpoint_slice(of->store, ring->now, hybrid_next(node_clock(of->shared), ring->now));
}

/* Whoever has no space sends its clients' writes, and those that are sent to it, to somebody who has. */
static void a_full_coordinator_passes_writes_on(void **state)
{
    (void)state;
    char key[32];
    ring_open_over(ring, BACKING_DURABLE, 4, 1, 3);
    ring_join_all(ring);
    assert_int_equal(set(ring, 0, key_led_by(ring, 0, 9, key), "1"), REQUEST_OK);
    fill(0);
    for (unsigned i = 0; i < 2; i++) {
        key_led_by(ring, 0, i, key);
        unsigned from = i == 0 ? 0 : place_of_key(ring, key, 3);
        assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
        assert_true(holds(place_of_key(ring, key, 1), key) && holds(place_of_key(ring, key, 2), key));
        assert_false(holds(0, key));
        assert_true(shows(ring, from, key, "1"));
    }
    ring_close(ring);
}

static void when_all_are_full_the_client_is_told_so(void **state)
{
    (void)state;
    char key[32];
    ring_open_over(ring, BACKING_DURABLE, 4, 1, 3);
    ring_join_all(ring);
    for (unsigned m = 0; m < 4; m++) {
        assert_int_equal(set(ring, 0, key_led_by(ring, m, 9, key), "1"), REQUEST_OK);
    }
    for (unsigned m = 0; m < 4; m++)
        fill(m);
    key_led_by(ring, 0, 0, key);
    for (unsigned m = 0; m < 4; m++)
        assert_int_equal(set(ring, m, key, "1"), REQUEST_NO_MEMORY);
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stand_in_keeps_what_an_owner_misses),
        cmocka_unit_test(what_stand_ins_keep_is_read_from_them),
        cmocka_unit_test(without_any_owner_stand_ins_take_and_give),
        cmocka_unit_test(an_owner_that_is_told_to_stand_in_takes_it_for_its_own),
        cmocka_unit_test(without_a_hint_database_nothing_is_kept),
        cmocka_unit_test(a_doubtful_copy_does_not_count),
        cmocka_unit_test(a_full_coordinator_passes_writes_on),
        cmocka_unit_test(when_all_are_full_the_client_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
