/* Every request on keys in every state: absent, present, expired, deleted, flushed. */
#include "base/decimal.h"
#include "base/prng.h"
#include "node/world.h"

static enum backing_kind kind;

enum key_state { ABSENT, EXPIRED, DELETED, FLUSHED, SWEPT, KEY_STATES };

/* Brings the key "k" into a state in which memcached would not have it. */
static void bring_into(struct world *world, enum key_state state)
{
    world_open(world, kind);
    switch (state) {
    case EXPIRED:
        assert_int_equal(set_expiring(world, "k", "5", 1000), REQUEST_OK);
        advance(world, 1000);
        break;
    case DELETED:
        assert_int_equal(set(world, "k", "5"), REQUEST_OK);
        assert_int_equal(delete (world, "k"), REQUEST_OK);
        break;
    case FLUSHED:
        assert_int_equal(set(world, "k", "5"), REQUEST_OK);
        assert_int_equal(flush(world, 0), REQUEST_OK);
        break;
    case SWEPT:
        assert_int_equal(set(world, "k", "5"), REQUEST_OK);
        assert_int_equal(delete (world, "k"), REQUEST_OK);
        advance(world, WORLD_GRACE_MS + 1);
        assert_int_equal(sweep_all(world), 1);
        break;
    default:
        break;
    }
}

/* For each state in which the key is not there. */
#define for_each_missing(world)                                                                                        \
    for (enum key_state missing = 0; missing < KEY_STATES && (bring_into(world, missing), true);                       \
         world_close(world), missing++)

static struct world the_world;
static struct world *const world = &the_world;

static void get_misses_what_is_not_there_and_says_why(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        struct request *request = get(world, "k");
        assert_int_equal(request->status, REQUEST_MISS);
        assert_int_equal(request->version_count, 0);
        assert_true(request->expired == (missing == EXPIRED));
        assert_true(request->flushed == (missing == FLUSHED));
    }
}

static void gat_and_touch_revive_nothing(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        struct request *gat = ask(world, REQUEST_GET, "k");
        gat->has_expiry = true;
        assert_int_equal(run(world, gat), REQUEST_MISS);
        assert_true(gat->expired == (missing == EXPIRED));
        assert_true(gat->flushed == (missing == FLUSHED));
        assert_int_equal(touch(world, "k", 0), REQUEST_MISS);
        assert_true(is_missing(world, "k"));
    }
}

static void set_and_add_make_what_is_not_there(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        assert_int_equal(write_value(world, missing % 2 == 0 ? REQUEST_ADD : REQUEST_SET, "k", "new"), REQUEST_OK);
        assert_true(shows(world, "k", "new"));
        assert_int_equal(get(world, "k")->version_count, 1);
    }
}

static void replace_append_and_prepend_need_what_is_there(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        assert_int_equal(write_value(world, REQUEST_REPLACE, "k", "x"), REQUEST_NOT_STORED);
        assert_int_equal(write_value(world, REQUEST_APPEND, "k", "x"), REQUEST_NOT_STORED);
        assert_int_equal(write_value(world, REQUEST_PREPEND, "k", "x"), REQUEST_NOT_STORED);
        assert_true(is_missing(world, "k"));
    }
}

static void incr_decr_delete_and_cas_do_not_find_what_is_not_there(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        assert_int_equal(run(world, ask(world, REQUEST_INCR, "k")), REQUEST_MISS);
        assert_int_equal(run(world, ask(world, REQUEST_DECR, "k")), REQUEST_MISS);
        assert_int_equal(delete (world, "k"), REQUEST_MISS);
        assert_int_equal(cas(world, "k", "x", 1), REQUEST_MISS);
        struct request *mark = ask(world, REQUEST_DELETE, "k");
        mark->invalidate = true;
        assert_int_equal(run(world, mark), REQUEST_MISS);
        assert_true(is_missing(world, "k"));
    }
}

static void incr_with_create_makes_the_initial_number(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        struct request *incr = ask(world, REQUEST_INCR, "k");
        incr->create = true;
        incr->initial = 40;
        incr->delta = 2;
        incr->expiry_ms = now_ms(world) + 500;
        assert_int_equal(run(world, incr), REQUEST_OK);
        assert_true(incr->created && incr->number == 40);
        assert_true(shows(world, "k", "40"));
        incr = ask(world, REQUEST_INCR, "k");
        incr->create = true;
        incr->initial = 40;
        incr->delta = 2;
        assert_int_equal(run(world, incr), REQUEST_OK);
        assert_true(!incr->created && incr->number == 42);
        advance(world, 500); /* the expiry of the making, not of the second one */
        assert_true(is_missing(world, "k"));
    }
}

