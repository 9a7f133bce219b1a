/* Views: what can found a ring and change it, the same table everywhere, all three strategies. */
#include "base/seeded.h"
#include "members.h"

#include "base/hash.h"

enum { NODES_MAX = 64 };

static struct ring_member members[RING_MEMBERS_MAX + 1];

static void settings_are_checked(void **state)
{
    (void)state;
    struct ring_settings good = settings_of(64, 3), bad = good;
    equal_members(members, 3);
    assert_null(ring_settings_fault(&good));
    bad.cluster = 0;
    assert_non_null(ring_settings_fault(&bad));
    assert_null(ring_view_new(&bad, members, 3));
    const uint32_t partitions[] = {0, 3, 1000, 65535, 131072};
    for (unsigned i = 0; i < 5; i++) {
        bad = good;
        bad.partition_count = partitions[i];
        assert_non_null(ring_settings_fault(&bad));
    }
    for (unsigned value = 0; value < 256; value++) {
        bad = good;
        bad.copies = (uint8_t)value;
        assert_int_equal(ring_settings_fault(&bad) == NULL, value >= 1 && value <= RING_COPIES_MAX);
        bad = good;
        bad.strategy = (enum ring_strategy)value;
        assert_int_equal(ring_settings_fault(&bad) == NULL, value >= 1 && value <= 3);
    }
    bad = good;
    bad.tokens = 0;
    assert_non_null(ring_settings_fault(&bad));
    bad.tokens = RING_TOKENS_MAX + 1;
    assert_non_null(ring_settings_fault(&bad));
}

static void members_are_checked(void **state)
{
    (void)state;
    struct ring_member good = member_of(1, "rack", "dc"), bad = good;
    assert_null(ring_member_fault(&good));
    bad.id ^= 1;
    assert_non_null(ring_member_fault(&bad));
    bad = good;
    bad.weight = 0;
    assert_non_null(ring_member_fault(&bad));
    bad.weight = RING_WEIGHT_MAX + 1;
    assert_non_null(ring_member_fault(&bad));
    bad.weight = RING_WEIGHT_MAX;
    assert_null(ring_member_fault(&bad));
    bad.name[0] = 0;
    bad.id = ring_node_id("");
    assert_non_null(ring_member_fault(&bad));
    bad = good;
    bad.rack[1] = ' ';
    assert_non_null(ring_member_fault(&bad));
    bad = good;
    bad.peer[0] = '\n';
    assert_non_null(ring_member_fault(&bad));
    bad = good;
    memset(bad.client, 'x', sizeof bad.client); /* no end */
    assert_non_null(ring_member_fault(&bad));
    bad = good;
    bad.peer[0] = bad.client[0] = bad.rack[0] = bad.datacenter[0] = 0;
    assert_null(ring_member_fault(&bad));
}

static void a_ring_has_1_to_1024_members_none_twice(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(16, 3);
    equal_members(members, RING_MEMBERS_MAX + 1);
    assert_null(ring_view_new(&settings, members, 0));
    assert_null(ring_view_new(&settings, members, RING_MEMBERS_MAX + 1));
    struct ring_view *view = ring_view_new(&settings, members, RING_MEMBERS_MAX);
    assert_non_null(view);
    assert_null(view_changed(view, RING_CHANGE_JOIN, &members[RING_MEMBERS_MAX]));
    ring_view_free(view);
    members[2] = members[0];
    assert_null(ring_view_new(&settings, members, 3));
}

