/* Messages of repair: what is sent arrives, nothing else does, and each has one form. */
#include "base/seeded.h"

#include "base/hash.h"
#include "base/prng.h"
#include "repair_again.h"
#include "ring/ring.h"
#include "version/record.h"
#include "wires.h"

#include <stdio.h>
#include <string.h>

enum { SEEDS = 300, FRAME_MAX = 1 << 20 };

/* A message with what it points into. */
struct sample {
    struct prng prng;
    uint8_t type;
    union any_repair m;
    struct draft set, list, other;
    uint8_t sums[8 * MESSAGE_SUMS_MAX], bits[MESSAGE_SUMS_MAX / 8];
    uint8_t after[MESSAGE_KEY_MAX], upto[MESSAGE_KEY_MAX], key[MESSAGE_KEY_MAX];
    struct blob *record;
};

static uint64_t any_number(struct sample *sample)
{
    return prng_next(&sample->prng) >> prng_below(&sample->prng, 64);
}

static bool any_bool(struct sample *sample)
{
    return prng_below(&sample->prng, 2) != 0;
}

static hybrid_time any_time(struct sample *sample)
{
    return any_number(sample) & HYBRID_TIME_MAX;
}

static struct bytes any_set(struct sample *sample)
{
    struct partition_set set;
    partition_set_init(&set, 1U << prng_below(&sample->prng, 17));
    for (uint64_t i = prng_below(&sample->prng, 40); i > 0; i--) {
        uint64_t first = prng_below(&sample->prng, set.partitions), len = 1 + prng_below(&sample->prng, 20);
        for (uint64_t p = first; p < first + len && p < set.partitions; p++)
            partition_set_add(&set, (uint32_t)p);
    }
    partition_set_encode(&set, &sample->set);
    partition_set_close(&set);
    return draft_written(&sample->set);
}

static struct repair_answer any_answer(struct sample *sample, enum repair_status ok_or)
{
    return (struct repair_answer){any_number(sample), any_number(sample), any_bool(sample) ? REPAIR_OK : ok_or};
}

static void any_bits(struct sample *sample, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        sample->bits[i / 8] |= (uint8_t)(any_bool(sample) << i % 8);
}

static uint32_t any_groups(struct sample *sample)
{
    return 1U << prng_below(&sample->prng, 11);
}

/* The `place`th of many keys in ascending order. */
static struct bytes numbered_key(uint8_t *at, unsigned place)
{
    char text[32];
    int len = snprintf(text, sizeof text, "key-%06u", place);
    memcpy(at, text, (size_t)len);
    return bytes_of(at, (size_t)len);
}

static void generate_roots(struct sample *sample)
{
    struct message_roots *m = &sample->m.roots;
    *m = (struct message_roots){.id = any_number(sample), .epoch = any_number(sample)};
    int last = -1;
    for (uint64_t i = prng_below(&sample->prng, MESSAGE_ROOTS_MAX + 1); i > 0 && last < 60000; i--) {
        struct repair_root root = {(uint16_t)(last + 1 + (int)prng_below(&sample->prng, 50)), any_number(sample)};
        message_add_root(&sample->list, &last, &root);
        m->count++;
    }
    m->list = draft_written(&sample->list);
}

static void generate_keys(struct sample *sample)
{
    struct message_keys *m = &sample->m.keys;
    *m = (struct message_keys){.id = any_number(sample),
                               .epoch = any_number(sample),
                               .run = any_number(sample),
                               .mark = any_number(sample),
                               .partition = (uint16_t)any_number(sample),
                               .groups = any_groups(sample)};
    any_bits(sample, m->groups);
    m->bits = sample->bits;
    unsigned place = (unsigned)prng_below(&sample->prng, 100);
    if (any_bool(sample))
        m->after = numbered_key(sample->after, place);
    for (uint64_t i = prng_below(&sample->prng, 300); i > 0; i--) {
        place += 1 + (unsigned)prng_below(&sample->prng, 10);
        message_add_key(&sample->list, &(struct repair_key){numbered_key(sample->key, place), any_number(sample)});
        m->count++;
    }
    m->is_end = any_bool(sample);
    if (!m->is_end)
        m->upto = numbered_key(sample->upto, place + 1);
    m->list = draft_written(&sample->list);
}

