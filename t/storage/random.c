/* Thousands of random operations, checkpoints, syncs, faults, kills and losses of power against a simple model: for
 * every key the history of its states and the last of them that must survive. */
#include "storage/check_tree.h"
#include "storage/fixture.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 60, STATES_MAX = 400, STEPS = 3000, INFLIGHT_MAX = 64 };

/* A key's states since the last crash; 0 stands for "no record". */
struct history {
    unsigned states[STATES_MAX];
    unsigned count;
    unsigned kill_safe;  /* index of the last state that survives a killed process */
    unsigned power_safe; /* and of that which survives a loss of power */
};

struct inflight {
    struct write *write;
    unsigned key, state_index, value;
};

struct run {
    struct fixture fixture;
    struct prng prng;
    uint64_t seed;
    struct history keys[KEYS];
    struct inflight inflight[INFLIGHT_MAX];
    unsigned inflight_count, next_value, losses, crashes;
    bool lie; /* negative control: count what is lost instead of failing */
};

static void name_key(char *name, unsigned key)
{
    snprintf(name, 32, "key-%u%s", key, key % 2 == 0 ? "-even" : "");
}

static void name_value(char *text, unsigned value, size_t padding)
{
    int len = snprintf(text, 32, "value-%u-", value);
    memset(text + len, 'x', padding);
    text[(size_t)len + padding] = '\0';
}

static void settle_done(struct run *run)
{
    for (unsigned i = 0; i < run->inflight_count;) {
        struct inflight *it = &run->inflight[i];
        if (!it->write->done) {
            i++;
            continue;
        }
        struct history *history = &run->keys[it->key];
        /* An update that had to wait was applied when it found space: after all that are in the history. One whose
         * sync failed has been applied as well, without a promise. */
        bool applied = it->write->op.status == STORE_OK || it->write->op.status == STORE_IO;
        if (applied && it->state_index == UINT32_MAX) {
            it->state_index = history->count;
            history->states[history->count++] = it->value;
        }
        if (it->write->op.status == STORE_OK) {
            bool erased = it->value == 0;
            if ((it->write->op.durability != DURABILITY_BUFFERED || erased) && history->kill_safe < it->state_index)
                history->kill_safe = it->state_index;
            if (it->write->op.durability == DURABILITY_SYNCED && history->power_safe < it->state_index)
                history->power_safe = it->state_index;
        }
        free(it->write);
        *it = run->inflight[--run->inflight_count];
    }
}

/* Updates of one key are submitted one after another, as a client that waits for replies does. */
static bool is_inflight(struct run *run, unsigned key)
{
    for (unsigned i = 0; i < run->inflight_count; i++)
        if (run->inflight[i].key == key)
            return true;
    return false;
}

static void step_update(struct run *run)
{
    unsigned key = (unsigned)prng_below(&run->prng, KEYS);
    struct history *history = &run->keys[key];
    if (run->inflight_count == INFLIGHT_MAX || history->count >= STATES_MAX - 1 || is_inflight(run, key))
        return;
    char name[32];
    static char text[VALUE_MAX];
    name_key(name, key);
    bool erases = prng_below(&run->prng, 8) == 0;
    unsigned value = erases ? 0 : ++run->next_value;
    size_t padding = prng_below(&run->prng, 40) == 0 ? 20000 : prng_below(&run->prng, 300);
    name_value(text, value, padding);
    struct write *write =
        write_new(&run->fixture, name, erases ? NULL : text, (enum durability)prng_below(&run->prng, 3));
    run->inflight[run->inflight_count++] =
        (struct inflight){.write = write, .key = key, .state_index = UINT32_MAX, .value = value};
    store_submit(store_loop_of(run->fixture.store, (unsigned)prng_below(&run->prng, FIXTURE_LOOPS)), run->fixture.now,
                 &write->op);
    /* A synced update shows at once what it will promise later. */
    if (write->applied > 0 && write->op.status == STORE_OK && write->op.durability == DURABILITY_SYNCED
        && write->op.log_position != 0) {
        run->inflight[run->inflight_count - 1].state_index = history->count;
        history->kill_safe = history->count;
        history->states[history->count++] = value;
    }
    fixture_collect(&run->fixture);
    settle_done(run);
}

static unsigned read_state(struct run *run, unsigned key)
{
    static char text[VALUE_MAX + 1];
    char name[32];
    name_key(name, key);
    enum store_status status = fixture_get(&run->fixture, name, text);
    if (status == STORE_ABSENT)
        return 0;
    if (status != STORE_OK)
        fail_msg("seed %llu: reading %s gives status %d", (unsigned long long)run->seed, name, (int)status);
    unsigned value = 0;
    assert_int_equal(sscanf(text, "value-%u-", &value), 1);
    return value;
}

static void step_read(struct run *run)
{
    unsigned key = (unsigned)prng_below(&run->prng, KEYS), state;
    struct history *history = &run->keys[key];
    if (is_inflight(run, key))
        return;
    state = read_state(run, key);
    if (state != history->states[history->count - 1])
        fail_msg("seed %llu: key %u reads %u, expected %u", (unsigned long long)run->seed, key, state,
                 history->states[history->count - 1]);
}

