/* Messages between coordinators and replicas: what is sent arrives, and nothing else does. */
#include "shared.h"

#include "ring/bucket.h"

enum { SEEDS = 400 };

static const struct bytes none = {NULL, 0};

/* One head, and whether it is right. */
struct sample {
    const char *what;
    uint8_t type;
    struct bytes head;
    bool is_right;
};

#define BYTES(...) bytes_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static struct bytes long_key_head(size_t key_len)
{
    static uint8_t head[5 + MESSAGE_KEY_MAX + 1] = {0, 1, 2, 3};
    memset(head + 4, 'k', key_len);
    return bytes_of(head, 4 + key_len);
}

static void greetings_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated generated;
        struct message_greeting *in = &generated.m.greeting, out;
        generate(&generated, MESSAGE_GREETING, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_seeded(message_read_greeting(&frame, &out), seed);
        assert_seeded(in->epoch == out.epoch && in->cluster == out.cluster && in->clock == out.clock, seed);
        assert_seeded(in->flush.flushed == out.flush.flushed && in->flush.pending == out.flush.pending, seed);
        assert_seeded(in->flush.issued == out.flush.issued && in->is_reply == out.is_reply
                          && in->is_disbelieved == out.is_disbelieved,
                      seed);
        bytes_free(whole);
    }
}

static void reads_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated generated;
        struct message_read *in = &generated.m.read, out;
        generate(&generated, MESSAGE_READ, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_seeded(message_read_read(&frame, &out), seed);
        assert_seeded(in->id == out.id && in->epoch == out.epoch && in->partition == out.partition, seed);
        assert_seeded(in->hash == out.hash && in->peek == out.peek, seed);
        assert_seeded(in->has_fingerprint == out.has_fingerprint && in->fingerprint == out.fingerprint, seed);
        assert_seeded(bytes_equal(in->key, out.key), seed);
        bytes_free(whole);
    }
}

static void answers_to_reads_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated generated;
        struct message_read_reply *in = &generated.m.read_reply, out;
        generate(&generated, MESSAGE_READ_REPLY, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_seeded(message_read_read_reply(&frame, &out), seed);
        assert_seeded(in->id == out.id && in->epoch == out.epoch && in->status == out.status, seed);
        assert_seeded(in->idle_s == out.idle_s && in->fetched_before == out.fetched_before, seed);
        assert_seeded(in->is_doubtful == out.is_doubtful && in->is_hint == out.is_hint, seed);
        assert_seeded(in->horizon == out.horizon, seed);
        assert_seeded(bytes_equal(in->record, out.record), seed);
        bytes_free(whole);
        generated_close(&generated);
    }
}

static void writes_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated generated;
        struct message_write *in = &generated.m.write, out;
        generate(&generated, MESSAGE_WRITE, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_seeded(message_read_write(&frame, &out), seed);
        assert_seeded(in->id == out.id && in->epoch == out.epoch && in->partition == out.partition, seed);
        assert_seeded(in->hash == out.hash && in->durability == out.durability, seed);
        assert_seeded(in->is_repair == out.is_repair && in->keeps_use == out.keeps_use && in->is_use == out.is_use,
                      seed);
        assert_seeded(in->stands_in_for == out.stands_in_for && in->horizon == out.horizon, seed);
        assert_seeded(bytes_equal(in->key, out.key) && bytes_equal(in->record, out.record), seed);
        bytes_free(whole);
        generated_close(&generated);
    }
}

static void answers_to_writes_and_flushes_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct generated written, flush, flushed;
        generate(&written, MESSAGE_WRITE_REPLY, seed);
        generate(&flush, MESSAGE_FLUSH, seed);
        generate(&flushed, MESSAGE_FLUSH_REPLY, seed);
        struct bytes wholes[] = {generated_frame(&written), generated_frame(&flush), generated_frame(&flushed)};
        struct frame frames[] = {frame_in(wholes[0]), frame_in(wholes[1]), frame_in(wholes[2])};
        struct message_write_reply a, *x = &written.m.write_reply;
        struct message_flush b, *y = &flush.m.flush;
        struct message_flush_reply c, *z = &flushed.m.flush_reply;
        assert_seeded(message_read_write_reply(&frames[0], &a), seed);
        assert_seeded(a.id == x->id && a.epoch == x->epoch && a.status == x->status && a.winner == x->winner, seed);
        assert_seeded(message_read_flush(&frames[1], &b), seed);
        assert_seeded(b.id == y->id && b.registers.flushed == y->registers.flushed, seed);
        assert_seeded(b.registers.pending == y->registers.pending && b.registers.issued == y->registers.issued, seed);
        assert_seeded(message_read_flush_reply(&frames[2], &c), seed);
        assert_seeded(c.id == z->id && c.status == z->status && c.clock == z->clock, seed);
        for (size_t i = 0; i < 3; i++)
            bytes_free(wholes[i]);
    }
}

