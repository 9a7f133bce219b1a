/* Forwarded requests and their answers: what is sent arrives, and nothing else does. */
#include "shared.h"

#include "coordinator/request.h"

enum { SEEDS = 400 };

/* forward.h counts what lies above its floor. */
_Static_assert((int)FORWARD_KINDS == (int)REQUEST_FLUSH, "all kinds of request but flush are forwarded");
_Static_assert((int)FORWARD_STATUSES == (int)REQUEST_FAILED + 1, "all statuses of a request are answered");
_Static_assert((int)FORWARD_FAILURES == (int)REQUEST_FAILURES, "all reasons of a failure are answered");

static const struct bytes none = {NULL, 0};

#define BYTES(...) bytes_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void assert_same_context(const struct context *a, const struct context *b, uint64_t seed)
{
    assert_seeded(a->count == b->count, seed);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_seeded(actor_compare(&a->pairs[i].actor, &b->pairs[i].actor) == 0, seed);
        assert_seeded(a->pairs[i].counter == b->pairs[i].counter && a->pairs[i].time == b->pairs[i].time, seed);
    }
}

/* Contexts whose head does not fit into one piece of a chain are among them, with and without values. */
static void forwards_arrive(void **state)
{
    (void)state;
    unsigned long_heads = 0, values = 0, bare = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated generated;
        struct message_forward *in = &generated.m.forward, out;
        struct arena arena;
        arena_init(&arena);
        generate(&generated, MESSAGE_FORWARD, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_seeded(message_read_forward(&frame, &out, &arena), seed);
        assert_seeded(in->number == out.number && in->epoch == out.epoch, seed);
        assert_seeded(in->remaining_ms == out.remaining_ms && in->kind == out.kind, seed);
        assert_seeded(in->options == out.options && in->flags == out.flags && in->expiry_ms == out.expiry_ms, seed);
        assert_seeded(in->vivify_expiry_ms == out.vivify_expiry_ms && in->recache_ttl_s == out.recache_ttl_s, seed);
        assert_seeded(in->token == out.token && in->delta == out.delta && in->initial == out.initial, seed);
        assert_seeded(in->value_max == out.value_max && in->knows_token == out.knows_token, seed);
        assert_seeded(bytes_equal(in->key, out.key) && bytes_equal(in->value, out.value), seed);
        assert_seeded(in->request == out.request && in->attempt == out.attempt && in->began == out.began, seed);
        assert_seeded(in->stands_in == out.stands_in, seed);
        assert_same_context(&in->context, &out.context, seed);
        long_heads += frame.head.len > FRAME_BEGIN_MAX;
        values += out.value.len > 0;
        bare += !out.knows_token && out.value.len == 0;
        bytes_free(whole);
        generated_close(&generated);
        arena_close(&arena);
    }
    assert_true(long_heads > 5 && values > 50 && bare > 50);
}

static void answers_to_forwards_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated generated;
        struct message_forward_reply *in = &generated.m.forward_reply, out;
        generate(&generated, MESSAGE_FORWARD_REPLY, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_seeded(message_read_forward_reply(&frame, &out), seed);
        assert_seeded(in->number == out.number && in->epoch == out.epoch && in->status == out.status, seed);
        assert_seeded(in->failure == out.failure && in->marks == out.marks && in->idle_s == out.idle_s, seed);
        assert_seeded(in->value_number == out.value_number && in->written_token == out.written_token, seed);
        assert_seeded(in->written_expiry_ms == out.written_expiry_ms && in->touch_stamp == out.touch_stamp, seed);
        assert_seeded(bytes_equal(in->record, out.record), seed);
        bytes_free(whole);
        generated_close(&generated);
    }
}