/* After a crash every key is in one of the states that were allowed to survive; that is its history from then on. */
static void check_survivors(struct run *run, bool power_loss)
{
    for (unsigned key = 0; key < KEYS; key++) {
        struct history *history = &run->keys[key];
        unsigned state = read_state(run, key), from = power_loss ? history->power_safe : history->kill_safe;
        bool allowed = false;
        for (unsigned i = from; i < history->count; i++)
            allowed |= history->states[i] == state;
        for (unsigned i = 0; i < run->inflight_count; i++)
            allowed |= run->inflight[i].key == key && run->inflight[i].value == state;
        run->losses += !allowed;
        if (!allowed && !run->lie)
            fail_msg("seed %llu: after crash %u (%s) key %u is %u; %u states from %u (%u) were allowed",
                     (unsigned long long)run->seed, run->crashes, power_loss ? "power" : "kill", key, state,
                     history->count - from, from, history->states[from]);
        *history = (struct history){.states = {state}, .count = 1};
    }
    for (unsigned i = 0; i < run->inflight_count; i++)
        free(run->inflight[i].write);
    run->inflight_count = 0;
}

static void step_crash(struct run *run)
{
    bool power_loss = prng_below(&run->prng, 2) == 0;
    run->crashes++;
    fixture_crash(&run->fixture);
    if (power_loss)
        fake_disk_power_loss(&run->fixture.disk, &run->prng);
    run->fixture.engine.commit_fails = ENGINE_OK;
    run->fixture.disk.sync_fails = false;
    fixture_open(&run->fixture);
    assert_false(run->fixture.found.clean && run->fixture.found.replayed_records > 0);
    check_survivors(run, power_loss);
    check_tree(&run->fixture, power_loss ? "after a loss of power" : "after a kill", run->seed);
}

static void step_stop(struct run *run)
{
    if (run->inflight_count != 0)
        return;
    run->fixture.engine.commit_fails = ENGINE_OK;
    fixture_stop(&run->fixture);
    fixture_open(&run->fixture);
    assert_true(run->fixture.found.clean);
    assert_int_equal(run->fixture.found.replayed_records, 0);
    check_tree(&run->fixture, "after a stop", run->seed);
    for (unsigned key = 0; key < KEYS; key++) {
        struct history *history = &run->keys[key];
        assert_int_equal(read_state(run, key), history->states[history->count - 1]);
        *history = (struct history){.states = {history->states[history->count - 1]}, .count = 1};
    }
}

static void step_fault(struct run *run)
{
    switch (prng_below(&run->prng, 6)) {
    case 0:
        run->fixture.engine.commit_fails = ENGINE_IO;
        run->fixture.engine.fail_after = (unsigned)prng_below(&run->prng, 3);
        break;
    case 1:
        run->fixture.disk.sync_fails = true;
        break;
    case 2:
        run->fixture.disk.bytes_max = run->fixture.disk.bytes;
        break;
    default:
        run->fixture.engine.commit_fails = ENGINE_OK;
        run->fixture.disk.sync_fails = false;
        run->fixture.disk.bytes_max = UINT64_MAX;
    }
}

static void step(struct run *run)
{
    struct fixture *fixture = &run->fixture;
    uint64_t dice = prng_below(&run->prng, 1000);
    fixture->now.mono_ns += prng_below(&run->prng, 50) * 1000000;
    if (dice < 600)
        step_update(run);
    else if (dice < 750)
        step_read(run);
    else if (dice < 897)
        store_checkpoint_slice(fixture->store, fixture->now, fixture->clock);
    else if (dice < 900)
        check_tree(fixture, "between two slices", run->seed);
    else if (dice < 960)
        store_sync(fixture->store);
    else if (dice < 975)
        fake_disk_write_back_some(&fixture->disk, &run->prng);
    else if (dice < 985)
        step_fault(run);
    else if (dice < 995)
        step_crash(run);
    else
        step_stop(run);
    fixture_collect(fixture);
    settle_done(run);
}

static void run_seed(uint64_t seed, bool unmapped, bool lie, unsigned *losses)
{
    struct run *run = calloc(1, sizeof *run);
    CHECK_MEMORY(run);
    run->seed = seed;
    run->lie = lie;
    prng_init(&run->prng, seed);
    fixture_init(&run->fixture);
    run->fixture.disk.unmapped = unmapped;
    run->fixture.disk.sync_lies = lie;
    run->fixture.limits.checkpoint_age_ms = 300;
    run->fixture.limits.batch_records = 8;
    run->fixture.limits.memory_bytes = seed % 2 == 0 ? 96 << 10 : 12 << 10; /* the latter evicts all the time */
    run->fixture.limits.dirty_bytes = 64 << 10;
    run->fixture.limits.checkpoint_bytes = 24 << 10;
    fixture_open(&run->fixture);
    for (unsigned key = 0; key < KEYS; key++)
        run->keys[key].count = 1;
    for (unsigned i = 0; i < STEPS; i++)
        step(run);
    for (unsigned i = 0; i < run->inflight_count; i++)
        free(run->inflight[i].write);
    *losses += run->losses;
    fixture_close(&run->fixture);
    free(run);
}

static void nothing_promised_is_lost_with_mapped_files(void **state)
{
    (void)state;
    unsigned losses = 0;
    for (uint64_t seed = 1; seed <= 40; seed++)
        run_seed(seed, false, false, &losses);
    assert_int_equal(losses, 0);
}

static void nothing_promised_is_lost_with_written_files(void **state)
{
    (void)state;
    unsigned losses = 0;
    for (uint64_t seed = 1001; seed <= 1010; seed++)
        run_seed(seed, true, false, &losses);
    assert_int_equal(losses, 0);
}

/* The check itself is checked: on a disk whose sync does nothing it must find losses. */
static void a_disk_that_lies_is_found_out(void **state)
{
    (void)state;
    unsigned losses = 0;
    for (uint64_t seed = 2001; seed <= 2010; seed++)
        run_seed(seed, false, true, &losses);
    assert_true(losses > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_promised_is_lost_with_mapped_files),
        cmocka_unit_test(nothing_promised_is_lost_with_written_files),
        cmocka_unit_test(a_disk_that_lies_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