static void vivify_makes_an_empty_item_whose_reader_has_won(void **state)
{
    (void)state;
    for_each_missing(world)
    {
        struct request *first = ask(world, REQUEST_GET, "k"), *second = ask(world, REQUEST_GET, "k");
        first->vivify = second->vivify = first->claims = second->claims = true;
        first->vivify_expiry_ms = second->vivify_expiry_ms = now_ms(world) + 500;
        assert_int_equal(run(world, first), REQUEST_OK);
        assert_true(first->won && !first->win_sent && !first->stale);
        assert_int_equal(first->version_count, 1);
        assert_int_equal(first->versions[0].value.len, 0);
        assert_int_equal(run(world, second), REQUEST_OK);
        assert_true(!second->won && second->win_sent);
        advance(world, 500);
        assert_true(is_missing(world, "k"));
    }
}

static void a_present_key_is_read_with_what_was_stored(void **state)
{
    (void)state;
    world_open(world, kind);
    struct request *write = ask(world, REQUEST_SET, "k");
    write->value = bytes_of("a\0\r\nb", 5);
    write->flags = 0xfedcba98;
    write->expiry_ms = now_ms(world) + 5000;
    assert_int_equal(run(world, write), REQUEST_OK);
    struct request *read = get(world, "k");
    assert_int_equal(read->status, REQUEST_OK);
    assert_int_equal(read->version_count, 1);
    assert_true(bytes_equal(read->versions[0].value, bytes_of("a\0\r\nb", 5)));
    assert_int_equal(read->versions[0].flags, 0xfedcba98);
    assert_true(read->versions[0].expiry_ms == write->expiry_ms);
    assert_false(read->won || read->stale || read->win_sent || read->expired || read->flushed);
    world_close(world);
}

static void a_reply_keeps_the_old_value_while_it_is_replaced(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "old"), REQUEST_OK);
    struct request *reader = get(world, "k");
    assert_int_equal(set(world, "k", "new"), REQUEST_OK);
    assert_int_equal(delete (world, "k"), REQUEST_OK);
    assert_true(bytes_equal(reader->versions[0].value, text("old")));
    world_close(world);
}

static void writes_on_a_present_key(void **state)
{
    (void)state;
    world_open(world, kind);
    struct request *write = ask(world, REQUEST_SET, "k");
    write->value = text("5");
    write->flags = 9;
    write->expiry_ms = now_ms(world) + 1000;
    assert_int_equal(run(world, write), REQUEST_OK);

    assert_int_equal(write_value(world, REQUEST_ADD, "k", "x"), REQUEST_NOT_STORED);
    assert_int_equal(write_value(world, REQUEST_APPEND, "k", "7"), REQUEST_OK);
    assert_int_equal(write_value(world, REQUEST_PREPEND, "k", "3"), REQUEST_OK);
    struct request *read = get(world, "k");
    assert_true(bytes_equal(read->versions[0].value, text("357")));
    assert_int_equal(read->versions[0].flags, 9); /* of the item, not of the command that appends */
    assert_true(read->versions[0].expiry_ms == write->expiry_ms);

    assert_int_equal(write_value(world, REQUEST_REPLACE, "k", "r"), REQUEST_OK);
    read = get(world, "k");
    assert_true(bytes_equal(read->versions[0].value, text("r")));
    assert_int_equal(read->versions[0].flags, 0);
    assert_true(read->versions[0].expiry_ms == 0);
    assert_int_equal(delete (world, "k"), REQUEST_OK);
    assert_true(is_missing(world, "k"));
    world_close(world);
}

static uint64_t deltas(enum request_kind which, const char *key, uint64_t delta)
{
    struct request *request = ask(world, which, key);
    request->delta = delta;
    assert_int_equal(run(world, request), REQUEST_OK);
    return request->number;
}

static void numbers_wrap_stop_at_zero_and_are_padded(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "10"), REQUEST_OK);
    assert_true(deltas(REQUEST_DECR, "k", 1) == 9);
    assert_true(shows(world, "k", "9 "));
    assert_true(deltas(REQUEST_INCR, "k", 1) == 10);
    assert_true(shows(world, "k", "10"));
    assert_true(deltas(REQUEST_DECR, "k", 11) == 0);
    assert_true(shows(world, "k", "0 "));
    assert_true(deltas(REQUEST_INCR, "k", UINT64_MAX) == UINT64_MAX);
    assert_true(shows(world, "k", "18446744073709551615"));
    assert_true(deltas(REQUEST_INCR, "k", 3) == 2);
    assert_true(shows(world, "k", "2                   ")); /* twenty bytes */
    world_close(world);
}