/* docs/messages.md, byte by byte. */
static void messages_have_the_documented_bytes(void **state)
{
    (void)state;
    struct {
        uint8_t type;
        union any_message m;
        struct bytes head;
    } samples[] = {
        {MESSAGE_GREETING,
         {.greeting = {.epoch = 300, .cluster = 0x0102030405060708, .clock = 9, .flush = {5, 6, 7}, .is_reply = true}},
         BYTES(1, 0xac, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,
               6, 0, 0, 0, 0, 0, 0, 0, 7)},
        {MESSAGE_READ,
         {.read = {.id = 5,
                   .epoch = 2,
                   .partition = 0x81,
                   .has_fingerprint = true,
                   .fingerprint = 0x0807060504030201,
                   .key = bytes_of_text("ab")}},
         BYTES(1, 5, 2, 0x81, 1, 8, 7, 6, 5, 4, 3, 2, 1, 'a', 'b')},
        {MESSAGE_READ,
         {.read = {.id = 5, .epoch = 2, .partition = 1, .peek = true, .key = bytes_of_text("ab")}},
         BYTES(2, 5, 2, 1, 'a', 'b')},
        {MESSAGE_READ_REPLY,
         {.read_reply = {.id = 5, .epoch = 2, .status = MESSAGE_SAME, .idle_s = 200, .fetched_before = true}},
         BYTES(1, 1, 5, 2, 0xc8, 1)},
        {MESSAGE_READ_REPLY,
         {.read_reply =
              {.id = 5, .epoch = 2, .status = MESSAGE_ABSENT, .is_doubtful = true, .horizon = 0x0102030405060708}},
         BYTES(10, 2, 5, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8)},
        {MESSAGE_READ_REPLY,
         {.read_reply = {.id = 5, .epoch = 2, .status = MESSAGE_ABSENT, .is_hint = true}},
         BYTES(4, 2, 5, 2, 0)},
        {MESSAGE_WRITE_REPLY, {.write_reply = {.id = 5, .epoch = 2, .status = MESSAGE_DEAD}}, BYTES(7, 5, 2, 0)},
        {MESSAGE_WRITE_REPLY,
         {.write_reply = {.id = 5, .epoch = 2, .status = MESSAGE_STALE_EPOCH, .winner = 0x80}},
         BYTES(3, 5, 2, 0x80, 1)},
        {MESSAGE_FLUSH,
         {.flush = {.id = 5, .registers = {1, 2, 3}}},
         BYTES(5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3)},
        {MESSAGE_FLUSH_REPLY,
         {.flush_reply = {.id = 5, .status = MESSAGE_FAILED, .clock = 0x0102030405060708}},
         BYTES(5, 5, 1, 2, 3, 4, 5, 6, 7, 8)},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct generated generated = {.type = samples[i].type, .m = samples[i].m};
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        assert_int_equal(frame.type, samples[i].type);
        assert_int_equal(frame.head.len, samples[i].head.len);
        assert_memory_equal(frame.head.at, samples[i].head.at, frame.head.len);
        assert_int_equal(frame.tail.len, 0);
        bytes_free(whole);
    }
}