static void generate_keys_reply(struct sample *sample)
{
    struct message_keys_reply *m = &sample->m.keys_reply;
    *m = (struct message_keys_reply){.answer = any_answer(sample, REPAIR_WAIT)};
    if (m->answer.status != REPAIR_OK) {
        m->mark = any_number(sample);
        return;
    }
    int last = -1;
    unsigned place = 0;
    for (uint64_t i = prng_below(&sample->prng, 300); i > 0; i--) {
        struct repair_differing differing = {(uint32_t)(last + 1 + (int)prng_below(&sample->prng, 9)),
                                             (uint32_t)any_number(sample)};
        message_add_differing(&sample->list, &last, &differing);
        m->differing_count++;
    }
    for (uint64_t i = prng_below(&sample->prng, 300); i > 0; i--) {
        place += 1 + (unsigned)prng_below(&sample->prng, 10);
        struct repair_extra extra = {numbered_key(sample->key, place), 1 + (uint32_t)(any_number(sample) / 2) / 2};
        message_add_extra(&sample->other, &extra);
        m->extra_count++;
    }
    m->is_end = any_bool(sample);
    if (!m->is_end)
        m->upto = numbered_key(sample->upto, place + 1);
    m->differing = draft_written(&sample->list);
    m->extras = draft_written(&sample->other);
}

static struct bytes any_record(struct sample *sample)
{
    uint8_t value[300] = {0};
    struct dot dot = {{(uint32_t)prng_next(&sample->prng), 1 + any_number(sample) / 2, 1}, 1};
    hybrid_time time = any_time(sample);
    struct version version = {.dot = dot,
                              .time = time,
                              .expiry_stamp = time,
                              .kind = VERSION_VALUE,
                              .value = bytes_of(value, prng_below(&sample->prng, sizeof value))};
    struct pair pair = {dot.actor, dot.counter, time};
    struct object object = {.context = {&pair, 1}, .live = &version, .live_count = 1};
    sample->record = blob_new(record_size(&object));
    assert_non_null(sample->record);
    record_encode(&object, sample->record->at);
    return blob_bytes(sample->record);
}

static void generate_reconcile(struct sample *sample)
{
    struct bytes key = numbered_key(sample->key, (unsigned)prng_below(&sample->prng, 1000000));
    sample->m.reconcile = (struct message_reconcile){.id = any_number(sample),
                                                     .epoch = any_number(sample),
                                                     .partition = (uint16_t)any_number(sample),
                                                     .hash = hash_of_key(key),
                                                     .horizon = any_time(sample),
                                                     .key = key};
    if (any_bool(sample))
        sample->m.reconcile.record = any_record(sample);
}

static void generate_reconcile_reply(struct sample *sample)
{
    struct message_reconcile_reply *m = &sample->m.reconcile_reply;
    *m = (struct message_reconcile_reply){
        .answer = any_answer(sample, (enum repair_status)prng_below(&sample->prng, REPAIR_STATUSES))};
    if (m->answer.status <= REPAIR_ABSENT || m->answer.status == REPAIR_UNSURE || m->answer.status == REPAIR_DAMAGED)
        m->horizon = any_time(sample);
    if (m->answer.status == REPAIR_OK)
        m->record = any_record(sample);
}

static void generate_compared_reply(struct sample *sample)
{
    struct message_horizon_compared_reply *m = &sample->m.horizon_compared_reply;
    *m = (struct message_horizon_compared_reply){.answer = any_answer(sample, REPAIR_STALE)};
    if (m->answer.status != REPAIR_OK)
        return;
    m->since = any_time(sample);
    m->mark = any_number(sample);
    m->is_kept = any_bool(sample);
    m->compared = any_set(sample);
}

