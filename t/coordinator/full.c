/* No space at the coordinator: the request goes to a node that has some. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

enum { LEN = 90000, WRITES = 60 };

static void open_durable(void)
{
    all_arrive();
    ring_open_over(ring, BACKING_DURABLE, 3, 1, 3);
    ring_join_all(ring);
    owners_set_buckets(ring);
    ring->judge = owners_judge;
}

static void fill(unsigned machine)
{
    struct backing *backing = ring->machines[machine].backing;
    backing->disk.bytes_max = backing->disk.bytes;
    backing->engine.commit_fails = ENGINE_FULL;
}

static void make_room(unsigned machine)
{
    struct backing *backing = ring->machines[machine].backing;
    backing->disk.bytes_max = UINT64_MAX;
    backing->engine.commit_fails = ENGINE_OK;
}

static struct request *write_one(unsigned machine, const char *value)
{
    struct request *request = asked(ring, REQUEST_SET, "k", value);
    start(ring, machine, request);
    for (unsigned turns = 0; turns < 200 && !is_done(request); turns++) {
        for (unsigned m = 0; m < ring->machine_count; m++)
            (void)store_checkpoint_slice(ring->machines[m].store, ring->now, 0);
        ring_pass(ring, 10);
    }
    assert_true(is_done(request));
    return request;
}

static char *value_of(unsigned number)
{
    static char value[LEN + 1];
    memset(value, 'a' + (int)(number % 26), LEN);
    return value;
}

static void a_full_disk_at_the_coordinator_is_nobodys_but_its_own(void **state)
{
    (void)state;
    open_durable();
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    fill(first);
    for (unsigned i = 0; i < WRITES; i++)
        assert_int_equal(write_one(i % 2 == 0 ? first : third, value_of(i))->status, REQUEST_OK);
    assert_true(COORDINATED(ring, first, went_elsewhere) > 0);
    assert_true(holds(ring, second, "k", value_of(WRITES - 1)) && holds(ring, third, "k", value_of(WRITES - 1)));
    assert_true(shows(ring, first, "k", value_of(WRITES - 1))); /* and nothing older, from whichever quorum */
    make_room(first);
    owners_close(ring);
}

static void where_nobody_has_space_the_client_is_told(void **state)
{
    (void)state;
    open_durable();
    unsigned first = at(ring, "k", 0), refused = 0;
    for (unsigned m = 0; m < 3; m++)
        fill(m);
    for (unsigned i = 0; i < WRITES; i++) {
        const struct request *request = write_one(first, value_of(i));
        refused += request->status == REQUEST_NO_MEMORY;
        assert_true(request->status == REQUEST_OK || request->status == REQUEST_NO_MEMORY
                    || request->status == REQUEST_FAILED);
    }
    assert_true(refused > 0);
    for (unsigned m = 0; m < 3; m++)
        make_room(m);
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_at_the_coordinator_is_nobodys_but_its_own),
        cmocka_unit_test(where_nobody_has_space_the_client_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
