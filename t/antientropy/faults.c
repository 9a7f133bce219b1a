/* Messages that are lost, late, repeated, out of order; processes that die; rings that change: what differs becomes the
 * same all the same, and what a test cannot foresee is random with a fixed seed. */
#include "antientropy/world.h"

#include <stdio.h>
#include <string.h>

enum { KEYS = 150 };

static void some_writes(struct world *world, unsigned count)
{
    char key[32], value[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%skey-%u", prng_below(&world->prng, 4) == 0 ? "l:" : "",
                 (unsigned)prng_below(&world->prng, KEYS));
        snprintf(value, sizeof value, "%u", (unsigned)prng_below(&world->prng, 1000000));
        unsigned owners = world_owners(world, key), up = 0;
        for (unsigned n = 0; n < world->count; n++)
            up |= world->boxes[n].is_up ? 1U << n : 0;
        unsigned mask = owners & up & (unsigned)prng_next(&world->prng);
        if (mask == 0)
            continue;
        world_put(world, mask, key, prng_below(&world->prng, 5) == 0 ? NULL : value);
    }
}

/* All owners show the same of each key: values, and how many versions there are. */
static void assert_agreed(struct world *world, uint64_t seed)
{
    char key[32], first[64];
    for (unsigned i = 0; i < 2 * KEYS; i++) {
        snprintf(key, sizeof key, "%skey-%u", i < KEYS ? "" : "l:", i % KEYS);
        bool is_first = true;
        for (unsigned n = 0; n < world->count; n++) {
            if (!world->boxes[n].is_up || (world_owners(world, key) >> n & 1) == 0)
                continue;
            uint32_t live;
            const char *value = world_value(world, n, key, &live);
            char shown[64];
            snprintf(shown, sizeof shown, "%u:%s", live, value == NULL ? "-" : value);
            if (is_first)
                memcpy(first, shown, sizeof first);
            assert_seeded(strcmp(first, shown) == 0, seed);
            is_first = false;
        }
    }
}

static void a_bad_network(struct world *world)
{
    world->lost = 50;
    world->repeated = 100;
    world->delay_ms = 30;
}

static void copies_agree_after_a_bad_network(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world world;
        world_init(&world, 2 + (unsigned)(seed % 4), 3, seed % 3 == 0 ? 1 : 32, seed);
        a_bad_network(&world);
        world_start(&world);
        for (unsigned i = 0; i < 10; i++) {
            some_writes(&world, 60);
            world_run(&world, 100);
        }
        assert_seeded(world_run_until_same(&world, 90000, NULL), seed);
        assert_agreed(&world, seed);
        world_close(&world);
    }
}

static void copies_agree_after_crashes_in_the_middle(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 30; seed++) {
        struct world world;
        world_init(&world, 3 + (unsigned)(seed % 3), 3, 32, seed);
        a_bad_network(&world);
        world_start(&world);
        for (unsigned i = 0; i < 8; i++) {
            unsigned victim = (unsigned)prng_below(&world.prng, world.count);
            some_writes(&world, 80);
            world_run(&world, (unsigned)prng_below(&world.prng, 400));
            world_kill(&world, victim);
            world_run(&world, (unsigned)prng_below(&world.prng, 300));
            some_writes(&world, 40);
            if (i == 5)
                world_restart_empty(&world, victim);
            else
                world_restart(&world, victim);
        }
        assert_seeded(world_run_until_same(&world, 90000, NULL), seed);
        assert_agreed(&world, seed);
        world_run(&world, 30000);
        for (unsigned n = 0; n < world.count; n++) {
            for (uint16_t p = 0; p < 32; p++)
                assert_seeded(!world_owns(&world, n, p) || !standing_is_behind(world.boxes[n].standing, p), seed);
        }
        world_close(&world);
    }
}

/* Links go and come while records are under way: what was begun is begun anew. */
static void copies_agree_after_links_have_gone_and_come(void **state)
{
    (void)state;
    for (uint64_t seed = 41; seed <= 48; seed++) {
        struct world world;
        world_init(&world, 3, 3, 32, seed);
        world_start(&world);
        some_writes(&world, 500);
        for (unsigned i = 0; i < 30; i++) {
            unsigned a = (unsigned)prng_below(&world.prng, 3), b = (a + 1) % 3;
            world_run(&world, 90 + (unsigned)prng_below(&world.prng, 60));
            world_cut(&world, a, b);
            world_run(&world, (unsigned)prng_below(&world.prng, 10));
            world_join(&world, a, b);
        }
        assert_seeded(world_run_until_same(&world, 30000, NULL), seed);
        assert_agreed(&world, seed);
        world_close(&world);
    }
}

