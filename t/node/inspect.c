/* A key at all its owners, for people. */
#include "node/ring.h"

#include "version/record.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static void on_done(struct inspection *inspection)
{
    bool *done = inspection->owner;
    assert_false(*done);
    *done = true;
}

static void begin(struct inspection *inspection, bool *done, unsigned machine, const char *key)
{
    memset(inspection, 0xa5, sizeof *inspection); /* everything but what the caller sets is the node's to set */
    inspection->key_len = (uint16_t)strlen(key);
    memcpy(inspection->key, key, inspection->key_len);
    inspection->done = on_done;
    inspection->owner = done;
    *done = false;
    node_inspect(ring_loop(ring, machine, 0), ring->now, inspection);
    assert_false(*done);
    ring_pump(ring);
}

static void assert_shows(const struct inspection_replica *replica, const char *value)
{
    struct version newest;
    uint32_t count;
    assert_int_equal(replica->outcome, INSPECT_ANSWERED);
    assert_int_equal(record_newest(blob_bytes(replica->record), &newest, &count), RECORD_OK);
    assert_true(bytes_equal(newest.value, text(value)));
}

static void all_owners_are_asked_whoever_asks(void **state)
{
    (void)state;
    struct inspection inspection;
    bool done;
    ring_open(ring, 4, 3);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    for (unsigned m = 0; m < 4; m++) {
        begin(&inspection, &done, m, "a");
        assert_true(done);
        assert_int_equal(inspection.replica_count, 3);
        assert_int_equal(inspection.epoch, 1);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(inspection.replicas[i].node, ring->machines[place_of_key(ring, "a", i)].id);
            assert_true(inspection.replicas[i].is_owner);
            assert_shows(&inspection.replicas[i], "1");
        }
        node_inspect_finish(&inspection);
    }
    ring_close(ring);
}

static void a_repeated_answer_counts_once(void **state)
{
    (void)state;
    struct inspection inspection;
    bool done;
    ring_open(ring, 4, 3);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    ring_treat(ring, MESSAGE_READ_REPLY, FATE_TWICE);
    begin(&inspection, &done, place_of_key(ring, "a", 3), "a");
    assert_true(done);
    for (unsigned i = 0; i < 3; i++)
        assert_shows(&inspection.replicas[i], "1");
    node_inspect_finish(&inspection);
    ring_close(ring);
}

static void what_is_nowhere_is_absent_everywhere(void **state)
{
    (void)state;
    struct inspection inspection;
    bool done;
    ring_open(ring, 3, 2);
    begin(&inspection, &done, 1, "nothing");
    assert_true(done);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(inspection.replicas[i].outcome, INSPECT_ABSENT);
    node_inspect_finish(&inspection);
    ring_close(ring);
}

static void owners_that_cannot_be_reached_or_do_not_answer_are_told(void **state)
{
    (void)state;
    struct inspection inspection;
    bool done;
    ring_open(ring, 4, 3);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    unsigned first = place_of_key(ring, "a", 0), second = place_of_key(ring, "a", 1);
    ring_part(ring, first, second);
    begin(&inspection, &done, first, "a");
    assert_true(done);
    assert_shows(&inspection.replicas[0], "1");
    assert_int_equal(inspection.replicas[1].outcome, INSPECT_UNREACHABLE);
    assert_shows(&inspection.replicas[2], "1");
    node_inspect_finish(&inspection);

    ring_treat(ring, MESSAGE_READ_REPLY, FATE_LOST);
    begin(&inspection, &done, first, "a");
    assert_false(done);
    ring_pass(ring, RING_TIMEOUT_MS + 1);
    assert_true(done);
    assert_shows(&inspection.replicas[0], "1");
    assert_int_equal(inspection.replicas[2].outcome, INSPECT_UNREACHABLE);
    node_inspect_finish(&inspection);

    begin(&inspection, &done, place_of_key(ring, "a", 3), "a");
    assert_false(done);
    ring_cut(ring, ring_joint(ring, place_of_key(ring, "a", 3), 0, first));
    ring_cut(ring, ring_joint(ring, place_of_key(ring, "a", 3), 0, second));
    assert_false(done);
    ring_cut(ring, ring_joint(ring, place_of_key(ring, "a", 3), 0, place_of_key(ring, "a", 2)));
    assert_true(done); /* nobody is left to wait for */
    node_inspect_finish(&inspection);
    ring_close(ring);
}

static void several_inspections_and_gets_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct inspection inspections[5];
    bool done[5];
    char key[32];
    ring_open(ring, 3, 3);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "key%u", i);
        assert_int_equal(set(ring, 0, key, key), REQUEST_OK);
        memset(&inspections[i], 0, sizeof inspections[i]);
        inspections[i].key_len = (uint16_t)strlen(key);
        memcpy(inspections[i].key, key, inspections[i].key_len);
        inspections[i].done = on_done;
        inspections[i].owner = &done[i];
        done[i] = false;
    }
    for (unsigned i = 0; i < 5; i++)
        node_inspect(ring_loop(ring, 1, 0), ring->now, &inspections[i]);
    assert_true(shows(ring, 1, "key3", "key3"));
    for (unsigned i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "key%u", i);
        assert_true(done[i]);
        for (unsigned r = 0; r < 3; r++)
            assert_shows(&inspections[i].replicas[r], key);
        node_inspect_finish(&inspections[i]);
    }
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_owners_are_asked_whoever_asks),
        cmocka_unit_test(a_repeated_answer_counts_once),
        cmocka_unit_test(what_is_nowhere_is_absent_everywhere),
        cmocka_unit_test(owners_that_cannot_be_reached_or_do_not_answer_are_told),
        cmocka_unit_test(several_inspections_and_gets_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
