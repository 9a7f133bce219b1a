/* Views, members, changes and buckets as bytes: what comes back is what went in, and nothing else is accepted. */
#include "base/seeded.h"
#include "members.h"

#include "base/wire.h"
#include "ring/bucket.h"

static struct ring_member members[RING_MEMBERS_MAX];

struct buffer {
    uint8_t *at;
    size_t len;
};

static struct buffer encoded(const struct ring_view *view)
{
    struct buffer buffer = {.len = ring_view_size(view)};
    buffer.at = malloc(buffer.len); /* exactly: a sanitizer sees one byte more */
    CHECK_MEMORY(buffer.at);
    ring_view_encode(view, buffer.at);
    return buffer;
}

/* Decodes a copy that is exactly as long as the input. A fault has a text; a view has none and encodes to its input. */
static struct ring_view *decoded(const uint8_t *at, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));
    CHECK_MEMORY(copy);
    memcpy(copy, at, len);
    const char *fault = "";
    struct ring_view *view = ring_view_decode(bytes_of(copy, len), &fault);
    free(copy);
    assert_int_equal(view == NULL, fault != NULL);
    if (view != NULL) {
        struct buffer again = encoded(view);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.at, at, len);
        free(again.at);
    }
    return view;
}

static struct ring_view *random_view(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    uint32_t nodes = 1 + (uint32_t)prng_below(&prng, seed % 10 == 0 ? 300 : 12);
    struct ring_settings settings =
        settings_of(1U << prng_below(&prng, 7), (uint8_t)(1 + prng_below(&prng, RING_COPIES_MAX)));
    settings.strategy = (enum ring_strategy)(1 + prng_below(&prng, 3));
    random_members(members, nodes, &prng);
    struct ring_view *view = ring_view_new(&settings, members, nodes);
    assert_non_null(view);
    view->epoch = 1 + prng_next(&prng) / 2;
    return view;
}

static void a_view_comes_back_as_it_was(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct ring_view *view = random_view(seed);
        struct buffer buffer = encoded(view);
        struct ring_view *again = decoded(buffer.at, buffer.len);
        assert_seeded(again != NULL && ring_fingerprint(again) == ring_fingerprint(view), seed);
        assert_seeded(again->epoch == view->epoch && again->owner_count == view->owner_count, seed);
        assert_seeded(memcmp(again->members, view->members, view->member_count * sizeof *view->members) == 0, seed);
        size_t places = (size_t)view->partition_count * view->member_count;
        assert_seeded(memcmp(again->rows, view->rows, places * sizeof *view->rows) == 0, seed);
        ring_view_free(view);
        ring_view_free(again);
        free(buffer.at);
    }
}

static void the_single_view_comes_back_too(void **state)
{
    (void)state;
    struct ring_view *view = ring_view_new_single("10.0.0.1:12211", 64);
    struct buffer buffer = encoded(view);
    struct ring_view *again = decoded(buffer.at, buffer.len);
    assert_true(ring_fingerprint(again) == ring_fingerprint(view));
    ring_view_free(view);
    ring_view_free(again);
    free(buffer.at);
}

static void a_view_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct ring_view *view = random_view(seed);
        struct buffer buffer = encoded(view);
        for (size_t len = 0; len < buffer.len; len++)
            assert_seeded(decoded(buffer.at, len) == NULL, seed);
        uint8_t *longer = calloc(1, buffer.len + 1);
        CHECK_MEMORY(longer);
        memcpy(longer, buffer.at, buffer.len);
        assert_seeded(decoded(longer, buffer.len + 1) == NULL, seed);
        free(longer);
        ring_view_free(view);
        free(buffer.at);
    }
}

