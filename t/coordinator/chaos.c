/* Whatever the network does, every request ends once, within its time, nothing is left behind, and when all is well
 * again all owners say the same. */
#include "base/prng.h"
#include "coordinator/owners.h"

enum { KEYS = 6, STEPS = 600 };

static struct ring the_ring;
static struct ring *const ring = &the_ring;
static struct prng prng;
static unsigned trouble; /* of 100 frames, how many do not just arrive */

static enum fate chaos_judge(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)from, (void)to, (void)frame;
    if (prng_below(&prng, 100) >= trouble || frame->type == MESSAGE_GREETING)
        return FATE_ARRIVES;
    switch (prng_below(&prng, 3)) {
    case 0:
        return FATE_LOST;
    case 1:
        return FATE_TWICE;
    default:
        return of->held_count < 200 ? FATE_HELD : FATE_LOST;
    }
}

static void random_key(char *key)
{
    static const char *const prefixes[] = {"", "a:", "w:", "l:", "s:", "o:"};
    snprintf(key, 16, "%sk%u", prefixes[prng_below(&prng, 6)], (unsigned)prng_below(&prng, KEYS));
}

static struct request *random_request(void)
{
    char key[16];
    enum request_kind kind = (enum request_kind)prng_below(&prng, REQUEST_FLUSH);
    random_key(key);
    if (prng_below(&prng, 100) == 0)
        return ask(ring, REQUEST_FLUSH, "");
    if (prng_below(&prng, 3) == 0)
        kind = REQUEST_GET;
    struct request *request = ask(ring, kind, key);
    request->value = text(prng_below(&prng, 2) == 0 ? "17" : "a longer value that is no number");
    request->delta = 1;
    request->create = prng_below(&prng, 2) == 0;
    uint64_t now_ms = node_now_ms(ring_loop(ring, 0, 0), ring->now);
    if (kind == REQUEST_GET) {
        request->has_expiry = prng_below(&prng, 6) == 0;
        request->vivify = prng_below(&prng, 6) == 0;
        request->claims = prng_below(&prng, 3) == 0;
    }
    if (kind == REQUEST_DELETE)
        request->invalidate = prng_below(&prng, 3) == 0;
    if (kind == REQUEST_TOUCH || request->has_expiry)
        request->expiry_ms = now_ms + 1 + prng_below(&prng, 3000);
    if (kind == REQUEST_SET && prng_below(&prng, 4) == 0) {
        request->has_token = true;
        request->token = prng_below(&prng, 2) == 0 ? 1 : prng_next(&prng) >> 1;
    }
    return request;
}

static unsigned open_requests(void)
{
    unsigned open = 0;
    for (unsigned i = 0; i < RING_SLOTS; i++)
        open += ring->slots[i].used && !ring->slots[i].done;
    return open;
}

static void cut_or_join(void)
{
    unsigned a = (unsigned)prng_below(&prng, ring->machine_count), b = (unsigned)prng_below(&prng, ring->machine_count);
    if (a == b)
        return;
    struct joint *joint = ring_joint(ring, a, 0, b);
    if (joint != NULL)
        ring_cut(ring, joint);
    else if (ring->joint_count < RING_LINKS)
        (void)ring_dial(ring, a, 0, b);
}

/* Several at once, so that they meet. */
static void start_some(void)
{
    for (uint64_t count = 1 + prng_below(&prng, 8); count > 0; count--) {
        unsigned slot = ring->next_slot % RING_SLOTS;
        struct node *node = ring_loop(ring, (unsigned)prng_below(&prng, ring->machine_count), 0);
        if (!ring->slots[slot].used || ring->slots[slot].done)
            node_request(node, ring->now, random_request());
        else
            ring->next_slot++;
    }
}

