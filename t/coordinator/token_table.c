/* What tokens stood for, as long as the table remembers. */
#include "coordinator/token_table.h"

#include "base/prng.h"
#include "base/seeded.h"

enum { KEY = 0xabcd };

static struct context context_of(struct pair *pairs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct pair){.actor = {.node = 1, .incarnation = 2, .birth = i + 1}, .counter = count, .time = i};
    return (struct context){.pairs = pairs, .count = count};
}

/* Is the token known, with a context of `count` such pairs? */
static bool knows(struct token_table *table, uint64_t token, uint32_t key_hash, uint32_t count)
{
    struct pair pairs[16];
    struct context expected = context_of(pairs, count), found = {.count = 99};
    static struct arena arena;
    arena_init(&arena);
    bool known = token_table_get(table, token, key_hash, &found, &arena);
    bool same =
        known && found.count == count && context_contains(&found, &expected) && context_contains(&expected, &found);
    for (uint32_t i = 0; same && i < count; i++)
        same = found.pairs[i].time == expected.pairs[i].time;
    arena_close(&arena);
    assert_true(known == same); /* never known with another content */
    return known;
}

static void put(struct token_table *table, uint64_t token, uint32_t key_hash, uint32_t count)
{
    struct pair pairs[16];
    struct context context = context_of(pairs, count);
    token_table_put(table, token, key_hash, &context);
    memset(pairs, 0xee, sizeof pairs); /* the table has its own copy */
}

static void a_token_is_known_with_its_key_only(void **state)
{
    (void)state;
    struct token_table *table = token_table_new(100, &lock_none);
    put(table, 7, KEY, 3);
    assert_true(knows(table, 7, KEY, 3));
    for (uint32_t other = 1; other < 1000; other++) { /* some of these have the same place */
        assert_false(knows(table, 7, KEY + other, 3));
        assert_false(knows(table, 7 + other, KEY, 3));
    }
    token_table_free(table);
    token_table_free(NULL);
}

static void no_token_is_never_known(void **state)
{
    (void)state;
    struct token_table *table = token_table_new(1, &lock_none);
    static struct arena arena;
    arena_init(&arena);
    struct context found;
    for (uint32_t key = 0; key < 1000; key++) /* a free place looks like token 0 */
        assert_false(token_table_get(table, 0, key, &found, &arena));
    arena_close(&arena);
    token_table_free(table);
}

static void the_latest_context_of_a_token_counts(void **state)
{
    (void)state;
    struct token_table *table = token_table_new(100, &lock_none);
    put(table, 7, KEY, 3);
    put(table, 7, KEY, 0);
    assert_true(knows(table, 7, KEY, 0));
    put(table, 7, KEY, 16);
    assert_true(knows(table, 7, KEY, 16));
    token_table_free(table);
}

static void old_tokens_give_way_and_are_then_unknown(void **state)
{
    (void)state;
    enum { SIZE = 64, TOKENS = 1000 };
    const uint64_t seed = 101;
    struct prng prng;
    prng_init(&prng, seed);
    struct token_table *table = token_table_new(SIZE, &lock_none);
    uint64_t tokens[TOKENS];
    unsigned known = 0;
    for (unsigned i = 0; i < TOKENS; i++) {
        tokens[i] = 1 + prng_below(&prng, INT64_MAX);
        put(table, tokens[i], KEY, i % 5);
        assert_seeded(knows(table, tokens[i], KEY, i % 5), seed);
    }
    for (unsigned i = 0; i < TOKENS; i++)
        known += knows(table, tokens[i], KEY, i % 5);
    assert_in_range(known, SIZE / 2, SIZE); /* every place has been hit by a thousand tokens */
    token_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_known_with_its_key_only),
        cmocka_unit_test(no_token_is_never_known),
        cmocka_unit_test(the_latest_context_of_a_token_counts),
        cmocka_unit_test(old_tokens_give_way_and_are_then_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