/* `decoded` asserts that whatever is accepted has these very bytes and no others. */
static void a_changed_view_is_refused_or_is_the_changed_view(void **state)
{
    (void)state;
    unsigned refused = 0, accepted = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct ring_view *view = random_view(seed), *changed;
        struct buffer buffer = encoded(view);
        for (unsigned round = 0; round < 300; round++) {
            size_t at = (size_t)prng_below(&prng, round % 2 ? buffer.len : smaller(buffer.len, 60));
            uint8_t before = buffer.at[at];
            buffer.at[at] = (uint8_t)(round % 3 ? before ^ 1 << prng_below(&prng, 8) : (int)prng_below(&prng, 256));
            bool differs = buffer.at[at] != before;
            changed = decoded(buffer.at, buffer.len);
            if (changed != NULL && differs)
                assert_seeded(ring_fingerprint(changed) != ring_fingerprint(view), seed);
            refused += changed == NULL;
            accepted += changed != NULL;
            ring_view_free(changed);
            buffer.at[at] = before;
        }
        ring_view_free(view);
        free(buffer.at);
    }
    assert_true(refused > 1000 && accepted > 1000); /* both kinds were tried */
}

static struct ring_view *three_by_three(void)
{
    struct ring_settings settings = settings_of(4, 2);
    equal_members(members, 3);
    struct ring_view *view = ring_view_new(&settings, members, 3);
    assert_non_null(view);
    return view;
}

static void refused_after(size_t at, uint8_t value, const char *why)
{
    struct ring_view *view = three_by_three();
    struct buffer buffer = encoded(view);
    assert_true(at < buffer.len && buffer.at[at] != value);
    buffer.at[at] = value;
    const char *fault;
    assert_null(ring_view_decode(bytes_of(buffer.at, buffer.len), &fault));
    assert_string_equal(fault, why);
    ring_view_free(view);
    free(buffer.at);
}

/* Places: format 0, cluster 1, partitions 9, strategy 13, copies 14, tokens 15, epoch 17, members 25, the first 27. */
static void each_field_of_a_view_is_checked(void **state)
{
    (void)state;
    struct ring_view *view = three_by_three();
    size_t owners = ring_view_size(view) - 8; /* 4 partitions x 2 owners */
    uint8_t first_owner = (uint8_t)view->rows[0], second_owner = (uint8_t)view->rows[1];
    assert_int_not_equal(first_owner, second_owner);
    ring_view_free(view);
    refused_after(0, 2, "a view in a format of another version");
    refused_after(12, 5, "the number of partitions is a power of two, at most 65536");
    refused_after(9, 0x80, "the number of partitions is a power of two, at most 65536");
    refused_after(12, 8, "the owners are not as many as partitions times copies");
    refused_after(13, 0, "the strategy is 1, 2 or 3");
    refused_after(14, 8, "the number of copies is 1 to 7");
    refused_after(14, 3, "the owners are not as many as partitions times copies");
    refused_after(16, 0, "the number of tokens is 1 to 1024");
    refused_after(24, 0, "epochs begin with 1 and do not end");
    refused_after(25, 5, "a view has 1 to 1024 members");
    refused_after(26, 0, "a view has 1 to 1024 members");
    refused_after(26, 200, "fewer bytes than members need");
    refused_after(27, 0xff, "a member is at fault or cut off"); /* weight */
    refused_after(31, 200, "a member is at fault or cut off");  /* length of the name */
    refused_after(32, ' ', "a member is at fault or cut off");
    refused_after(32, 0, "a member is at fault or cut off");
    refused_after(owners, 3, "an owner is no member");
    refused_after(owners + 7, 255, "an owner is no member");
    refused_after(owners + 1, first_owner, "a member owns a partition twice");
}

static void members_out_of_order_or_twice_are_refused(void **state)
{
    (void)state;
    struct ring_view *view = three_by_three();
    struct ring_member *own = (struct ring_member *)(uintptr_t)view->members, first = own[0], second = own[1];
    own[0] = second;
    own[1] = first;
    struct buffer swapped = encoded(view);
    assert_null(decoded(swapped.at, swapped.len));
    own[0] = first;
    own[1] = first;
    struct buffer doubled = encoded(view);
    assert_null(decoded(doubled.at, doubled.len));
    free(swapped.at);
    free(doubled.at);
    ring_view_free(view);
}

