/* Fingerprints of what a record holds. */
#include "version/fingerprint.h"

#include "base/arena.h"
#include "base/prng.h"
#include "base/seeded.h"
#include "version/record.h"

#include <stdlib.h>

enum { LIVE_MAX = 6, NODES = 4 };

/* A random object that can be encoded; arrays are the caller's. */
struct random_object {
    struct object object;
    struct version live[LIVE_MAX];
    struct pair pairs[NODES];
};

static int by_actor(const void *a, const void *b)
{
    return actor_compare(&((const struct pair *)a)->actor, &((const struct pair *)b)->actor);
}

static int newest_first(const void *a, const void *b)
{
    return version_compare(b, a);
}

static struct version random_version(struct prng *prng, const struct pair *pair, uint64_t counter)
{
    static const char text[] = "some bytes";
    hybrid_time time = hybrid_of_ms(1000 + prng_below(prng, 100000)) + prng_below(prng, 3);
    struct version version = {.dot = {pair->actor, counter}, .time = time, .expiry_stamp = time};
    version.kind = prng_below(prng, 5) == 0 ? VERSION_TOMBSTONE : VERSION_VALUE;
    if (version.kind == VERSION_VALUE)
        version.value = bytes_of(text, prng_below(prng, sizeof text));
    if (prng_below(prng, 3) == 0)
        version.expiry_ms = 1 + prng_below(prng, 100000);
    if (prng_below(prng, 3) == 0)
        version.expiry_stamp += 1 + prng_below(prng, 1000);
    if (prng_below(prng, 4) == 0)
        version.marks = (uint8_t)(1 + prng_below(prng, 3));
    return version;
}

static void make(struct random_object *out, struct prng *prng)
{
    *out = (struct random_object){0};
    for (uint32_t i = 0; i < NODES; i++) {
        out->pairs[i].actor = (struct actor){.node = i + 1, .incarnation = 1 + prng_below(prng, 9), .birth = 1 + i};
        out->pairs[i].counter = 50;
        out->pairs[i].time = 1 + prng_below(prng, 1000);
    }
    qsort(out->pairs, NODES, sizeof *out->pairs, by_actor);
    uint32_t count = (uint32_t)prng_below(prng, LIVE_MAX + 1);
    for (uint32_t i = 0; i < count; i++)
        out->live[i] = random_version(prng, &out->pairs[i % NODES], 1 + i);
    qsort(out->live, count, sizeof *out->live, newest_first);
    out->object = (struct object){.context = {out->pairs, NODES}, .live = out->live, .live_count = count};
}

static void nothing_has_none(void **state)
{
    (void)state;
    struct object empty = {0};
    bool ok = false;
    assert_true(object_fingerprint(&empty) == 0);
    assert_true(record_fingerprint(bytes_of(NULL, 0), &ok) == 0);
    assert_true(ok);
}

static void it_does_not_depend_on_order_or_context_or_bytes_or_names(void **state)
{
    (void)state;
    const uint64_t seed = 3;
    struct prng prng;
    prng_init(&prng, seed);
    for (unsigned round = 0; round < 5000; round++) {
        struct random_object made;
        make(&made, &prng);
        uint64_t before = object_fingerprint(&made.object);
        assert_seeded((before == 0) == (made.object.live_count == 0), seed);
        for (uint32_t i = made.object.live_count; i > 1; i--) {
            uint32_t other = (uint32_t)prng_below(&prng, i);
            struct version kept = made.live[i - 1];
            made.live[i - 1] = made.live[other];
            made.live[other] = kept;
        }
        made.object.context.count = 0;
        for (uint32_t i = 0; i < made.object.live_count; i++) {
            if (made.live[i].kind == VERSION_VALUE)
                made.live[i].value = bytes_of("other", 5);
            else
                made.live[i].kind = VERSION_VALUE; /* the bytes of an expired version are still here */
            made.live[i].request = prng_next(&prng);
        }
        assert_seeded(object_fingerprint(&made.object) == before, seed);
    }
}

static void every_field_that_copies_may_differ_in_changes_it(void **state)
{
    (void)state;
    const uint64_t seed = 4;
    struct prng prng;
    prng_init(&prng, seed);
    for (unsigned round = 0; round < 5000; round++) {
        struct random_object made;
        make(&made, &prng);
        if (made.object.live_count == 0)
            continue;
        uint64_t before = object_fingerprint(&made.object);
        struct version *version = &made.live[prng_below(&prng, made.object.live_count)], kept = *version;
        for (unsigned field = 0; field < 7; field++) {
            *version = kept;
            version->expiry_stamp += field == 0; /* a touch */
            version->expiry_ms += field == 1;
            version->marks ^= field == 2;
            version->dot.counter += field == 3;
            version->dot.actor.node += field == 4;
            version->dot.actor.incarnation += field == 5;
            version->dot.actor.birth += field == 6;
            assert_seeded(object_fingerprint(&made.object) != before, seed);
        }
        *version = kept;
        made.object.live_count--; /* one fewer */
        assert_seeded(object_fingerprint(&made.object) != before, seed);
    }
}

static void record_and_object_have_the_same(void **state)
{
    (void)state;
    const uint64_t seed = 6;
    struct prng prng;
    unsigned singles = 0, several = 0;
    prng_init(&prng, seed);
    for (unsigned round = 0; round < 5000; round++) {
        struct random_object made;
        make(&made, &prng);
        if (made.object.live_count == 1 && prng_below(&prng, 2) == 0) { /* the short form */
            made.pairs[0] = (struct pair){made.live[0].dot.actor, made.live[0].dot.counter, made.live[0].time};
            made.object.context.count = 1;
        }
        size_t size = record_size(&made.object);
        uint8_t *record = malloc(size);
        bool ok = false;
        assert_non_null(record);
        record_encode(&made.object, record);
        uint64_t fingerprint = record_fingerprint(bytes_of(record, size), &ok);
        assert_seeded(ok && fingerprint == object_fingerprint(&made.object), seed);
        singles += made.object.live_count == 1;
        several += made.object.live_count > 1;
        free(record);
    }
    assert_true(singles > 100 && several > 100);
}

static void what_cannot_be_decoded_is_told(void **state)
{
    (void)state;
    uint8_t junk[40];
    bool ok = true;
    memset(junk, 0xff, sizeof junk);
    (void)record_fingerprint(bytes_of(junk, sizeof junk), &ok);
    assert_false(ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_none),
        cmocka_unit_test(it_does_not_depend_on_order_or_context_or_bytes_or_names),
        cmocka_unit_test(every_field_that_copies_may_differ_in_changes_it),
        cmocka_unit_test(record_and_object_have_the_same),
        cmocka_unit_test(what_cannot_be_decoded_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