/* The table changes in the middle of exchanges: they are left, and those of the new owners begin. */
static void copies_agree_after_a_member_has_left(void **state)
{
    (void)state;
    for (uint64_t seed = 61; seed <= 66; seed++) {
        struct world world;
        world_init(&world, 4, 3, 32, seed);
        world.delay_ms = 20;
        world_start(&world);
        some_writes(&world, 600);
        world_run(&world, 100 + (unsigned)prng_below(&world.prng, 100));
        world_leave(&world, (unsigned)prng_below(&world.prng, 4));
        assert_seeded(world_run_until_same(&world, 30000, NULL), seed);
        assert_agreed(&world, seed);
        world_close(&world);
    }
}

/* Keys are listed from the checkpoint: what is only in memory must not be passed over, at neither end. */
static void an_exchange_waits_for_what_is_only_in_memory(void **state)
{
    (void)state;
    for (unsigned writer = 0; writer < 2; writer++) {
        struct world world;
        world_init(&world, 2, 2, 16, 81 + writer);
        world_start(&world);
        world_run(&world, 1000);
        hybrid_time before = world_clock(&world, 0);
        world.boxes[writer].never_checkpoints = true;
        world_put(&world, 1U << writer, "dirty", "value");
        world_run(&world, 15000);
        assert_true(world_row(&world, 0, 1).is_under_way);
        assert_false(antientropy_is_done_since(world.boxes[0].antientropy, before));
        world.boxes[writer].never_checkpoints = false;
        world_run(&world, 2000);
        assert_true(world_is_same(&world));
        assert_string_equal(world_value(&world, 1 - writer, "dirty", NULL), "value");
        assert_true(antientropy_is_done_since(world.boxes[0].antientropy, before));
        world_close(&world);
    }
}

/* A question that was asked by another table's members is not answered; one of another run is not believed. */
static void what_belongs_to_another_table_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 16, 71);
    world_start(&world);
    world_run(&world, 1000);
    struct box *box = &world.boxes[1];
    struct link *link = &box->accepted[0];
    uint64_t run = box->incarnation;
    uint8_t bits[MESSAGE_SUMS_MAX / 8] = {0};
    struct {
        uint64_t epoch, run;
        enum repair_status status;
    } samples[] = {{2, run, REPAIR_STALE}, {0, run, REPAIR_STALE}, {1, run + 1, REPAIR_REFUSED}, {1, run, REPAIR_OK}};
    for (unsigned i = 0; i < 4; i++) {
        struct chain out;
        chain_init(&out, &box->chunks);
        message_write_keys(&out, &(struct message_keys){.id = 1,
                                                        .epoch = samples[i].epoch,
                                                        .run = samples[i].run,
                                                        .groups = MESSAGE_SUMS_MAX,
                                                        .bits = bits,
                                                        .is_end = true});
        struct bytes slice;
        struct frame frame;
        size_t used;
        bool replied;
        assert_int_equal(chain_slices(&out, &slice, 1), 1);
        assert_int_equal(frame_next(slice, 1 << 20, &frame, &used), FRAME_OK);
        assert_true(antientropy_receive(box->antientropy, world.now, world.boxes[0].id, link, &replied, &frame));
        assert_true(replied);
        struct message_keys_reply reply;
        assert_int_equal(chain_slices(&link->out, &slice, 1), 1);
        assert_int_equal(frame_next(slice, 1 << 20, &frame, &used), FRAME_OK);
        assert_true(message_read_keys_reply(&frame, &reply));
        assert_int_equal(reply.answer.status, samples[i].status);
        chain_close(&out);
        chain_consume(&link->out, link->out.len);
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_agree_after_a_bad_network),
        cmocka_unit_test(copies_agree_after_crashes_in_the_middle),
        cmocka_unit_test(copies_agree_after_links_have_gone_and_come),
        cmocka_unit_test(copies_agree_after_a_member_has_left),
        cmocka_unit_test(an_exchange_waits_for_what_is_only_in_memory),
        cmocka_unit_test(what_belongs_to_another_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