/* docs/messages.md, byte by byte. */
static void a_forward_has_the_documented_bytes(void **state)
{
    (void)state;
    struct pair pair = {{0x01020304, 0x0102030405060708, 6}, 7, 0x1112131415161718};
    struct generated generated = {
        .type = MESSAGE_FORWARD,
        .m.forward = {.number = 5,
                      .epoch = 2,
                      .remaining_ms = 1000,
                      .kind = REQUEST_SET,
                      .options = FORWARD_HAS_TOKEN,
                      .flags = 11,
                      .expiry_ms = 12,
                      .vivify_expiry_ms = 13,
                      .recache_ttl_s = 14,
                      .token = 15,
                      .delta = 16,
                      .initial = 17,
                      .value_max = 18,
                      .request = 0x2122232425262728,
                      .attempt = 0x81,
                      .began = 0x3132333435363738,
                      .stands_in = true,
                      .knows_token = true,
                      .context = {&pair, 1},
                      .key = bytes_of_text("ab"),
                      .value = bytes_of_text("value")},
    };
    static const uint8_t before[] = {
        1,    15,   4,    5,    2,    0xe8, 7,    11,   12,   13, 14, 15, 16, 17, 18, /* numbers */
        0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x81, 1,                      /* request */
        0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,                               /* began */
        1,    1,    2,    3,    4,    1,    2,    3,    4,    5,  6,  7,  8,  6,  7,  /* context */
        0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
    struct bytes whole = generated_frame(&generated);
    struct frame frame = frame_in(whole);
    assert_int_equal(frame.head.len, sizeof before + 8 + 2);
    assert_memory_equal(frame.head.at, before, sizeof before);
    struct wire_reader reader = wire_reader_of(bytes_after(frame.head, sizeof before));
    assert_true(wire_read_u64(&reader) == hash_fingerprint(bytes_of_text("value"), 0x76616c75));
    assert_true(bytes_equal(wire_read_bytes(&reader, 2), bytes_of_text("ab")));
    assert_true(bytes_equal(frame.tail, bytes_of_text("value")));
    bytes_free(whole);
}

static void an_answer_to_a_forward_has_the_documented_bytes(void **state)
{
    (void)state;
    struct generated generated = {
        .type = MESSAGE_FORWARD_REPLY,
        .m.forward_reply = {.number = 5,
                            .epoch = 2,
                            .status = REQUEST_FAILED,
                            .failure = FAILURE_LOST,
                            .marks = FORWARD_NOT_MINE,
                            .idle_s = 9,
                            .value_number = 10,
                            .written_token = 11,
                            .written_expiry_ms = 12,
                            .touch_stamp = 13},
    };
    struct bytes whole = generated_frame(&generated);
    struct frame frame = frame_in(whole);
    assert_true(bytes_equal(frame.head, BYTES(REQUEST_FAILED, FAILURE_LOST, 0x80, 1, 5, 2, 9, 10, 11, 12, 13)));
    assert_int_equal(frame.tail.len, 0);
    bytes_free(whole);
}

/* A forward of a get without anything, one of whose first bytes is replaced by what `with` holds. */
static bool forward_is_accepted(size_t at, struct bytes with)
{
    static const uint8_t plain[] = {0, 0, 0, 5, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 'k'};
    uint8_t head[sizeof plain + MESSAGE_KEY_MAX + 1];
    memcpy(head, plain, at);
    memcpy(head + at, with.at, with.len);
    memcpy(head + at + with.len, plain + at + 1, sizeof plain - at - 1);
    return head_is_accepted(MESSAGE_FORWARD, bytes_of(head, sizeof plain - 1 + with.len), none);
}

static void forwards_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_true(forward_is_accepted(0, BYTES(0)));
    assert_true(forward_is_accepted(0, BYTES(REQUEST_TOUCH)));
    assert_false(forward_is_accepted(0, BYTES(REQUEST_FLUSH)));
    assert_true(forward_is_accepted(1, BYTES(2)));
    assert_false(forward_is_accepted(1, BYTES(16)));
    assert_true(forward_is_accepted(2, BYTES(0xff, 7)));
    assert_false(forward_is_accepted(2, BYTES(0x80, 8)));
    for (size_t i = 5; i <= 6; i++) { /* remaining_ms and flags have 32 bits */
        assert_true(forward_is_accepted(i, BYTES(0xff, 0xff, 0xff, 0xff, 0x0f)));
        assert_false(forward_is_accepted(i, BYTES(0x80, 0x80, 0x80, 0x80, 0x10)));
    }
    for (size_t i = 7; i <= 13; i++)
        assert_true(forward_is_accepted(i, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)));
    uint8_t key[MESSAGE_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    assert_true(forward_is_accepted(14, bytes_of(key, MESSAGE_KEY_MAX)));
    assert_false(forward_is_accepted(14, bytes_of(key, MESSAGE_KEY_MAX + 1)));
    assert_false(forward_is_accepted(14, bytes_of(key, 0)));
}