static void changes_and_members_come_back_as_they_were(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct ring_change change = {.kind = (enum ring_change_kind)(1 + seed % 3)}, again;
        random_members(&change.member, 1, &prng);
        uint8_t bytes[RING_CHANGE_BYTES_MAX];
        size_t len = (size_t)(ring_change_encode(&change, bytes) - bytes);
        struct wire_reader reader = wire_reader_of(bytes_of(bytes, len));
        assert_seeded(ring_change_decode(&reader, &again) && reader.ok && wire_left(&reader) == 0, seed);
        assert_seeded(again.kind == change.kind, seed);
        assert_seeded(memcmp(&again.member, &change.member, sizeof again.member) == 0, seed);
        for (size_t cut = 0; cut < len; cut++) {
            reader = wire_reader_of(bytes_of(bytes, cut));
            assert_seeded(!ring_change_decode(&reader, &again) && !reader.ok, seed);
        }
        bytes[0] = (uint8_t)(seed % 2 ? 0 : 4);
        reader = wire_reader_of(bytes_of(bytes, len));
        assert_seeded(!ring_change_decode(&reader, &again) && !reader.ok, seed);
    }
}

static void the_largest_member_fits(void **state)
{
    (void)state;
    struct ring_change change = {.kind = RING_CHANGE_JOIN, .member = {.weight = RING_WEIGHT_MAX}}, again;
    struct ring_member *member = &change.member;
    memset(member->name, 'n', RING_NAME_MAX);
    memset(member->peer, 'p', RING_ADDRESS_MAX);
    memset(member->client, 'c', RING_ADDRESS_MAX);
    memset(member->rack, 'r', RING_NAME_MAX);
    memset(member->datacenter, 'd', RING_NAME_MAX);
    member->id = ring_node_id(member->name);
    assert_null(ring_member_fault(member));
    uint8_t bytes[RING_CHANGE_BYTES_MAX];
    const uint8_t *end = ring_change_encode(&change, bytes);
    assert_true(end <= bytes + sizeof bytes);
    struct wire_reader reader = wire_reader_of(bytes_of(bytes, (size_t)(end - bytes)));
    assert_true(ring_change_decode(&reader, &again));
    assert_memory_equal(&again, &change, sizeof again);
}

static struct buffer buckets_encoded(const struct bucket_table *table)
{
    struct buffer buffer = {.len = bucket_table_size(table)};
    buffer.at = malloc(buffer.len);
    CHECK_MEMORY(buffer.at);
    bucket_table_encode(table, buffer.at);
    return buffer;
}

static bool buckets_decoded(const uint8_t *at, size_t len, struct bucket_table *table)
{
    uint8_t *copy = malloc(len + (len == 0));
    CHECK_MEMORY(copy);
    memcpy(copy, at, len);
    const char *fault = "";
    bool good = bucket_table_decode(bytes_of(copy, len), table, &fault);
    free(copy);
    assert_int_equal(good, fault == NULL);
    if (good) {
        struct buffer again = buckets_encoded(table);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.at, at, len);
        free(again.at);
    }
    return good;
}

static void random_buckets(struct bucket_table *table, struct prng *prng)
{
    bucket_table_init(table);
    for (uint64_t i = 0, count = prng_below(prng, 20); i <= count; i++) {
        char name[24];
        snprintf(name, sizeof name, "b%u", (unsigned)i);
        struct bucket bucket = bucket_default(i == 0 ? "default" : name);
        for (uint64_t len = i == 0 ? 0 : 1 + prng_below(prng, 5); bucket.prefix_len < len; bucket.prefix_len++)
            bucket.prefix[bucket.prefix_len] = (uint8_t)prng_below(prng, 256);
        bucket.r = (uint8_t)(1 + prng_below(prng, 7));
        bucket.w = (uint8_t)(1 + prng_below(prng, 7));
        bucket.reconcile = (enum reconcile)prng_below(prng, 2);
        bucket.stale_cas = (enum stale_cas)prng_below(prng, 2);
        bucket.durability = (enum durability)prng_below(prng, 3);
        bucket.multi_value = prng_below(prng, 2) == 0;
        bucket.durable_writes = (uint8_t)prng_below(prng, 2);
        bucket.siblings_max = (uint32_t)(1 + prng_below(prng, 1000));
        (void)bucket_table_put(table, &bucket); /* some conflict and are left out */
    }
}