static void impossible_changes_make_no_view(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(16, 3);
    equal_members(members, 4);
    struct ring_view *view = ring_view_new(&settings, members, 2), *single = ring_view_new(&settings, members, 1);
    assert_null(view_changed(view, RING_CHANGE_JOIN, &members[1]));
    assert_null(view_changed(view, RING_CHANGE_LEAVE, &members[2]));
    assert_null(view_changed(view, RING_CHANGE_MEMBER, &members[2]));
    assert_null(view_changed(single, RING_CHANGE_LEAVE, &members[0]));
    assert_null(view_changed(view, (enum ring_change_kind)0, &members[2]));
    assert_null(view_changed(view, (enum ring_change_kind)4, &members[2]));
    struct ring_member bad = members[2];
    bad.weight = 0;
    assert_null(view_changed(view, RING_CHANGE_JOIN, &bad));
    ring_view_free(view);
    ring_view_free(single);
}

static void members_are_found_by_id_and_owners_by_index(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(64, 3);
    equal_members(members, 40);
    struct ring_view *view = ring_view_new(&settings, members, 39);
    for (unsigned i = 0; i < 39; i++) {
        int at = ring_member_index(view, members[i].id);
        assert_in_range(at, 0, 38);
        assert_string_equal(view->members[at].name, members[i].name);
    }
    assert_int_equal(ring_member_index(view, members[39].id), -1);
    assert_int_equal(ring_member_index(view, 0), -1);
    assert_int_equal(ring_member_index(view, UINT32_MAX), -1);
    for (uint16_t partition = 0; partition < 64; partition++) {
        const uint16_t *list = ring_preference_list(view, partition);
        for (uint32_t place = 0; place < 39; place++)
            assert_int_equal(ring_owner_place(view, partition, list[place]), place < 3 ? (int)place : -1);
    }
    ring_view_free(view);
}

static void with_fewer_members_than_copies_each_owns_everything(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(128, 3);
    equal_members(members, 5);
    struct ring_view *view = ring_view_new(&settings, members, 1);
    for (uint32_t nodes = 1; nodes < 5; nodes++) {
        assert_int_equal(view->owner_count, smaller(nodes, 3));
        assert_true(lists_are_whole(view));
        struct ring_view *after = view_changed(view, RING_CHANGE_JOIN, &members[nodes]);
        ring_view_free(view);
        view = after;
    }
    for (uint32_t nodes = 5; nodes > 1; nodes--) {
        struct ring_view *after = view_changed(view, RING_CHANGE_LEAVE, &members[5 - nodes]);
        assert_int_equal(after->owner_count, smaller(nodes - 1, 3));
        assert_true(lists_are_whole(after));
        assert_int_equal(p5_violations(after), 0);
        ring_view_free(view);
        view = after;
    }
    ring_view_free(view);
}

static bool same_view(const struct ring_view *a, const struct ring_view *b)
{
    return ring_fingerprint(a) == ring_fingerprint(b) && a->member_count == b->member_count
           && a->partition_count == b->partition_count
           && memcmp(a->members, b->members, a->member_count * sizeof *a->members) == 0
           && memcmp(a->rows, b->rows, (size_t)a->partition_count * a->member_count * sizeof *a->rows) == 0;
}

static void shuffle(struct ring_member *list, uint32_t count, struct prng *prng)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)prng_below(prng, i);
        struct ring_member member = list[i - 1];
        list[i - 1] = list[other];
        list[other] = member;
    }
}

/* Also with rubbish behind the ends of texts, as in memory that was used before. */
static void every_node_makes_the_same_view_in_whatever_order_it_hears_of_members(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint32_t nodes = 2 + (uint32_t)prng_below(&prng, 30);
        struct ring_settings settings = settings_of(128, (uint8_t)(1 + prng_below(&prng, 5)));
        settings.strategy = (enum ring_strategy)(1 + seed % 3);
        random_members(members, nodes + 1, &prng);
        struct ring_member newcomer = members[nodes];
        struct ring_view *view = ring_view_new(&settings, members, nodes);
        struct ring_view *after = view_changed(view, RING_CHANGE_JOIN, &newcomer);
        shuffle(members, nodes, &prng);
        for (uint32_t i = 0; i < nodes; i++) {
            size_t len = strlen(members[i].rack);
            memset(members[i].rack + len + 1, 'x', sizeof members[i].rack - len - 1);
        }
        struct ring_view *other_view = ring_view_new(&settings, members, nodes);
        struct ring_view *other_after = view_changed(other_view, RING_CHANGE_JOIN, &newcomer);
        assert_seeded(same_view(view, other_view) && same_view(after, other_after), seed);
        assert_seeded(!same_view(view, after), seed);
        ring_view_free(view);
        ring_view_free(after);
        ring_view_free(other_view);
        ring_view_free(other_after);
    }
}