static void answers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const uint8_t plain[] = {0, 0, 0, 5, 2, 0, 0, 0, 0, 0};
    static const struct {
        size_t at;
        uint8_t value;
        bool is_right;
    } samples[] = {
        {0, REQUEST_FAILED, true}, {0, REQUEST_FAILED + 1, false},
        {1, FAILURE_BUSY, true},   {1, REQUEST_FAILURES, false},
        {2, 0x7f, true},           {9, 0x7f, true},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        uint8_t head[sizeof plain];
        memcpy(head, plain, sizeof plain);
        head[samples[i].at] = samples[i].value;
        struct bytes bytes = bytes_of(head, sizeof head);
        assert_int_equal(head_is_accepted(MESSAGE_FORWARD_REPLY, bytes, none), samples[i].is_right);
        assert_false(head_is_accepted(MESSAGE_FORWARD_REPLY, bytes, bytes_of_text("not a record")));
    }
    assert_true(head_is_accepted(MESSAGE_FORWARD_REPLY, BYTES(0, 0, 0xff, 1, 5, 2, 0, 0, 0, 0, 0), none));
    assert_false(head_is_accepted(MESSAGE_FORWARD_REPLY, BYTES(0, 0, 0x80, 2, 5, 2, 0, 0, 0, 0, 0), none));
    assert_false(
        head_is_accepted(MESSAGE_FORWARD_REPLY, BYTES(0, 0, 0, 5, 2, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0), none));
}

/* A forward of a get with these bits, and fields behind the numbers. */
static bool extra_is_accepted(uint8_t bits, struct bytes extra)
{
    uint8_t head[64] = {0, bits, 0, 5, 2, 7};
    memcpy(head + 14, extra.at, extra.len);
    head[14 + extra.len] = 'k';
    return head_is_accepted(MESSAGE_FORWARD, bytes_of(head, 15 + extra.len), none);
}

static void requests_have_a_name_and_attempts_from_one_on(void **state)
{
    (void)state;
    assert_true(extra_is_accepted(4, BYTES(1, 0, 0, 0, 0, 0, 0, 0, 1)));
    assert_true(extra_is_accepted(4, BYTES(1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f)));
    assert_false(extra_is_accepted(4, BYTES(1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10)));
    assert_false(extra_is_accepted(4, BYTES(1, 0, 0, 0, 0, 0, 0, 0, 0)));
    assert_false(extra_is_accepted(4, BYTES(0, 0, 0, 0, 0, 0, 0, 0, 1)));
    assert_true(extra_is_accepted(8, BYTES(0x7f, 0, 0, 0, 0, 0, 0, 1)));
    assert_false(extra_is_accepted(8, BYTES(0x80, 0, 0, 0, 0, 0, 0, 1)));
    assert_false(extra_is_accepted(8, BYTES(0, 0, 0, 0, 0, 0, 0, 0)));
}

/* A get that knows a token, with these pairs: node, counter. */
static bool context_is_accepted(uint64_t claimed, const struct pair *pairs, size_t count)
{
    uint8_t head[200] = {0, 1, 0, 5, 2, 7};
    uint8_t *at = wire_write_varint(head + 14, claimed);
    for (size_t i = 0; i < count; i++) {
        at = wire_write_u64(wire_write_u32(at, pairs[i].actor.node), pairs[i].actor.incarnation);
        at = wire_write_varint(wire_write_varint(at, pairs[i].actor.birth), pairs[i].counter);
        at = wire_write_u64(at, pairs[i].time);
    }
    *at++ = 'k';
    return head_is_accepted(MESSAGE_FORWARD, bytes_of(head, (size_t)(at - head)), none);
}

static void contexts_that_no_node_writes_are_refused(void **state)
{
    (void)state;
    struct pair pairs[] = {{{1, 1, 1}, 1, 0}, {{1, 1, 2}, 1, 5}, {{2, 1, 1}, 9, 5}};
    assert_true(context_is_accepted(0, pairs, 0));
    assert_true(context_is_accepted(3, pairs, 3));
    assert_false(context_is_accepted(4, pairs, 3));          /* claims more than there are */
    assert_false(context_is_accepted(UINT64_MAX, pairs, 3)); /* without memory being taken for them */
    assert_false(context_is_accepted(RECORD_PAIRS_MAX, pairs, 3));
    assert_true(context_is_accepted(2, pairs, 2));
    struct pair swapped[] = {pairs[1], pairs[0]}, twice[] = {pairs[0], pairs[0]};
    assert_false(context_is_accepted(2, swapped, 2));
    assert_false(context_is_accepted(2, twice, 2));
    struct pair no_incarnation = {{1, 0, 1}, 1, 0}, no_birth = {{1, 1, 0}, 1, 0}, no_counter = {{1, 1, 1}, 0, 0};
    assert_false(context_is_accepted(1, &no_incarnation, 1));
    assert_false(context_is_accepted(1, &no_birth, 1));
    struct pair of_request = {{0, 1, 0}, 1, 0};
    assert_true(context_is_accepted(1, &of_request, 1));
    assert_false(context_is_accepted(1, &no_counter, 1));
    struct pair last = {{1, 1, 1}, 1, HYBRID_TIME_MAX}, no_clock = {{1, 1, 1}, 1, HYBRID_TIME_MAX + 1};
    assert_true(context_is_accepted(1, &last, 1));
    assert_false(context_is_accepted(1, &no_clock, 1));
}