static void buckets_come_back_as_they_were_and_not_if_cut_or_changed(void **state)
{
    (void)state;
    unsigned refused = 0, accepted = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct bucket_table table, again;
        random_buckets(&table, &prng);
        struct buffer buffer = buckets_encoded(&table);
        assert_seeded(buckets_decoded(buffer.at, buffer.len, &again) && bucket_table_equal(&table, &again), seed);
        bucket_table_close(&again);
        for (size_t len = 0; len < buffer.len; len++)
            assert_seeded(!buckets_decoded(buffer.at, len, &again), seed);
        for (unsigned round = 0; round < 200; round++) {
            size_t at = (size_t)prng_below(&prng, buffer.len);
            uint8_t before = buffer.at[at];
            buffer.at[at] ^= (uint8_t)(1 << prng_below(&prng, 8));
            bool good = buckets_decoded(buffer.at, buffer.len, &again);
            if (good) {
                assert_seeded(!bucket_table_equal(&table, &again), seed);
                bucket_table_close(&again);
            }
            refused += !good;
            accepted += good;
            buffer.at[at] = before;
        }
        bucket_table_close(&table);
        free(buffer.at);
    }
    assert_true(refused > 1000 && accepted > 1000);
}

static void buckets_refused_after(size_t at, uint8_t value)
{
    struct bucket_table table, again;
    bucket_table_init(&table);
    struct buffer buffer = buckets_encoded(&table);
    assert_int_equal(buffer.len, 3 + 1 + 7 + 1 + 7 + 4);
    buffer.at[at] = value;
    assert_false(buckets_decoded(buffer.at, buffer.len, &again));
    bucket_table_close(&table);
    free(buffer.at);
}

/* Places: format 0, number 1, name 3, prefix 11, r, w, reconcile, stale-cas, durability, multi-value, durable-writes
 * 12 to 18, max-siblings 19. */
static void each_field_of_a_bucket_is_checked(void **state)
{
    (void)state;
    buckets_refused_after(0, 2);
    buckets_refused_after(2, 0);
    buckets_refused_after(2, 2);
    buckets_refused_after(3, 0);
    buckets_refused_after(3, BUCKET_NAME_MAX + 1);
    buckets_refused_after(4, 'D'); /* the first must be the default bucket */
    buckets_refused_after(4, 0);
    buckets_refused_after(11, 1);
    buckets_refused_after(12, 0);
    buckets_refused_after(12, RING_COPIES_MAX + 1);
    buckets_refused_after(13, 0);
    buckets_refused_after(14, 2);
    buckets_refused_after(15, 2);
    buckets_refused_after(16, 3);
    buckets_refused_after(17, 2);
    buckets_refused_after(18, 1); /* durable-writes with committed */
    buckets_refused_after(22, 0); /* no sibling at all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_comes_back_as_it_was),
        cmocka_unit_test(the_single_view_comes_back_too),
        cmocka_unit_test(a_view_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_view_is_refused_or_is_the_changed_view),
        cmocka_unit_test(each_field_of_a_view_is_checked),
        cmocka_unit_test(members_out_of_order_or_twice_are_refused),
        cmocka_unit_test(changes_and_members_come_back_as_they_were),
        cmocka_unit_test(the_largest_member_fits),
        cmocka_unit_test(buckets_come_back_as_they_were_and_not_if_cut_or_changed),
        cmocka_unit_test(each_field_of_a_bucket_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