static void a_write_has_the_documented_bytes(void **state)
{
    (void)state;
    struct generated generated;
    generate(&generated, MESSAGE_WRITE, 1);
    struct bytes record = generated.m.write.record;
    generated.m.write = (struct message_write){.id = 5,
                                               .epoch = 2,
                                               .partition = 1,
                                               .durability = DURABILITY_SYNCED,
                                               .keeps_use = true,
                                               .key = bytes_of_text("ab"),
                                               .record = record};
    struct bytes whole = generated_frame(&generated);
    struct frame frame = frame_in(whole);
    assert_true(bytes_equal(frame.head, BYTES(2, 2, 5, 2, 1, 'a', 'b')));
    assert_true(bytes_equal(frame.tail, record));
    bytes_free(whole);
    generated.m.write.keeps_use = false;
    generated.m.write.stands_in_for = 0x01020304;
    generated.m.write.horizon = 0x1112131415161718;
    whole = generated_frame(&generated);
    frame = frame_in(whole);
    assert_true(bytes_equal(
        frame.head, BYTES(24, 2, 5, 2, 1, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 'a', 'b')));
    bytes_free(whole);
    generated_close(&generated);
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    struct sample samples[] = {
        {"a greeting has two bits", MESSAGE_GREETING, BYTES(4, 1, [41] = 0), false},
        {"a greeting that disbelieves without being a reply", MESSAGE_GREETING, BYTES(2, 1, [41] = 0), false},
        {"a reply that disbelieves", MESSAGE_GREETING, BYTES(3, 1, [41] = 0), true},
        {"a greeting", MESSAGE_GREETING, BYTES(0, 1, [41] = 0), true},
        {"a read", MESSAGE_READ, BYTES(0, 1, 2, 3, 'k'), true},
        {"a read without a key", MESSAGE_READ, BYTES(0, 1, 2, 3), false},
        {"a read with an unknown bit", MESSAGE_READ, BYTES(4, 1, 2, 3, 'k'), false},
        {"a read of the last partition", MESSAGE_READ, BYTES(0, 1, 2, 0xff, 0xff, 3, 'k'), true},
        {"a read of a partition above", MESSAGE_READ, BYTES(0, 1, 2, 0x80, 0x80, 4, 'k'), false},
        {"a read with a number not in its shortest form", MESSAGE_READ, BYTES(0, 0x81, 0, 2, 3, 'k'), false},
        {"a read with the longest key", MESSAGE_READ, long_key_head(MESSAGE_KEY_MAX), true},
        {"an answer to a read: same", MESSAGE_READ_REPLY, BYTES(0, MESSAGE_SAME, 1, 2, 3), true},
        {"an answer to a read: held", MESSAGE_READ_REPLY, BYTES(0, MESSAGE_HELD, 1, 2, 3), true},
        {"an answer of an unknown status", MESSAGE_READ_REPLY, BYTES(0, MESSAGE_STATUSES, 1, 2, 3), false},
        {"an answer with an unknown bit", MESSAGE_READ_REPLY, BYTES(16, MESSAGE_SAME, 1, 2, 3), false},
        {"an answer with a horizon", MESSAGE_READ_REPLY, BYTES(8, MESSAGE_SAME, 1, 2, 3, 0, [12] = 1), true},
        {"an answer with a horizon of 0", MESSAGE_READ_REPLY, BYTES(8, MESSAGE_SAME, 1, 2, 3, 0, [12] = 0), false},
        {"an answer with a horizon that no clock gives", MESSAGE_READ_REPLY,
         BYTES(8, MESSAGE_SAME, 1, 2, 3, 0x80, [12] = 0), false},
        {"an answer ok without a record", MESSAGE_READ_REPLY, BYTES(0, MESSAGE_OK, 1, 2, 3), false},
        {"idle for 2^32 - 1 s", MESSAGE_READ_REPLY, BYTES(0, 1, 1, 2, 0xff, 0xff, 0xff, 0xff, 0x0f), true},
        {"idle for 2^32 s", MESSAGE_READ_REPLY, BYTES(0, 1, 1, 2, 0x80, 0x80, 0x80, 0x80, 0x10), false},
        {"a write without a record", MESSAGE_WRITE, BYTES(0, 0, 1, 2, 3, 'k'), false},
        {"an answer to a write", MESSAGE_WRITE_REPLY, BYTES(MESSAGE_FULL, 1, 2, 3), true},
        {"an answer to a write, unknown", MESSAGE_WRITE_REPLY, BYTES(MESSAGE_STATUSES, 1, 2, 3), false},
        {"an answer to a flush, unknown", MESSAGE_FLUSH_REPLY, BYTES(MESSAGE_STATUSES, 1, [9] = 0), false},
        {"an answer to a flush", MESSAGE_FLUSH_REPLY, BYTES(MESSAGE_OK, 1, [9] = 0), true},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *sample = &samples[i];
        if (head_is_accepted(sample->type, sample->head, none) != sample->is_right)
            fail_msg("%s", sample->what);
        if (sample->is_right)
            assert_false(head_is_accepted(sample->type, sample->head, bytes_of_text("tail")));
    }
    assert_false(head_is_accepted(MESSAGE_READ, long_key_head(MESSAGE_KEY_MAX + 1), none));
}