static void what_is_no_number_stays_as_it_is(void **state)
{
    (void)state;
    world_open(world, kind);
    const char *const values[] = {"abc", "", "-1", "1a"};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(set(world, "k", values[i]), REQUEST_OK);
        assert_int_equal(run(world, ask(world, REQUEST_INCR, "k")), REQUEST_NON_NUMERIC);
        assert_int_equal(run(world, ask(world, REQUEST_DECR, "k")), REQUEST_NON_NUMERIC);
        assert_true(shows(world, "k", values[i]));
    }
    world_close(world);
}

static void numbers_keep_flags_and_expiry_unless_told_otherwise(void **state)
{
    (void)state;
    world_open(world, kind);
    struct request *write = ask(world, REQUEST_SET, "k");
    write->value = text("1");
    write->flags = 3;
    write->expiry_ms = now_ms(world) + 1000;
    assert_int_equal(run(world, write), REQUEST_OK);
    assert_true(deltas(REQUEST_INCR, "k", 1) == 2);
    struct request *read = get(world, "k");
    assert_int_equal(read->versions[0].flags, 3);
    assert_true(read->versions[0].expiry_ms == write->expiry_ms);
    struct request *incr = ask(world, REQUEST_INCR, "k");
    incr->delta = 1;
    incr->has_expiry = true;
    incr->expiry_ms = now_ms(world) + 9000;
    assert_int_equal(run(world, incr), REQUEST_OK);
    assert_true(incr->written_expiry_ms == incr->expiry_ms);
    assert_true(get(world, "k")->versions[0].expiry_ms == incr->expiry_ms);
    world_close(world);
}

static void values_grow_up_to_the_limit_and_not_beyond(void **state)
{
    (void)state;
    world_open(world, kind);
    char most[WORLD_VALUE_MAX + 1];
    memset(most, 'm', sizeof most);
    most[WORLD_VALUE_MAX - 1] = 0;
    assert_int_equal(set(world, "k", most), REQUEST_OK);
    assert_int_equal(write_value(world, REQUEST_APPEND, "k", "ab"), REQUEST_NOT_STORED);
    assert_int_equal(write_value(world, REQUEST_PREPEND, "k", "ab"), REQUEST_NOT_STORED);
    assert_true(shows(world, "k", most));
    assert_int_equal(write_value(world, REQUEST_APPEND, "k", "m"), REQUEST_OK);
    assert_int_equal(write_value(world, REQUEST_APPEND, "k", "m"), REQUEST_NOT_STORED);
    assert_int_equal(write_value(world, REQUEST_APPEND, "k", ""), REQUEST_OK);
    assert_int_equal(get(world, "k")->versions[0].value.len, WORLD_VALUE_MAX);
    world_close(world);
}

static void an_object_over_the_limit_is_refused_and_the_old_one_stays(void **state)
{
    (void)state;
    world_open(world, kind);
    char most[WORLD_OBJECT_MAX + 1];
    memset(most, 'm', sizeof most);
    most[WORLD_OBJECT_MAX] = 0;
    assert_int_equal(set(world, "k", "old"), REQUEST_OK);
    assert_int_equal(set(world, "k", most), REQUEST_TOO_LARGE);
    assert_int_equal(set(world, "other", most), REQUEST_TOO_LARGE);
    assert_true(shows(world, "k", "old"));
    assert_true(is_missing(world, "other"));
    world_close(world);
}

static void touch_and_gat_move_the_expiry_both_ways(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set_expiring(world, "k", "v", 1000), REQUEST_OK);
    uint64_t token = token_of_all(world, "k");
    assert_int_equal(touch(world, "k", now_ms(world) + 3000), REQUEST_OK);
    advance(world, 2999);
    assert_true(shows(world, "k", "v"));
    struct request *gat = ask(world, REQUEST_GET, "k");
    gat->has_expiry = true;
    gat->expiry_ms = now_ms(world) + 50;
    assert_int_equal(run(world, gat), REQUEST_OK);
    assert_true(bytes_equal(gat->versions[0].value, text("v")));
    assert_true(gat->versions[0].expiry_ms == gat->expiry_ms);
    assert_true(token_of_all(world, "k") == token); /* neither is a write */
    advance(world, 50);
    assert_true(is_missing(world, "k"));
    assert_int_equal(touch(world, "k", 0), REQUEST_MISS);
    assert_true(is_missing(world, "k"));
    world_close(world);
}