static void the_fingerprint_covers_everything(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(64, 3);
    equal_members(members, 7);
    struct ring_view *view = ring_view_new(&settings, members, 7);
    struct ring_member *own = (struct ring_member *)(uintptr_t)view->members;
    uint16_t *rows = (uint16_t *)(uintptr_t)view->rows;
    const uint64_t print = ring_fingerprint(view);
#define CHANGES_FINGERPRINT(change, undo)                                                                              \
    do {                                                                                                               \
        change;                                                                                                        \
        assert_true(ring_fingerprint(view) != print);                                                                  \
        undo;                                                                                                          \
    } while (0)
    CHANGES_FINGERPRINT(view->epoch++, view->epoch--);
    CHANGES_FINGERPRINT(view->settings.cluster++, view->settings.cluster--);
    CHANGES_FINGERPRINT(view->settings.copies++, view->settings.copies--);
    CHANGES_FINGERPRINT(view->settings.tokens++, view->settings.tokens--);
    CHANGES_FINGERPRINT(view->settings.strategy--, view->settings.strategy++);
    CHANGES_FINGERPRINT(own[3].weight++, own[3].weight--);
    CHANGES_FINGERPRINT(own[3].id++, own[3].id--);
    CHANGES_FINGERPRINT(own[3].name[0]++, own[3].name[0]--);
    CHANGES_FINGERPRINT(own[3].peer[3]++, own[3].peer[3]--);
    CHANGES_FINGERPRINT(own[6].client[3]++, own[6].client[3]--);
    CHANGES_FINGERPRINT(own[0].rack[0]++, own[0].rack[0]--);
    CHANGES_FINGERPRINT(own[0].datacenter[0]++, own[0].datacenter[0]--);
#undef CHANGES_FINGERPRINT
    for (unsigned i = 0; i + 1 < 7; i++) { /* owners and stand-ins */
        uint16_t at = rows[5 * 7 + i];
        rows[5 * 7 + i] = rows[5 * 7 + i + 1];
        rows[5 * 7 + i + 1] = at;
        assert_true(ring_fingerprint(view) != print);
        rows[5 * 7 + i + 1] = rows[5 * 7 + i];
        rows[5 * 7 + i] = at;
    }
    assert_true(ring_fingerprint(view) == print);
    ring_view_free(view);
}

static void strategies_1_and_2_keep_p5_and_depend_on_members_only(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint32_t nodes = 2 + (uint32_t)prng_below(&prng, 30);
        struct ring_settings settings =
            settings_of(1U << prng_below(&prng, 9), (uint8_t)(1 + prng_below(&prng, RING_COPIES_MAX)));
        settings.strategy = seed % 2 ? RING_RANDOM_TOKENS : RING_TOKENS_EQUAL_PARTITIONS;
        settings.tokens = (uint16_t)(1 + prng_below(&prng, 64));
        random_members(members, nodes, &prng);
        struct ring_view *view = ring_view_new(&settings, members, nodes);
        struct ring_view *smaller = ring_view_new(&settings, members, nodes - 1);
        struct ring_view *grown = view_changed(smaller, RING_CHANGE_JOIN, &members[nodes - 1]);
        assert_seeded(lists_are_whole(view) && p5_violations(view) == 0, seed);
        size_t bytes = (size_t)view->partition_count * nodes * sizeof *view->rows;
        assert_seeded(memcmp(view->rows, grown->rows, bytes) == 0, seed);
        ring_view_free(view);
        ring_view_free(smaller);
        ring_view_free(grown);
    }
}