static void generate(struct sample *sample, uint8_t type, uint64_t seed)
{
    memset(sample, 0, sizeof *sample);
    sample->type = type;
    prng_init(&sample->prng, seed * 64 + type);
    union any_repair *m = &sample->m;
    uint64_t id = any_number(sample), epoch = any_number(sample), run = any_number(sample);
    switch (type) {
    case MESSAGE_ROOTS:
        generate_roots(sample);
        return;
    case MESSAGE_ROOTS_REPLY:
        m->roots_reply = (struct message_roots_reply){.answer = any_answer(sample, REPAIR_STALE)};
        if (m->roots_reply.answer.status == REPAIR_OK) {
            m->roots_reply.run = run;
            m->roots_reply.began = any_time(sample);
            m->roots_reply.differing = any_set(sample);
        }
        return;
    case MESSAGE_SUMS:
        m->sums = (struct message_sums){
            id, epoch, (uint16_t)any_number(sample), any_time(sample), any_groups(sample), sample->sums};
        for (size_t i = 0; i < 8 * m->sums.count; i++)
            sample->sums[i] = (uint8_t)prng_next(&sample->prng);
        return;
    case MESSAGE_SUMS_REPLY:
        m->sums_reply = (struct message_sums_reply){.answer = any_answer(sample, REPAIR_REFUSED)};
        if (m->sums_reply.answer.status == REPAIR_OK) {
            m->sums_reply.horizon = any_time(sample);
            m->sums_reply.count = any_groups(sample);
            m->sums_reply.bits = sample->bits;
            any_bits(sample, m->sums_reply.count);
        }
        return;
    case MESSAGE_KEYS:
        generate_keys(sample);
        return;
    case MESSAGE_KEYS_REPLY:
        generate_keys_reply(sample);
        return;
    case MESSAGE_RECONCILE:
        generate_reconcile(sample);
        return;
    case MESSAGE_RECONCILE_REPLY:
        generate_reconcile_reply(sample);
        return;
    case MESSAGE_COMPLETE:
        m->complete = (struct message_complete){id, epoch, run, any_time(sample), any_bool(sample), any_set(sample)};
        return;
    case MESSAGE_HORIZON_ASK:
        m->horizon_ask = (struct message_horizon_ask){id, epoch, any_time(sample), any_set(sample)};
        return;
    case MESSAGE_HORIZON_ASK_REPLY:
        m->horizon_ask_reply = (struct message_horizon_ask_reply){.answer = any_answer(sample, REPAIR_REFUSED)};
        if (m->horizon_ask_reply.answer.status == REPAIR_OK) {
            m->horizon_ask_reply.run = run;
            m->horizon_ask_reply.clock = any_time(sample);
            m->horizon_ask_reply.hints = any_set(sample);
        }
        return;
    case MESSAGE_HORIZON_COMPARED:
        m->horizon_compared = (struct message_horizon_compared){.id = id,
                                                                .epoch = epoch,
                                                                .run = run,
                                                                .after = any_time(sample),
                                                                .since = any_time(sample),
                                                                .wants_mark = any_bool(sample),
                                                                .mark = any_number(sample),
                                                                .partitions = any_set(sample)};
        return;
    case MESSAGE_HORIZON_COMPARED_REPLY:
        generate_compared_reply(sample);
        return;
    case MESSAGE_HORIZON_SET:
        m->horizon_set = (struct message_horizon_set){id, epoch, run, any_time(sample), any_set(sample)};
        return;
    default: /* an answer that says nothing but that */
        m->complete_reply.answer = any_answer(sample, REPAIR_STALE);
    }
}

static void sample_close(struct sample *sample)
{
    draft_close(&sample->set);
    draft_close(&sample->list);
    draft_close(&sample->other);
    blob_release(sample->record);
}

static struct bytes written(const struct sample *sample)
{
    struct wire wire;
    wire_open(&wire);
    repair_write_any(&wire.chain, sample->type, &sample->m);
    struct bytes whole = wire_take_all(&wire);
    wire_close(&wire);
    return whole;
}