static void touch_to_the_past_ends_an_item(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(touch(world, "k", 1), REQUEST_OK);
    assert_true(is_missing(world, "k"));
    assert_int_equal(write_value(world, REQUEST_ADD, "k", "again"), REQUEST_OK);
    assert_true(shows(world, "k", "again"));
    world_close(world);
}

static void a_written_token_is_the_one_that_a_read_tells(void **state)
{
    (void)state;
    const char *const keys[] = {"k", "s:k", "l:k"};
    world_open(world, kind);
    for (unsigned i = 0; i < 3; i++) {
        struct request *write = ask(world, REQUEST_SET, keys[i]);
        write->value = text("1");
        assert_int_equal(run(world, write), REQUEST_OK);
        assert_true(write->written_token != 0 && write->written_token == token_of_all(world, keys[i]));
        assert_true(write->written_token == token_of_one(world, keys[i], 0));
        const enum request_kind kinds[] = {REQUEST_APPEND, REQUEST_INCR, REQUEST_TOUCH};
        uint64_t before = write->written_token;
        for (unsigned k = 0; k < 3; k++) {
            write = ask(world, kinds[k], keys[i]);
            write->value = text("2");
            assert_int_equal(run(world, write), REQUEST_OK);
            assert_true(write->written_token == token_of_all(world, keys[i]));
            assert_true((write->written_token == before) == (kinds[k] == REQUEST_TOUCH));
            before = write->written_token;
        }
    }
    world_close(world);
}

/* memcached as a few lines, for one node and one bucket: what every answer must be. */
struct model_item {
    bool present;
    char value[64];
    uint32_t flags;
    uint64_t expiry_ms;
};

static bool model_expires = true; /* the negative control switches it off */

static struct model_item *model_find(struct model_item *items, unsigned key, uint64_t at_ms)
{
    struct model_item *item = &items[key];
    if (model_expires && item->expiry_ms != 0 && item->expiry_ms <= at_ms)
        item->present = false;
    return item;
}

static enum request_status model_run(struct model_item *items, unsigned key, const struct request *request,
                                     uint64_t at_ms)
{
    if (request->kind == REQUEST_FLUSH) {
        for (unsigned i = 0; i < 4; i++)
            items[i].present = false;
        return REQUEST_OK;
    }
    struct model_item *item = model_find(items, key, at_ms);
    struct model_item old = *item;
    uint64_t number;
    switch (request->kind) {
    case REQUEST_ADD:
    case REQUEST_REPLACE:
        if (item->present == (request->kind == REQUEST_ADD))
            return REQUEST_NOT_STORED;
        /* fall through */
    case REQUEST_SET:
        *item = (struct model_item){.present = true, .flags = request->flags, .expiry_ms = request->expiry_ms};
        memcpy(item->value, request->value.at, request->value.len);
        return REQUEST_OK;
    case REQUEST_APPEND:
    case REQUEST_PREPEND:
        if (!item->present || strlen(old.value) + request->value.len > 20)
            return REQUEST_NOT_STORED;
        memset(item->value, 0, sizeof item->value);
        strcat(item->value, request->kind == REQUEST_APPEND ? old.value : "");
        strncat(item->value, (const char *)request->value.at, request->value.len);
        strcat(item->value, request->kind == REQUEST_PREPEND ? old.value : "");
        return REQUEST_OK;
    case REQUEST_INCR:
        if (!item->present)
            return REQUEST_MISS;
        if (strspn(old.value, "0123456789") != strlen(old.value) || old.value[0] == 0)
            return REQUEST_NON_NUMERIC;
        number = strtoull(old.value, NULL, 10) + request->delta;
        memset(item->value, 0, sizeof item->value);
        *decimal_write((uint8_t *)item->value, number) = 0;
        while (strlen(item->value) < strlen(old.value))
            strcat(item->value, " ");
        return REQUEST_OK;
    case REQUEST_TOUCH:
        item->expiry_ms = item->present ? request->expiry_ms : item->expiry_ms;
        return item->present ? REQUEST_OK : REQUEST_MISS;
    case REQUEST_DELETE:
        item->present = false;
        return old.present ? REQUEST_OK : REQUEST_MISS;
    default:
        return item->present ? REQUEST_OK : REQUEST_MISS;
    }
}