/* Against the definition: the first token at or after a point of the circle, by looking at all of them. Tokens and the
 * point are written down here a second time: a change of either would move data in rings that exist. */
static uint16_t owner_by_definition(const struct ring_view *view, uint64_t point)
{
    uint16_t found = 0;
    uint64_t nearest = UINT64_MAX;
    for (uint16_t i = 0; i < view->member_count; i++) {
        uint64_t name = hash_fingerprint(bytes_of_text(view->members[i].name), 2);
        uint32_t count = view->settings.tokens * view->members[i].weight / RING_WEIGHT_ONE;
        for (uint32_t number = 0; number < count; number++) {
            uint64_t distance = hash_mix(name + number * 0x9e3779b97f4a7c15ULL) - point; /* around the circle */
            if (distance < nearest) {
                nearest = distance;
                found = i;
            }
        }
    }
    return found;
}

static void tokens_own_what_ends_at_them(void **state)
{
    (void)state;
    equal_members(members, 9);
    members[4].weight = 3 * RING_WEIGHT_ONE;
    for (uint32_t partitions = 1; partitions <= 256; partitions *= 4) {
        struct ring_settings settings = settings_of(partitions, 3);
        settings.strategy = RING_RANDOM_TOKENS;
        struct ring_view *arcs = ring_view_new(&settings, members, 9);
        settings.strategy = RING_TOKENS_EQUAL_PARTITIONS;
        struct ring_view *ends = ring_view_new(&settings, members, 9);
        uint64_t half = (uint64_t)1 << 63;
        for (uint16_t partition = 0; partition < partitions; partition++) {
            uint64_t width = half / partitions * 2, begin = partition * width;
            assert_int_equal(ring_preference_list(arcs, partition)[0],
                             owner_by_definition(arcs, begin + half / partitions));
            assert_int_equal(ring_preference_list(ends, partition)[0], owner_by_definition(ends, begin + width));
        }
        ring_view_free(arcs);
        ring_view_free(ends);
    }
}

static void tokens_give_a_node_about_its_weight(void **state)
{
    (void)state;
    static uint32_t owned[NODES_MAX], first[NODES_MAX];
    for (unsigned strategy = 1; strategy <= 2; strategy++) {
        struct ring_settings settings = settings_of(16384, 1);
        settings.strategy = (enum ring_strategy)strategy;
        settings.tokens = 1024;
        equal_members(members, 10);
        members[7].weight = 3 * RING_WEIGHT_ONE;
        struct ring_view *view = ring_view_new(&settings, members, 10);
        count_owned(view, owned, first);
        for (unsigned i = 0; i < 10; i++) { /* of 1024 random arcs the sum deviates by 1 / sqrt(1024): 3 % */
            double share = 16384.0 / 12 * (i == 7 ? 3 : 1);
            double copies = owned[ring_member_index(view, members[i].id)];
            assert_true(copies > 0.85 * share && copies < 1.15 * share);
        }
        ring_view_free(view);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(members_are_checked),
        cmocka_unit_test(a_ring_has_1_to_1024_members_none_twice),
        cmocka_unit_test(impossible_changes_make_no_view),
        cmocka_unit_test(members_are_found_by_id_and_owners_by_index),
        cmocka_unit_test(with_fewer_members_than_copies_each_owns_everything),
        cmocka_unit_test(every_node_makes_the_same_view_in_whatever_order_it_hears_of_members),
        cmocka_unit_test(the_fingerprint_covers_everything),
        cmocka_unit_test(strategies_1_and_2_keep_p5_and_depend_on_members_only),
        cmocka_unit_test(tokens_own_what_ends_at_them),
        cmocka_unit_test(tokens_give_a_node_about_its_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