static void writes_are_checked_like_their_records(void **state)
{
    (void)state;
    struct generated generated;
    generate(&generated, MESSAGE_WRITE, 2);
    struct bytes record = generated.m.write.record;
    assert_true(head_is_accepted(MESSAGE_WRITE, BYTES(0, 2, 1, 2, 3, 'k'), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(0, 3, 1, 2, 3, 'k'), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(32, 2, 1, 2, 3, 'k'), record));
    assert_true(head_is_accepted(MESSAGE_WRITE, BYTES(8, 2, 1, 2, 3, 0, 0, 0, 9, 'k'), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(8, 2, 1, 2, 3, 0, 0, 0, 0, 'k'), record));
    assert_true(head_is_accepted(MESSAGE_WRITE, BYTES(16, 2, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 9, 'k'), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(16, 2, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 'k'), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(16, 2, 1, 2, 3, 0x80, 0, 0, 0, 0, 0, 0, 0, 'k'), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(0, 2, 1, 2, 3), record));
    assert_true(head_is_accepted(MESSAGE_READ_REPLY, BYTES(0, MESSAGE_OK, 1, 2, 3), record));
    assert_false(head_is_accepted(MESSAGE_READ_REPLY, BYTES(0, MESSAGE_ABSENT, 1, 2, 3), record));
    assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(0, 2, 1, 2, 3, 'k'), bytes_of(record.at, record.len - 1)));
    for (size_t bit = 0; bit < record.len * 8 && bit < 1000; bit++) {
        generated.blob->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(head_is_accepted(MESSAGE_WRITE, BYTES(0, 2, 1, 2, 3, 'k'), record));
        assert_false(head_is_accepted(MESSAGE_READ_REPLY, BYTES(0, MESSAGE_OK, 1, 2, 3), record));
        generated.blob->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    generated_close(&generated);
}

/* A node that sends a frame to the wrong function must not get a message out of it. */
static void a_decoder_takes_its_own_type_only(void **state)
{
    (void)state;
    struct generated generated;
    generate(&generated, MESSAGE_READ, 1);
    struct bytes whole = generated_frame(&generated);
    struct frame frame = frame_in(whole);
    struct message_read m;
    assert_true(message_read_read(&frame, &m));
    frame.type = MESSAGE_WRITE;
    assert_false(message_read_read(&frame, &m));
    bytes_free(whole);
}

static void heads_are_read_to_their_very_end(void **state)
{
    (void)state;
    check_cut_heads(MESSAGE_GREETING, 50, false);
    check_cut_heads(MESSAGE_READ, 50, true);
    check_cut_heads(MESSAGE_READ_REPLY, 50, false);
    check_cut_heads(MESSAGE_WRITE, 50, true);
    check_cut_heads(MESSAGE_WRITE_REPLY, 50, false);
    check_cut_heads(MESSAGE_FLUSH, 50, false);
    check_cut_heads(MESSAGE_FLUSH_REPLY, 50, false);
}

static void damaged_messages_are_never_accepted(void **state)
{
    (void)state;
    static const uint8_t types[] = {MESSAGE_GREETING,    MESSAGE_READ,  MESSAGE_READ_REPLY, MESSAGE_WRITE,
                                    MESSAGE_WRITE_REPLY, MESSAGE_FLUSH, MESSAGE_FLUSH_REPLY};
    for (size_t i = 0; i < sizeof types; i++)
        check_damage(types[i], 30);
}

static void long_records_go_by_reference(void **state)
{
    (void)state;
    struct wire wire;
    wire_open(&wire);
    struct generated generated;
    uint64_t seed = 1;
    for (;; seed++) {
        generate(&generated, MESSAGE_WRITE, seed);
        if (generated.m.write.record.len > 4000)
            break;
        generated_close(&generated);
    }
    message_write_write(&wire.chain, &generated.m.write, generated.blob);
    assert_int_equal(generated.blob->references, 2);
    struct message_read_reply reply = {.record = generated.m.write.record};
    message_write_read_reply(&wire.chain, &reply, generated.blob);
    assert_int_equal(generated.blob->references, 3);
    chain_consume(&wire.chain, wire.chain.len);
    assert_int_equal(generated.blob->references, 1);
    message_write_write(&wire.chain, &generated.m.write, NULL);
    assert_int_equal(generated.blob->references, 1);
    generated_close(&generated);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings_arrive),
        cmocka_unit_test(reads_arrive),
        cmocka_unit_test(answers_to_reads_arrive),
        cmocka_unit_test(writes_arrive),
        cmocka_unit_test(answers_to_writes_and_flushes_arrive),
        cmocka_unit_test(messages_have_the_documented_bytes),
        cmocka_unit_test(a_write_has_the_documented_bytes),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(writes_are_checked_like_their_records),
        cmocka_unit_test(a_decoder_takes_its_own_type_only),
        cmocka_unit_test(heads_are_read_to_their_very_end),
        cmocka_unit_test(damaged_messages_are_never_accepted),
        cmocka_unit_test(long_records_go_by_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