static struct request *draw_request(struct prng *prng, const char *key)
{
    static const char *const values[] = {"", "1", "9", "99", "x", "abc"};
    enum request_kind which = (enum request_kind)prng_below(prng, REQUEST_FLUSH + 1);
    if (which == REQUEST_DECR || (which == REQUEST_FLUSH && prng_below(prng, 8) != 0))
        which = REQUEST_GET;
    struct request *request = ask(world, which, which == REQUEST_FLUSH ? "" : key);
    request->value = text(values[prng_below(prng, 6)]);
    request->flags = (uint32_t)prng_next(prng);
    request->delta = prng_below(prng, 100);
    if (which != REQUEST_FLUSH && prng_below(prng, 2) == 0)
        request->expiry_ms = now_ms(world) + prng_below(prng, 20);
    return request;
}

static bool answers_as_the_model(uint64_t seed)
{
    static const char *const keys[] = {"a", "b", "l:c", "s:d"};
    struct model_item items[4] = {0};
    struct node_settings settings = world_settings();
    settings.value_max = 20;
    settings.grace_ms = seed % 3 == 0 ? 0 : 10;
    world_open_with(world, kind, settings);
    struct prng prng;
    prng_init(&prng, seed);
    bool same = true;
    for (unsigned step = 0; same && step < 600; step++) {
        unsigned key = (unsigned)prng_below(&prng, 4);
        struct request *request = draw_request(&prng, keys[key]);
        if (request->kind == REQUEST_INCR && prng_below(&prng, 2) == 0)
            (void)sweep_all(world);
        enum request_status expected = model_run(items, key, request, now_ms(world));
        same = run(world, request) == expected;
        struct model_item *item = model_find(items, key, now_ms(world));
        struct request *read = get(world, keys[key]);
        same = same && (read->status == REQUEST_OK) == item->present;
        if (same && item->present) {
            const struct version *shown = &read->versions[0];
            same = read->version_count == 1 && shown->flags == item->flags && shown->expiry_ms == item->expiry_ms
                   && bytes_equal(shown->value, text(item->value));
        }
        if (!same && model_expires)
            print_message("step %u: request %d on %s answered %d (expected %d); \"%s\" expected %d\n", step,
                          (int)request->kind, keys[key], (int)request->status, (int)expected, item->value,
                          (int)item->present);
        advance(world, prng_below(&prng, 4));
        if (kind == BACKING_DURABLE && prng_below(&prng, 60) == 0)
            world_restart(world, prng_below(&prng, 2) == 0);
    }
    world_close(world);
    return same;
}

static void generated_requests_are_answered_as_memcached_would(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        assert_seeded(answers_as_the_model(seed), seed);
}

static void the_model_notices_when_nothing_expires(void **state)
{
    (void)state;
    model_expires = false;
    unsigned noticed = 0;
    for (uint64_t seed = 1; seed <= 5; seed++)
        noticed += !answers_as_the_model(seed);
    model_expires = true;
    assert_int_equal(noticed, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_misses_what_is_not_there_and_says_why),
        cmocka_unit_test(gat_and_touch_revive_nothing),
        cmocka_unit_test(set_and_add_make_what_is_not_there),
        cmocka_unit_test(replace_append_and_prepend_need_what_is_there),
        cmocka_unit_test(incr_decr_delete_and_cas_do_not_find_what_is_not_there),
        cmocka_unit_test(incr_with_create_makes_the_initial_number),
        cmocka_unit_test(vivify_makes_an_empty_item_whose_reader_has_won),
        cmocka_unit_test(a_present_key_is_read_with_what_was_stored),
        cmocka_unit_test(a_reply_keeps_the_old_value_while_it_is_replaced),
        cmocka_unit_test(writes_on_a_present_key),
        cmocka_unit_test(numbers_wrap_stop_at_zero_and_are_padded),
        cmocka_unit_test(what_is_no_number_stays_as_it_is),
        cmocka_unit_test(numbers_keep_flags_and_expiry_unless_told_otherwise),
        cmocka_unit_test(values_grow_up_to_the_limit_and_not_beyond),
        cmocka_unit_test(an_object_over_the_limit_is_refused_and_the_old_one_stays),
        cmocka_unit_test(touch_and_gat_move_the_expiry_both_ways),
        cmocka_unit_test(touch_to_the_past_ends_an_item),
        cmocka_unit_test(a_written_token_is_the_one_that_a_read_tells),
        cmocka_unit_test(generated_requests_are_answered_as_memcached_would),
        cmocka_unit_test(the_model_notices_when_nothing_expires),
    };
    return_run_over_each_store(kind, tests);
}