/* Is a message of this head and tail accepted? Then it must come out as it went in. */
static bool is_accepted(uint8_t type, struct bytes head, struct bytes tail)
{
    uint8_t *head_copy = bytes_copy(head), *tail_copy = bytes_copy(tail);
    struct frame frame = {.type = type, .head = bytes_of(head_copy, head.len), .tail = bytes_of(tail_copy, tail.len)};
    struct wire wire;
    wire_open(&wire);
    bool accepted = repair_again(&frame, &wire.chain);
    if (accepted) {
        struct bytes again = wire_take_all(&wire);
        struct frame out;
        size_t used;
        assert_int_equal(frame_next(again, FRAME_MAX, &out, &used), FRAME_OK);
        assert_true(out.type == type && bytes_equal(out.head, head) && bytes_equal(out.tail, tail));
        bytes_free(again);
    }
    wire_close(&wire);
    free(head_copy);
    free(tail_copy);
    return accepted;
}

static void every_message_arrives_as_it_was_sent(void **state)
{
    (void)state;
    static struct sample sample;
    for (uint8_t type = MESSAGE_ROOTS; type < MESSAGE_REPAIR_TYPES_END; type++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            generate(&sample, type, seed);
            struct bytes whole = written(&sample);
            struct frame frame;
            size_t used;
            assert_seeded(frame_next(whole, FRAME_MAX, &frame, &used) == FRAME_OK && used == whole.len, seed);
            assert_seeded(is_accepted(frame.type, frame.head, frame.tail), seed);
            bytes_free(whole);
            sample_close(&sample);
        }
    }
}

