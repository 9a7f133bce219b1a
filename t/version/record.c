#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/wire.h"
#include "history.h"
#include "version/record_layout.h"

enum { HISTORIES = 150 };

static struct version one_version(uint64_t birth, uint64_t counter, hybrid_time time)
{
    return (struct version){.dot = {{0x01020304, 0x1112131415161718, birth}, counter},
                            .time = time,
                            .expiry_stamp = time,
                            .kind = VERSION_VALUE,
                            .value = bytes_of_text("hello")};
}

static struct object one_object(struct version *version, struct pair *pair)
{
    *pair = (struct pair){version->dot.actor, version->dot.counter, version->time};
    return (struct object){{pair, 1}, version, 1};
}

/* Decodes `record`, without looking at its checksum, and says whether it was taken. */
static bool is_taken(struct bytes record)
{
    struct arena arena;
    arena_init(&arena);
    struct object object;
    bool taken = record_decode(record, &object, &arena) == RECORD_OK;
    arena_close(&arena);
    return taken;
}

static void assert_same_version(const struct version *a, const struct version *b)
{
    assert_true(dot_equal(&a->dot, &b->dot));
    assert_true(a->time == b->time && a->expiry_stamp == b->expiry_stamp && a->expiry_ms == b->expiry_ms);
    assert_true(a->flags == b->flags && a->kind == b->kind && a->marks == b->marks);
    assert_true(a->request == b->request && a->attempt == b->attempt);
    assert_true(bytes_equal(a->value, b->value));
}

static void assert_round_trip(struct bytes record)
{
    struct arena arena;
    arena_init(&arena);
    struct object object;
    assert_int_equal(record_verify(record), RECORD_OK);
    assert_int_equal(record_decode(record, &object, &arena), RECORD_OK);
    assert_int_equal(record_size(&object), record.len);
    uint8_t *again = malloc(record.len);
    assert_non_null(again);
    record_encode(&object, again);
    assert_memory_equal(again, record.at, record.len);
    free(again);
    struct version newest;
    uint32_t live_count;
    assert_int_equal(record_newest(record, &newest, &live_count), RECORD_OK);
    assert_int_equal(live_count, object.live_count);
    if (live_count > 0)
        assert_same_version(&newest, object_newest(&object));
    arena_close(&arena);
}