static void storm(void)
{
    for (unsigned step = 0; step < STEPS; step++) {
        start_some();
        ring_pump(ring);
        if (prng_below(&prng, 3) == 0)
            ring_release_held(ring);
        if (prng_below(&prng, 3) == 0)
            ring_pass(ring, 1 + prng_below(&prng, 60));
        if (prng_below(&prng, 40) == 0)
            cut_or_join();
        if (prng_below(&prng, 40) == 0 && ring->joint_count < RING_LINKS - 25)
            ring_dial_all(ring);
    }
}

/* As gossip does in time. */
static void tell_of_flushes(void)
{
    for (unsigned from = 0; from < ring->machine_count; from++) {
        for (unsigned to = 0; to < ring->machine_count; to++) {
            struct flush_registers registers = coordinator_flush_registers(&ring_loop(ring, from, 0)->coordinator);
            coordinator_take_registers(&ring_loop(ring, to, 0)->coordinator, ring->now, &registers);
        }
    }
    ring_pump(ring);
}

static void calm(void)
{
    trouble = 0;
    ring_release_held(ring);
    ring_pass(ring, 2 * RING_TIMEOUT_MS + 100);
    ring_dial_all(ring);
    tell_of_flushes();
    ring_pass(ring, 2500); /* the pauses of probes are over */
}

/* Reads until no owner learns anything new, then all say the same. */
static void all_agree(uint64_t seed)
{
    static const char *const prefixes[] = {"", "w:", "l:", "s:"}; /* those of which r + w > n and a read asks others */
    for (unsigned i = 0; i < 4 * KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%sk%u", prefixes[i % 4], i / 4);
        for (unsigned times = 0; times < 3; times++) {
            for (unsigned m = 0; m < ring->machine_count; m++)
                assert_seeded(get(ring, m, key)->status != REQUEST_FAILED, seed);
        }
        const struct request *first = get(ring, 0, key);
        for (unsigned m = 1; m < ring->machine_count; m++) {
            const struct request *other = get(ring, m, key);
            assert_seeded(other->status == first->status, seed);
            if (first->status != REQUEST_OK) /* what stands behind a tombstone is nobody's answer */
                continue;
            assert_seeded(other->version_count == first->version_count, seed);
            for (uint32_t v = 0; v < other->version_count; v++)
                assert_seeded(dot_equal(&other->versions[v].dot, &first->versions[v].dot)
                                  && other->versions[v].expiry_ms == first->versions[v].expiry_ms
                                  && bytes_equal(other->versions[v].value, first->versions[v].value),
                              seed);
        }
    }
}

static void every_request_ends_and_all_agree_afterwards(void **state)
{
    (void)state;
    uint64_t hedges = 0, repairs = 0, timeouts = 0, late = 0, stand_ins = 0, found_again = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        unsigned machines = 2 + (unsigned)(seed % 4);
        all_arrive();
        prng_init(&prng, seed);
        trouble = 0;
        if (seed % 3 == 0)
            ring_open_sloppy(ring, machines, machines < 3 ? machines : 2);
        else
            ring_open(ring, machines, machines < 3 ? machines : 3);
        owners_set_buckets(ring);
        ring->judge = chaos_judge;
        for (unsigned m = 0; m < machines; m++)
            ring_loop(ring, m, 0)->coordinator.settings.read_all_share = 100;
        trouble = (unsigned)(5 + seed % 30);
        storm();
        calm();
        assert_seeded(open_requests() == 0, seed);
        all_agree(seed);
        for (unsigned m = 0; m < machines; m++) {
            hedges += COORDINATED(ring, m, hedges);
            repairs += COORDINATED(ring, m, repairs_before) + COORDINATED(ring, m, repairs_after);
            timeouts += COORDINATED(ring, m, timeouts);
            late += COORDINATED(ring, m, late_answers);
            stand_ins += COORDINATED(ring, m, stand_ins);
            found_again += COORDINATED(ring, m, found_again);
        }
        ring_close(ring);
    }
    assert_true(hedges > 100 && repairs > 100 && timeouts > 100 && late > 100); /* it was a storm */
    assert_true(stand_ins > 100 && found_again > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_ends_and_all_agree_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