/* No field is optional by accident, and damage is refused or means another message: never two forms of one. */
static void damaged_heads_are_refused_or_are_other_messages(void **state)
{
    (void)state;
    static struct sample sample;
    for (uint8_t type = MESSAGE_ROOTS; type < MESSAGE_REPAIR_TYPES_END; type++) {
        unsigned refused = 0;
        for (uint64_t seed = 1; seed <= 30; seed++) {
            generate(&sample, type, seed);
            struct bytes whole = written(&sample);
            struct frame frame;
            size_t used;
            assert_int_equal(frame_next(whole, FRAME_MAX, &frame, &used), FRAME_OK);
            size_t some = frame.head.len < 300 ? frame.head.len : 300;
            uint8_t *head = bytes_copy(frame.head);
            for (size_t len = 0; len < some; len++)
                refused += !is_accepted(type, bytes_of(head, len), frame.tail);
            for (size_t bit = 0; bit < 8 * some; bit++) {
                head[bit / 8] ^= (uint8_t)(1 << bit % 8);
                refused += !is_accepted(type, bytes_of(head, frame.head.len), frame.tail);
                head[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
            assert_seeded(!is_accepted(type, frame.head, bytes_of_text("a tail that is no record")), seed);
            free(head);
            bytes_free(whole);
            sample_close(&sample);
        }
        assert_true(refused > 30);
    }
}

static void damaged_records_are_never_accepted(void **state)
{
    (void)state;
    static struct sample sample;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        generate(&sample, MESSAGE_RECONCILE, seed);
        struct bytes record = sample.m.reconcile.record, whole = written(&sample);
        struct frame frame;
        size_t used;
        assert_int_equal(frame_next(whole, FRAME_MAX, &frame, &used), FRAME_OK);
        for (size_t bit = 0; bit < 8 * record.len; bit++) {
            sample.record->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_seeded(!is_accepted(MESSAGE_RECONCILE, frame.head, record), seed);
            sample.record->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        bytes_free(whole);
        sample_close(&sample);
    }
}

static void fields_out_of_range_are_refused(void **state)
{
    (void)state;
    static struct sample sample;
    uint8_t key[] = {'k'};
    /* Keys that are not in order, at or before `after`, behind `upto`; an end and a last key, neither. */
    struct {
        const char *first, *second, *after, *upto;
        bool is_end, is_right;
    } lists[] = {{"b", "c", "a", "c", false, true},  {"c", "b", "a", "c", false, false},
                 {"b", "b", "a", "c", false, false}, {"a", "c", "a", "c", false, false},
                 {"b", "d", "a", "c", false, false}, {"b", "c", "a", "", true, true},
                 {"b", "c", "", "c", false, true},   {"b", "c", "c", "c", false, false}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        memset(&sample, 0, sizeof sample);
        sample.type = MESSAGE_KEYS;
        message_add_key(&sample.list, &(struct repair_key){bytes_of_text(lists[i].first), 1});
        message_add_key(&sample.list, &(struct repair_key){bytes_of_text(lists[i].second), 2});
        sample.m.keys = (struct message_keys){.groups = 1,
                                              .bits = sample.bits,
                                              .is_end = lists[i].is_end,
                                              .after = bytes_of_text(lists[i].after),
                                              .upto = bytes_of_text(lists[i].upto),
                                              .count = 2,
                                              .list = draft_written(&sample.list)};
        struct bytes whole = written(&sample);
        struct frame frame;
        size_t used;
        assert_int_equal(frame_next(whole, FRAME_MAX, &frame, &used), FRAME_OK);
        assert_int_equal(is_accepted(MESSAGE_KEYS, frame.head, frame.tail), lists[i].is_right);
        bytes_free(whole);
        sample_close(&sample);
    }
    uint8_t unknown_status[] = {REPAIR_STATUSES, 1, 1}, known_status[] = {REPAIR_STALE, 1, 1};
    assert_false(is_accepted(MESSAGE_COMPLETE_REPLY, bytes_of(unknown_status, 3), bytes_of(NULL, 0)));
    assert_true(is_accepted(MESSAGE_COMPLETE_REPLY, bytes_of(known_status, 3), bytes_of(NULL, 0)));
    uint8_t too_many_groups[] = {1, 1, 0, 11};
    assert_false(is_accepted(MESSAGE_SUMS, bytes_of(too_many_groups, 4), bytes_of(NULL, 0)));
    assert_false(is_accepted(MESSAGE_REPAIR_TYPES_END, bytes_of(key, 1), bytes_of(NULL, 0)));
}

static void sets_of_partitions_have_one_form(void **state)
{
    (void)state;
    struct {
        uint8_t bytes[8];
        size_t len;
        bool is_right;
    } samples[] = {
        {{0}, 0, true},                       /* none */
        {{0, 0}, 2, true},                    /* 0 */
        {{3, 1, 2, 0}, 4, true},              /* 3, 4, 7 */
        {{0, 0, 0, 0}, 4, false},             /* two runs without a gap */
        {{3}, 1, false},                      /* half a run */
        {{0, 0xff, 0xff, 3}, 4, true},        /* 0 .. 65535 */
        {{1, 0xff, 0xff, 3}, 4, false},       /* 1 .. 65536 */
        {{0xff, 0xff, 3, 0, 1, 0}, 6, false}, /* 65535, 65537 */
        {{0x80, 0, 0}, 3, false},             /* a number not in its shortest form */
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        assert_int_equal(partition_set_is_valid(bytes_of(samples[i].bytes, samples[i].len)), samples[i].is_right);
    struct partition_set set, again;
    struct draft draft = {0};
    partition_set_init(&set, 64);
    partition_set_init(&again, 64);
    assert_true(partition_set_decode(bytes_of(samples[2].bytes, 4), &set));
    assert_int_equal(partition_set_count(&set), 3);
    assert_int_equal(partition_set_next(&set, 5), 7);
    assert_int_equal(partition_set_next(&set, 8), -1);
    partition_set_encode(&set, &draft);
    assert_true(bytes_equal(draft_written(&draft), bytes_of(samples[2].bytes, 4)));
    assert_false(partition_set_decode(bytes_of(samples[5].bytes, 4), &set)); /* more than it can hold */
    partition_set_add(&again, 63);
    partition_set_copy(&set, &again);
    partition_set_add(&set, 1);
    partition_set_subtract(&set, &again);
    assert_int_equal(partition_set_count(&set), 1);
    partition_set_join(&set, &again);
    partition_set_intersect(&set, &again);
    assert_true(partition_set_count(&set) == 1 && partition_set_has(&set, 63));
    draft_close(&draft);
    partition_set_close(&set);
    partition_set_close(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives_as_it_was_sent),
        cmocka_unit_test(damaged_heads_are_refused_or_are_other_messages),
        cmocka_unit_test(damaged_records_are_never_accepted),
        cmocka_unit_test(fields_out_of_range_are_refused),
        cmocka_unit_test(sets_of_partitions_have_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