/* Every prefix and every flipped bit is noticed. A private copy of the exact length lets ASan see an overrun. */
static void assert_damage_is_noticed(struct bytes record)
{
    for (size_t len = 0; len < record.len; len++) {
        uint8_t *shorter = malloc(len + (len == 0));
        assert_non_null(shorter);
        memcpy(shorter, record.at, len);
        assert_int_equal(record_verify(bytes_of(shorter, len)), RECORD_CORRUPT);
        struct version newest;
        uint32_t live_count;
        record_newest(bytes_of(shorter, len), &newest, &live_count);
        is_taken(bytes_of(shorter, len));
        free(shorter);
    }
    uint8_t *copy = malloc(record.len);
    assert_non_null(copy);
    memcpy(copy, record.at, record.len);
    for (size_t bit = 0; bit < record.len * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(record_verify(bytes_of(copy, record.len)), RECORD_CORRUPT);
        is_taken(bytes_of(copy, record.len));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(copy);
}

static void each_place(void (*check)(struct bytes record), uint32_t histories, bool with_horizons)
{
    for (uint64_t seed = 1; seed <= histories; seed++) {
        struct history history;
        history_open(&history, seed, (struct plan){.merge = object_merge, .with_horizons = with_horizons});
        history_run(&history, 20 + (uint32_t)(seed % 60));
        for (uint32_t i = 0; i < REPLICAS; i++)
            check(place_record(&history.nodes[i].place));
        for (uint32_t i = 0; i < MESSAGES; i++)
            check(place_record(&history.messages[i]));
        history_close(&history);
    }
}

static void objects_of_histories_come_back_as_they_were(void **state)
{
    (void)state;
    each_place(assert_round_trip, HISTORIES, false);
    each_place(assert_round_trip, HISTORIES, true);
}

static void truncation_and_flipped_bits_are_noticed(void **state)
{
    (void)state;
    each_place(assert_damage_is_noticed, 8, false);
    each_place(assert_damage_is_noticed, 8, true);
}

/* docs/record.md, byte by byte. */
static void the_short_form_has_the_documented_bytes(void **state)
{
    (void)state;
    struct version version = one_version(300, 2, 0x2122232425262728);
    struct pair pair;
    struct object object = one_object(&version, &pair);
    version.flags = 5;
    version.expiry_ms = 0x81;
    version.expiry_stamp = 0x3132333435363738;
    version.marks = VERSION_WIN_SENT;
    static const uint8_t expected[] = {2,    0x3c, 1,    2,    3,    4,   0x11, 0x12, 0x13, 0x14, 0x15,
                                       0x16, 0x17, 0x18, 0xac, 2,    2,   0x21, 0x22, 0x23, 0x24, 0x25,
                                       0x26, 0x27, 0x28, 5,    0x81, 1,   0x31, 0x32, 0x33, 0x34, 0x35,
                                       0x36, 0x37, 0x38, 'h',  'e',  'l', 'l',  'o'};
    uint8_t record[8 + sizeof expected];
    assert_int_equal(record_size(&object), sizeof record);
    record_encode(&object, record);
    assert_memory_equal(record + 8, expected, sizeof expected);
    struct wire_reader reader = wire_reader_of(bytes_of(record, 8));
    assert_true(wire_read_u64(&reader) == hash_fingerprint(bytes_of(expected, sizeof expected), 0x7265636f));
}

static void the_long_form_has_the_documented_bytes(void **state)
{
    (void)state;
    struct actor low = {1, 1, 1}, middle = {2, 1, 1}, high = {3, 1, 1};
    struct pair pairs[] = {{low, 4, 0x11}, {middle, 6, 0x22}, {high, 3, 0x12}};
    struct version live[] = {
        {.dot = {middle, 5}, .time = 0x21, .expiry_stamp = 0x21, .kind = VERSION_VALUE, .value = bytes_of_text("ab")},
        {.dot = {high, 2}, .time = 0x10, .expiry_stamp = 0x10, .kind = VERSION_TOMBSTONE},
    };
    struct object object = {{pairs, 3}, live, 2};
    static const uint8_t expected[] = {
        2, 0xc0, 2, 2, 2,                                       /* format, traits, versions, pairs */
        0, 0,    0, 2, 0, 0, 0, 0,    0,    0,   0,    1, 1, 5, /* dot of the newest */
        0, 0,    0, 0, 0, 0, 0, 0x21, 2,    'a', 'b',           /* its time and value */
        6, 0,    0, 0, 0, 0, 0, 0,    0x22,                     /* its actor's pair */
        0, 0,    0, 1, 0, 0, 0, 0,    0,    0,   0,    1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0x11, /* the other pairs */
        0, 0,    0, 3, 0, 0, 0, 0,    0,    0,   0,    1, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0x12, /* */
        1, 2,    2, 0, 0, 0, 0, 0,    0,    0,   0x10,                                     /* the other version */
    };
    uint8_t record[8 + sizeof expected];
    assert_int_equal(record_size(&object), sizeof record);
    record_encode(&object, record);
    assert_memory_equal(record + 8, expected, sizeof expected);
    assert_round_trip(bytes_of(record, sizeof record));
}

static void a_second_name_follows_the_times(void **state)
{
    (void)state;
    struct version version = one_version(3, 2, 0x2122232425262728);
    struct pair pair;
    struct object object = one_object(&version, &pair);
    version.flags = 5;
    version.request = 0x4142434445464748;
    version.attempt = 0x82;
    static const uint8_t expected[] = {2,    0x48, 1,    1,    2,    3,    4,    0x11, 0x12, 0x13, 0x14,
                                       0x15, 0x16, 0x17, 0x18, 3,    2,    0x21, 0x22, 0x23, 0x24, 0x25,
                                       0x26, 0x27, 0x28, 5,    0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
                                       0x48, 0x82, 1,    'h',  'e',  'l',  'l',  'o'};
    uint8_t record[8 + sizeof expected];
    assert_int_equal(record_size(&object), sizeof record);
    record_encode(&object, record);
    assert_memory_equal(record + 8, expected, sizeof expected);
    assert_round_trip(bytes_of(record, sizeof record));
}

/* An attempt after the first, and what covers the first; with an own pair and a sibling that has a name too. */
static void names_of_requests_come_back(void **state)
{
    (void)state;
    struct actor low = {1, 1, 1}, high = {2, 1, 1};
    struct pair pairs[] = {{request_actor(77), 1, 0x20}, {low, 4, 0x22}, {high, 3, 0x12}};
    struct version live[] = {one_version(1, 1, 0x20), one_version(1, 1, 0x10)};
    live[0].dot = (struct dot){low, 3};
    live[0].request = 77;
    live[0].attempt = 2;
    live[1].dot = (struct dot){high, 2};
    live[1].request = UINT64_MAX;
    live[1].attempt = UINT32_MAX;
    struct object object = {{pairs, 3}, live, 2}, back;
    uint8_t record[256];
    record_encode(&object, record);
    struct bytes bytes = bytes_of(record, record_size(&object));
    assert_round_trip(bytes);
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(record_decode(bytes, &back, &arena), RECORD_OK);
    assert_same_version(&back.live[0], &live[0]);
    assert_same_version(&back.live[1], &live[1]);
    const struct version first = {.dot = {{9, 9, 9}, 9}, .request = 77, .attempt = 1};
    assert_true(context_covers_version(&back.context, &first));
    arena_close(&arena);
    assert_damage_is_noticed(bytes);
}

/* Written by programs before there were names of requests; docs/record.md. */
static void records_of_format_one_are_read(void **state)
{
    (void)state;
    static const uint8_t plain[] = {1,    0x3c, 1,    2,    3,    4,    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
                                    0xac, 2,    2,    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 5,    0x81, 1,
                                    0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 'h',  'e',  'l',  'l',  'o'};
    static const uint8_t own_pair[] = {
        1, 0xc0, 2,   1,                                                                /* the bit is of the own pair */
        0, 0,    0,   2, 0, 0, 0, 0, 0, 0, 0,    1,    1, 5, 0, 0, 0, 0, 0, 0, 0, 0x21, /* the newest */
        2, 'a',  'b', 6, 0, 0, 0, 0, 0, 0, 0,    0x22,                                  /* its value and pair */
        0, 0,    0,   3, 0, 0, 0, 0, 0, 0, 0,    1,    1, 3, 0, 0, 0, 0, 0, 0, 0, 0x12, /* another pair */
        1, 1,    2,   0, 0, 0, 0, 0, 0, 0, 0x10,                                        /* the other version */
    };
    const struct bytes old[] = {bytes_of(plain, sizeof plain), bytes_of(own_pair, sizeof own_pair)};
    for (size_t i = 0; i < 2; i++) {
        uint8_t record[128], again[128];
        wire_write_u64(record, hash_fingerprint(old[i], RECORD_CHECKSUM_SEED));
        memcpy(record + 8, old[i].at, old[i].len);
        struct bytes bytes = bytes_of(record, 8 + old[i].len);
        struct arena arena;
        struct object object, same;
        arena_init(&arena);
        assert_int_equal(record_verify(bytes), RECORD_OK);
        assert_int_equal(record_decode(bytes, &object, &arena), RECORD_OK);
        assert_int_equal(object.live_count, i + 1);
        assert_true(i == 0 || (object.context.pairs[0].counter == 6 && object.context.pairs[0].time == 0x22));
        record_encode(&object, again); /* in the present format, and the same object */
        assert_int_equal(again[8], RECORD_FORMAT);
        assert_int_equal(record_decode(bytes_of(again, record_size(&object)), &same, &arena), RECORD_OK);
        assert_int_equal(same.live_count, object.live_count);
        for (uint32_t k = 0; k < same.live_count; k++)
            assert_same_version(&same.live[k], &object.live[k]);
        assert_true(context_contains(&same.context, &object.context));
        arena_close(&arena);
    }
}

static void one_version_costs_at_most_64_bytes_beyond_its_value(void **state)
{
    (void)state;
    /* The largest numbers of docs/record.md: 2^49 births, 2^42 writes of a key, expiry in the year 2109. */
    uint64_t birth = ((uint64_t)1 << 49) - 1, counter = ((uint64_t)1 << 42) - 1, expiry = ((uint64_t)1 << 42) - 1;
    struct version version = one_version(birth, counter, UINT64_MAX / 2);
    struct pair pair;
    version.flags = UINT32_MAX;
    version.expiry_ms = expiry;
    version.expiry_stamp = UINT64_MAX / 2 + 1;
    struct object object = one_object(&version, &pair);
    assert_true(record_size(&object) - version.value.len <= RECORD_OVERHEAD_MAX);
    version.request = UINT64_MAX;
    version.attempt = UINT32_MAX;
    assert_true(record_size(&object) - version.value.len <= RECORD_OVERHEAD_MAX + RECORD_REQUEST_MAX);
    /* And what nearly all objects have: no flags, no expiry, the 400,000th key of this process, its third write. */
    version = one_version(400000, 3, hybrid_of_ms(1790000000000));
    object = one_object(&version, &pair);
    assert_int_equal(record_size(&object) - version.value.len, 34);
}

static void extreme_numbers_come_back(void **state)
{
    (void)state;
    struct version version = one_version(UINT64_MAX, UINT64_MAX, HYBRID_TIME_MAX);
    struct pair pair;
    version.flags = UINT32_MAX;
    version.expiry_ms = UINT64_MAX;
    version.expiry_stamp = 0;
    version.marks = VERSION_STALE | VERSION_WIN_SENT;
    version.request = UINT64_MAX;
    version.attempt = UINT32_MAX;
    struct object object = one_object(&version, &pair);
    uint8_t record[128];
    record_encode(&object, record);
    assert_round_trip(bytes_of(record, record_size(&object)));
}

static void a_later_format_is_told_from_damage(void **state)
{
    (void)state;
    struct version version = one_version(1, 1, 10);
    struct pair pair;
    struct object object = one_object(&version, &pair);
    uint8_t record[128];
    size_t len = record_size(&object);
    record_encode(&object, record);
    record[8] = RECORD_FORMAT + 1;
    assert_int_equal(record_verify(bytes_of(record, len)), RECORD_CORRUPT);
    wire_write_u64(record, hash_fingerprint(bytes_of(record + 8, len - 8), RECORD_CHECKSUM_SEED));
    assert_int_equal(record_verify(bytes_of(record, len)), RECORD_TOO_NEW);
    uint32_t live_count;
    assert_int_equal(record_newest(bytes_of(record, len), &version, &live_count), RECORD_TOO_NEW);
    assert_false(is_taken(bytes_of(record, len)));
}

/* A second encoding of an object would make equal replicas look different. */
static void only_the_canonical_encoding_is_taken(void **state)
{
    (void)state;
    static const uint8_t dot[] = {0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5}, time[] = {0, 0, 0, 0, 0, 0, 0, 9};
    static const struct {
        const char *what;
        bool taken;
        uint8_t head[4], head_len, tail[16], tail_len;
    } cases[] = {
        {"a plain short form", true, {0}, 1, {'x'}, 1},
        {"a tombstone", true, {0x01}, 1, {0}, 0},
        {"a tombstone with bytes", false, {0x01}, 1, {'x'}, 1},
        {"flags of 0", false, {0x08}, 1, {0}, 1},
        {"flags of 33 bits", false, {0x08}, 1, {0x80, 0x80, 0x80, 0x80, 0x10}, 5},
        {"flags not in their shortest form", false, {0x08}, 1, {0x81, 0}, 2},
        {"an expiry of 0", false, {0x10}, 1, {0}, 1},
        {"a stamp equal to the time", false, {0x20}, 1, {0, 0, 0, 0, 0, 0, 0, 9}, 8},
        {"another stamp", true, {0x20}, 1, {0, 0, 0, 0, 0, 0, 0, 8}, 8},
        {"a second byte of traits without any", false, {0x40, 0}, 2, {'x'}, 1},
        {"an unknown trait", false, {0x40, 4}, 2, {'x'}, 1},
        {"a request", true, {0x40, 1}, 2, {7, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}, 10},
        {"a request without a name", false, {0x40, 1}, 2, {0, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}, 10},
        {"a request's attempt 0", false, {0x40, 1}, 2, {7, 0, 0, 0, 0, 0, 0, 0, 0, 'x'}, 10},
        {"an attempt of 33 bits", false, {0x40, 1}, 2, {7, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10}, 13},
        {"an own pair in the short form", false, {0x40, 2}, 2, {6, 0, 0, 0, 0, 0, 0, 0, 9}, 9},
        {"the long form of what has a short one", false, {0x80, 1, 0}, 3, {1, 'x'}, 2},
        {"an own pair ahead of the dot", true, {0xc0, 2, 1, 0}, 4, {1, 'x', 6, 0, 0, 0, 0, 0, 0, 0, 9}, 11},
        {"an own pair like the dot", false, {0xc0, 2, 1, 0}, 4, {1, 'x', 5, 0, 0, 0, 0, 0, 0, 0, 9}, 11},
        {"an own pair behind the dot", false, {0xc0, 2, 1, 0}, 4, {1, 'x', 4, 0, 0, 0, 0, 0, 0, 0, 9}, 11},
        {"bytes behind the end", false, {0xc0, 2, 1, 0}, 4, {1, 'x', 6, 0, 0, 0, 0, 0, 0, 0, 9, 0}, 12},
        {"more pairs than bytes", false, {0xc0, 2, 1, 9}, 4, {1, 'x', 6, 0, 0, 0, 0, 0, 0, 0, 9}, 11},
        {"more versions than bytes", false, {0xc0, 2, 9, 0}, 4, {1, 'x', 6, 0, 0, 0, 0, 0, 0, 0, 9}, 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t record[64] = {[8] = RECORD_FORMAT};
        uint8_t *at = wire_write_bytes(record + 9, bytes_of(cases[i].head, cases[i].head_len));
        at = wire_write_bytes(at, bytes_of(dot, sizeof dot));
        at = wire_write_bytes(at, bytes_of(time, sizeof time));
        at = wire_write_bytes(at, bytes_of(cases[i].tail, cases[i].tail_len));
        if (is_taken(bytes_of(record, (size_t)(at - record))) != cases[i].taken)
            fail_msg("%s", cases[i].what);
    }
}

static bool is_encoding_taken(const struct object *object)
{
    uint8_t record[512];
    assert_true(record_size(object) <= sizeof record);
    record_encode(object, record);
    return is_taken(bytes_of(record, record_size(object)));
}

static void objects_that_break_a_rule_are_not_taken(void **state)
{
    (void)state;
    struct actor a = {1, 1, 1}, b = {2, 1, 1};
    struct pair pairs[] = {{a, 4, 10}, {b, 6, 20}};
    struct version live[] = {one_version(1, 1, 20), one_version(1, 1, 10)};
    live[0].dot = (struct dot){b, 6};
    live[1].dot = (struct dot){a, 4};
    struct object object = {{pairs, 2}, live, 2};
    assert_true(is_encoding_taken(&object));
    live[1].dot.counter = 5; /* not covered */
    assert_false(is_encoding_taken(&object));
    live[1].dot = live[0].dot; /* one dot, two times */
    assert_false(is_encoding_taken(&object));
    live[1] = live[0]; /* the same twice */
    assert_false(is_encoding_taken(&object));
    live[1].dot = (struct dot){a, 4};
    live[1].time = live[1].expiry_stamp = 30; /* not newest first */
    assert_false(is_encoding_taken(&object));
    live[1].time = live[1].expiry_stamp = 10;
    assert_true(is_encoding_taken(&object));
    pairs[0].actor.incarnation = live[1].dot.actor.incarnation = 0;
    assert_false(is_encoding_taken(&object));
    pairs[0].actor = live[1].dot.actor = (struct actor){1, 1, 0}; /* no birth */
    assert_false(is_encoding_taken(&object));
    pairs[0].actor = live[1].dot.actor = request_actor(5); /* a request is no writer */
    assert_false(is_encoding_taken(&object));
    object.live_count = 1;
    assert_true(is_encoding_taken(&object));
}

/* A write that covers it could not come after it. */
static void a_time_that_no_clock_gives_is_not_taken(void **state)
{
    (void)state;
    struct pair pairs[] = {{{1, 1, 1}, 4, 10}, {{2, 1, 1}, 6, 20}};
    struct version live = one_version(1, 1, 20);
    live.dot = (struct dot){pairs[1].actor, 6};
    struct object object = {{pairs, 2}, &live, 1};
    hybrid_time *const times[] = {&live.time, &live.expiry_stamp, &pairs[0].time, &pairs[1].time};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        hybrid_time before = *times[i];
        *times[i] = HYBRID_TIME_MAX;
        assert_true(is_encoding_taken(&object));
        *times[i] = HYBRID_TIME_MAX + 1;
        assert_false(is_encoding_taken(&object));
        *times[i] = before;
    }
}

static void an_object_without_versions_keeps_its_context(void **state)
{
    (void)state;
    struct pair pairs[] = {{{1, 1, 1}, 4, 10}, {{2, 1, 1}, 6, 20}};
    uint8_t record[128];
    for (uint32_t count = 0; count <= 2; count++) {
        struct object object = {.context = {pairs, count}};
        record_encode(&object, record);
        assert_round_trip(bytes_of(record, record_size(&object)));
    }
    struct object turned = {.context = {(struct pair[]){pairs[1], pairs[0]}, 2}};
    assert_false(is_encoding_taken(&turned));
}

static void the_largest_object_comes_back(void **state)
{
    (void)state;
    static struct pair pairs[RECORD_PAIRS_MAX];
    static struct version live[RECORD_VERSIONS_MAX];
    for (uint32_t i = 0; i < RECORD_PAIRS_MAX; i++)
        pairs[i] = (struct pair){{i, i + 1, i + 1}, i + 1, i};
    for (uint32_t i = 0; i < RECORD_VERSIONS_MAX; i++) {
        live[i] = one_version(1, 1, RECORD_VERSIONS_MAX - i);
        live[i].dot = (struct dot){pairs[i * 16].actor, i + 1};
    }
    struct object object = {{pairs, RECORD_PAIRS_MAX}, live, RECORD_VERSIONS_MAX};
    size_t len = record_size(&object);
    uint8_t *record = malloc(len);
    assert_non_null(record);
    record_encode(&object, record);
    assert_round_trip(bytes_of(record, len));
    free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_histories_come_back_as_they_were),
        cmocka_unit_test(truncation_and_flipped_bits_are_noticed),
        cmocka_unit_test(the_short_form_has_the_documented_bytes),
        cmocka_unit_test(the_long_form_has_the_documented_bytes),
        cmocka_unit_test(a_second_name_follows_the_times),
        cmocka_unit_test(names_of_requests_come_back),
        cmocka_unit_test(records_of_format_one_are_read),
        cmocka_unit_test(one_version_costs_at_most_64_bytes_beyond_its_value),
        cmocka_unit_test(extreme_numbers_come_back),
        cmocka_unit_test(a_later_format_is_told_from_damage),
        cmocka_unit_test(only_the_canonical_encoding_is_taken),
        cmocka_unit_test(objects_that_break_a_rule_are_not_taken),
        cmocka_unit_test(a_time_that_no_clock_gives_is_not_taken),
        cmocka_unit_test(an_object_without_versions_keeps_its_context),
        cmocka_unit_test(the_largest_object_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