/* A head of a few bytes that claims 65536 pairs. */
static void no_memory_is_taken_for_pairs_that_are_not_there(void **state)
{
    (void)state;
    uint8_t head[18] = {0, 1, 0, 5, 2, 7, [14] = 0x80, 0x80, 4, 'k'};
    struct frame frame = {.type = MESSAGE_FORWARD, .head = bytes_of(head, sizeof head)};
    struct message_forward m;
    struct arena arena;
    arena_init(&arena);
    assert_false(message_read_forward(&frame, &m, &arena));
    assert_null(arena.blocks);
    assert_int_equal(arena.used, 0);
    arena_close(&arena);
}

static void the_largest_context_arrives(void **state)
{
    (void)state;
    struct message_forward in = {.knows_token = true, .key = bytes_of_text("k"), .value = bytes_of_text("v")}, out;
    in.context = (struct context){calloc(RECORD_PAIRS_MAX, sizeof(struct pair)), RECORD_PAIRS_MAX};
    assert_non_null(in.context.pairs);
    for (uint32_t i = 0; i < RECORD_PAIRS_MAX; i++)
        in.context.pairs[i] = (struct pair){{i, UINT64_MAX, UINT64_MAX}, UINT64_MAX, HYBRID_TIME_MAX};
    struct wire wire;
    struct arena arena;
    wire_open(&wire);
    arena_init(&arena);
    message_write_forward(&wire.chain, &in, NULL);
    struct bytes whole = wire_take_all(&wire);
    struct frame frame;
    size_t used;
    assert_int_equal(frame_next(whole, FRAME_HEAD_MAX, &frame, &used), FRAME_OK);
    assert_true(message_read_forward(&frame, &out, &arena));
    assert_same_context(&in.context, &out.context, 0);
    free(in.context.pairs);
    bytes_free(whole);
    arena_close(&arena);
    wire_close(&wire);
}

static void heads_are_read_to_their_very_end(void **state)
{
    (void)state;
    check_cut_heads(MESSAGE_FORWARD, 30, true);
    check_cut_heads(MESSAGE_FORWARD_REPLY, 50, false);
}

static void damaged_forwards_are_never_accepted(void **state)
{
    (void)state;
    check_damage(MESSAGE_FORWARD, 40);
    check_damage(MESSAGE_FORWARD_REPLY, 40);
}

static void long_values_go_by_reference(void **state)
{
    (void)state;
    struct wire wire;
    wire_open(&wire);
    struct blob *blob = blob_new(5000);
    assert_non_null(blob);
    memset(blob->at, 'v', blob->len);
    struct message_forward m = {.key = bytes_of_text("key"), .value = blob_bytes(blob)};
    message_write_forward(&wire.chain, &m, blob);
    assert_int_equal(blob->references, 2);
    message_write_forward(&wire.chain, &m, NULL);
    assert_int_equal(blob->references, 2);
    chain_close(&wire.chain);
    assert_int_equal(blob->references, 1);
    blob_release(blob);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwards_arrive),
        cmocka_unit_test(answers_to_forwards_arrive),
        cmocka_unit_test(a_forward_has_the_documented_bytes),
        cmocka_unit_test(an_answer_to_a_forward_has_the_documented_bytes),
        cmocka_unit_test(forwards_out_of_range_are_refused),
        cmocka_unit_test(answers_out_of_range_are_refused),
        cmocka_unit_test(requests_have_a_name_and_attempts_from_one_on),
        cmocka_unit_test(contexts_that_no_node_writes_are_refused),
        cmocka_unit_test(no_memory_is_taken_for_pairs_that_are_not_there),
        cmocka_unit_test(the_largest_context_arrives),
        cmocka_unit_test(heads_are_read_to_their_very_end),
        cmocka_unit_test(damaged_forwards_are_never_accepted),
        cmocka_unit_test(long_values_go_by_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
