/* Handshakes with somebody who has listened, changes what is said, or does not speak the language at all. */
#include "base/prng.h"
#include "base/seeded.h"
#include "base/wire.h"
#include "ends.h"

/* What two honest ends said to each other: hello, welcome, proof, ready. Free each. */
struct recording {
    struct bytes said[4];
};

enum { HELLO, WELCOME, PROOF, READY };

static struct recording record(struct ends *ends)
{
    struct recording recording;
    ends_begin(ends);
    for (int i = 0; i < 4; i++) {
        struct end *from = i % 2 == 0 ? &ends->dialler : &ends->acceptor;
        struct end *to = i % 2 == 0 ? &ends->acceptor : &ends->dialler;
        recording.said[i] = end_take(from);
        end_hear(to, recording.said[i]);
    }
    assert_int_equal(ends->dialler.status, HANDSHAKE_DONE);
    assert_int_equal(ends->acceptor.status, HANDSHAKE_DONE);
    return recording;
}

static void recording_free(struct recording *recording)
{
    for (int i = 0; i < 4; i++)
        bytes_free(recording->said[i]);
}

/* The acceptor with this nonce hears what another one was told. */
static enum handshake_status replay_to_acceptor(const struct recording *recording, uint8_t nonce)
{
    struct ends ends;
    ends_open(&ends);
    memset(ends.acceptor.nonce, nonce, sizeof ends.acceptor.nonce);
    ends_begin(&ends);
    assert_int_equal(end_hear(&ends.acceptor, recording->said[HELLO]), HANDSHAKE_MORE);
    enum handshake_status status = end_hear(&ends.acceptor, recording->said[PROOF]);
    assert_int_equal(ends.acceptor.handshake.reason, status == HANDSHAKE_DONE ? HANDSHAKE_FINE : HANDSHAKE_SECRETS);
    ends_close(&ends);
    return status;
}

static enum handshake_status replay_to_dialler(const struct recording *recording, uint8_t nonce)
{
    struct ends ends;
    ends_open(&ends);
    memset(ends.dialler.nonce, nonce, sizeof ends.dialler.nonce);
    ends_begin(&ends);
    enum handshake_status status = end_hear(&ends.dialler, recording->said[WELCOME]);
    if (status == HANDSHAKE_MORE)
        status = end_hear(&ends.dialler, recording->said[READY]);
    ends_close(&ends);
    return status;
}

/* The control is the last line of each: with the nonce of the recording a replay does succeed, so it is the nonce that
 * prevents it. */
static void a_recorded_dialler_gets_in_nowhere(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    struct recording recording = record(&ends);
    for (unsigned nonce = 0; nonce < 256; nonce++) {
        if (nonce != 0xac)
            assert_int_equal(replay_to_acceptor(&recording, (uint8_t)nonce), HANDSHAKE_REFUSED);
    }
    assert_int_equal(replay_to_acceptor(&recording, 0xac), HANDSHAKE_DONE);
    recording_free(&recording);
    ends_close(&ends);
}

static void a_recorded_acceptor_deceives_nobody(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    struct recording recording = record(&ends);
    for (unsigned nonce = 0; nonce < 256; nonce++) {
        if (nonce != 0xda)
            assert_int_equal(replay_to_dialler(&recording, (uint8_t)nonce), HANDSHAKE_REFUSED);
    }
    assert_int_equal(replay_to_dialler(&recording, 0xda), HANDSHAKE_DONE);
    recording_free(&recording);
    ends_close(&ends);
}

static void exchange(uint8_t *at, size_t len, const char *old, const char *new)
{
    for (size_t i = 0; i + strlen(old) <= len; i++) {
        if (memcmp(at + i, old, strlen(old)) == 0) {
            memcpy(at + i, new, strlen(new));
            return;
        }
    }
    fail_msg("\"%s\" is not there", old);
}

/* Somebody without the secret is dialled by alpha, sends alpha's own hello back to alpha's own acceptor as another
 * node, and hopes that the proof he gets there will do here. */
static void a_node_does_not_prove_anything_to_itself(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends.acceptor.self.node = "alpha";
    ends.acceptor.self.incarnation = ends.dialler.self.incarnation;
    ends_begin(&ends);
    struct bytes hello = end_take(&ends.dialler);
    exchange((uint8_t *)(uintptr_t)hello.at, hello.len, "alpha", "gamma");
    assert_int_equal(end_hear(&ends.acceptor, hello), HANDSHAKE_MORE);
    struct bytes welcome = end_take(&ends.acceptor);
    exchange((uint8_t *)(uintptr_t)welcome.at, welcome.len, "alpha", "gamma");
    assert_int_equal(end_hear(&ends.dialler, welcome), HANDSHAKE_REFUSED);
    assert_int_equal(ends.dialler.handshake.reason, HANDSHAKE_SECRETS);

    /* Nor is the acceptor's own proof good for what it wants to hear. */
    uint8_t proof[HANDSHAKE_BYTES_MAX];
    struct bytes own = bytes_after(welcome, welcome.len - HANDSHAKE_PROOF_BYTES);
    const uint8_t *end = saying_write(proof, SAYING_PROOF, own);
    assert_int_equal(end_hear(&ends.acceptor, bytes_of(proof, (size_t)(end - proof))), HANDSHAKE_REFUSED);
    assert_int_equal(ends.acceptor.handshake.reason, HANDSHAKE_SECRETS);
    bytes_free(hello);
    bytes_free(welcome);
    ends_close(&ends);
}

/* Everything goes through, except that one bit of message `which` is flipped. */
static void talk_with_flip(struct ends *ends, int which, size_t bit)
{
    ends_open(ends);
    ends_begin(ends);
    for (int i = 0; i < 4; i++) {
        struct end *from = i % 2 == 0 ? &ends->dialler : &ends->acceptor;
        struct end *to = i % 2 == 0 ? &ends->acceptor : &ends->dialler;
        if (from->wire.chain.len == 0)
            return;
        struct bytes said = wire_take_all(&from->wire);
        if (i == which)
            ((uint8_t *)(uintptr_t)said.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        end_hear(to, said);
        bytes_free(said);
    }
}

/* Whatever is changed on its way to an end, that end does not come to believe in the other; what was changed on its way
 * to the dialler before its proof, neither of them does. */
static void no_flipped_bit_is_believed(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    struct recording recording = record(&ends);
    ends_close(&ends);
    unsigned flips = 0, refused = 0;
    for (int which = HELLO; which <= READY; which++) {
        for (size_t bit = 0; bit < recording.said[which].len * 8; bit++) {
            talk_with_flip(&ends, which, bit);
            const struct end *hearer = which == WELCOME || which == READY ? &ends.dialler : &ends.acceptor;
            assert_int_not_equal(hearer->status, HANDSHAKE_DONE);
            if (which != READY) /* by then the acceptor has seen all that it wants */
                assert_int_not_equal(ends.acceptor.status, HANDSHAKE_DONE);
            assert_int_not_equal(ends.dialler.status, HANDSHAKE_DONE);
            flips++;
            refused += ends.dialler.status == HANDSHAKE_REFUSED || ends.acceptor.status == HANDSHAKE_REFUSED;
            ends_close(&ends);
        }
    }
    /* All others wait for more bytes, because a length was flipped: a few bits of 16 in each message. */
    assert_true(flips > 1000 && refused > flips - 4 * 16);
    recording_free(&recording);
}

/* A hello as a stranger may send it, complete but for what `change` does to it. */
struct forged {
    struct saying_hello hello;
    uint8_t nonce[HANDSHAKE_NONCE_BYTES];
    uint8_t bytes[2 * HANDSHAKE_BYTES_MAX];
    size_t len;
};

static void forge(struct forged *forged)
{
    *forged = (struct forged){.hello = {.version_min = MESSAGE_VERSION_MIN,
                                        .version_max = MESSAGE_VERSION,
                                        .plane = PLANE_MEMBERSHIP,
                                        .incarnation = 7,
                                        .cluster = bytes_of_text("music"),
                                        .node = bytes_of_text("gamma")}};
    forged->hello.nonce = forged->nonce;
}

/* What an acceptor makes of it, with `more` bytes behind the fields. */
static uint8_t reason_for(struct forged *forged, size_t more)
{
    forged->len = (size_t)(saying_write_hello(forged->bytes, &forged->hello) - forged->bytes) + more;
    wire_write_u16(forged->bytes + 5, (uint16_t)(forged->len - SAYING_HEADER_BYTES));
    struct ends ends;
    ends_open(&ends);
    ends_begin(&ends);
    enum handshake_status status = end_hear(&ends.acceptor, bytes_of(forged->bytes, forged->len));
    uint8_t reason = ends.acceptor.handshake.reason;
    assert_int_equal(status, reason == HANDSHAKE_FINE ? HANDSHAKE_MORE : HANDSHAKE_REFUSED);
    assert_true(ends.acceptor.wire.chain.len > 0); /* a welcome, or a refusal */
    ends_close(&ends);
    return reason;
}

static void malformed_hellos_are_refused(void **state)
{
    (void)state;
    struct forged forged;
    forge(&forged);
    assert_int_equal(reason_for(&forged, 0), HANDSHAKE_FINE);
    assert_int_equal(reason_for(&forged, 1), HANDSHAKE_MALFORMED);
    forge(&forged);
    forged.hello.version_max = MESSAGE_VERSION + 1; /* a later program may say more than this one understands */
    assert_int_equal(reason_for(&forged, 1), HANDSHAKE_FINE);
    assert_int_equal(reason_for(&forged, 300), HANDSHAKE_FINE);
    forge(&forged);
    forged.hello.version_min = 0;
    assert_int_equal(reason_for(&forged, 0), HANDSHAKE_MALFORMED);
    forge(&forged);
    forged.hello.version_min = MESSAGE_VERSION + 1; /* above the largest */
    assert_int_equal(reason_for(&forged, 0), HANDSHAKE_MALFORMED);
    forge(&forged);
    forged.hello.plane = 0;
    assert_int_equal(reason_for(&forged, 0), HANDSHAKE_MALFORMED);
    forge(&forged);
    forged.hello.plane = PLANE_MEMBERSHIP + 1;
    assert_int_equal(reason_for(&forged, 0), HANDSHAKE_MALFORMED);
    forge(&forged);
    forged.hello.incarnation = 0;
    assert_int_equal(reason_for(&forged, 0), HANDSHAKE_MALFORMED);
}

/* The recorded hello, whose last field is the node's name, with these bytes in its place. */
static uint8_t reason_for_name(struct bytes hello, uint8_t claimed, struct bytes name)
{
    uint8_t copy[2 * HANDSHAKE_BYTES_MAX];
    size_t at = hello.len - strlen("alpha") - 1;
    memcpy(copy, hello.at, at);
    const uint8_t *end = wire_write_bytes(wire_write_u8(copy + at, claimed), name);
    size_t len = (size_t)(end - copy);
    wire_write_u16(copy + 5, (uint16_t)(len - SAYING_HEADER_BYTES));
    struct ends ends;
    ends_open(&ends);
    ends_begin(&ends);
    end_hear(&ends.acceptor, bytes_of(copy, len));
    uint8_t reason = ends.acceptor.handshake.reason;
    ends_close(&ends);
    return reason;
}

/* Names go into logs and onto terminals: neither control characters nor more than the rooms of names. */
static void malformed_names_are_refused(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends_begin(&ends);
    struct bytes hello = end_take(&ends.dialler);
    uint8_t name[RING_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    assert_int_equal(reason_for_name(hello, RING_NAME_MAX, bytes_of(name, RING_NAME_MAX)), HANDSHAKE_FINE);
    assert_int_equal(reason_for_name(hello, RING_NAME_MAX + 1, bytes_of(name, sizeof name)), HANDSHAKE_MALFORMED);
    assert_int_equal(reason_for_name(hello, 0, bytes_of(name, 0)), HANDSHAKE_MALFORMED);
    assert_int_equal(reason_for_name(hello, 6, bytes_of(name, 5)), HANDSHAKE_MALFORMED);
    static const uint8_t bad[] = {0, '\n', 0x1b, 0x7f};
    for (size_t i = 0; i < sizeof bad; i++) {
        uint8_t bent[] = {'a', bad[i], 'b'};
        assert_int_equal(reason_for_name(hello, 3, bytes_of(bent, 3)), HANDSHAKE_MALFORMED);
    }
    bytes_free(hello);
    ends_close(&ends);
}

/* The right proof or an empty READY with one byte more. */
static void messages_with_more_than_their_fields_are_refused(void **state)
{
    (void)state;
    for (int which = PROOF; which <= READY; which++) {
        struct ends ends;
        ends_open(&ends);
        struct recording recording = record(&ends);
        ends_close(&ends);
        ends_open(&ends);
        ends_begin(&ends);
        for (int i = 0; i < which; i++)
            end_hear(i % 2 == 0 ? &ends.acceptor : &ends.dialler, recording.said[i]);
        uint8_t longer[HANDSHAKE_BYTES_MAX] = {0};
        struct bytes said = recording.said[which];
        memcpy(longer, said.at, said.len);
        wire_write_u16(longer + 5, (uint16_t)(said.len + 1 - SAYING_HEADER_BYTES));
        struct end *hearer = which == PROOF ? &ends.acceptor : &ends.dialler;
        assert_int_equal(end_hear(hearer, bytes_of(longer, said.len + 1)), HANDSHAKE_REFUSED);
        assert_int_equal(hearer->handshake.reason, HANDSHAKE_MALFORMED);
        recording_free(&recording);
        ends_close(&ends);
    }
}

static void refusals_are_shown_without_control_characters(void **state)
{
    (void)state;
    struct ends ends;
    uint8_t said[HANDSHAKE_BYTES_MAX];
    ends_open(&ends);
    ends_begin(&ends);
    const uint8_t *end = saying_write_refusal(said, HANDSHAKE_REASONS, "no\x1b[2J\nfurther\x7f");
    assert_int_equal(end_hear(&ends.dialler, bytes_of(said, (size_t)(end - said))), HANDSHAKE_REFUSED);
    assert_string_equal(ends.dialler.handshake.fault, "refused by the other end: no?[2J?further?");
    assert_int_equal(ends.dialler.handshake.reason, HANDSHAKE_MALFORMED); /* a reason that this program does not know */
    ends_close(&ends);

    ends_open(&ends);
    ends_begin(&ends);
    uint8_t fields[SAYING_TEXT_MAX + 2];
    memset(fields, 'x', sizeof fields);
    end = saying_write(said, SAYING_REFUSED, bytes_of(fields, sizeof fields));
    assert_int_equal(end_hear(&ends.dialler, bytes_of(said, (size_t)(end - said))), HANDSHAKE_REFUSED);
    assert_null(strstr(ends.dialler.handshake.fault, "xx"));
    ends_close(&ends);
}

/* Each kind of message where another one is due. */
static void messages_out_of_turn_are_refused(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    struct recording recording = record(&ends);
    ends_close(&ends);
    for (int told = 0; told < 4; told++) { /* how many messages of the recording have been passed on */
        for (int next = 0; next < 4; next++) {
            ends_open(&ends);
            ends_begin(&ends);
            for (int i = 0; i < told; i++)
                end_hear(i % 2 == 0 ? &ends.acceptor : &ends.dialler, recording.said[i]);
            struct end *hearer = told % 2 == 0 ? &ends.acceptor : &ends.dialler;
            if (next != told) {
                assert_int_equal(end_hear(hearer, recording.said[next]), HANDSHAKE_REFUSED);
                assert_int_equal(hearer->handshake.reason, HANDSHAKE_MALFORMED);
            }
            ends_close(&ends);
        }
    }
    recording_free(&recording);
}

static void strangers_are_noticed_by_their_first_byte_and_get_no_answer(void **state)
{
    (void)state;
    static const char *const strangers[] = {"GET / HTTP/1.1\r\n", "version\r\n", "\x80", "rinse", "SSH-2.0"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct ends ends;
        ends_open(&ends);
        ends_begin(&ends);
        assert_int_equal(end_hear(&ends.acceptor, bytes_of_text(strangers[i])), HANDSHAKE_REFUSED);
        assert_non_null(strstr(ends.acceptor.handshake.fault, "not a ringcached node"));
        assert_int_equal(ends.acceptor.wire.chain.len, 0);
        ends_close(&ends);
    }
}

/* No end ever wants more than HANDSHAKE_BYTES_MAX bytes at once, whatever length is claimed. */
static void nobody_waits_for_endless_messages(void **state)
{
    (void)state;
    for (unsigned len = 0; len <= UINT16_MAX; len += len < 2000 ? 1 : 101) {
        uint8_t header[SAYING_HEADER_BYTES] = {'r', 'i', 'n', 'g', SAYING_HELLO};
        wire_write_u16(header + 5, (uint16_t)len);
        struct ends ends;
        ends_open(&ends);
        ends_begin(&ends);
        enum handshake_status status = end_hear(&ends.acceptor, bytes_of(header, sizeof header));
        bool is_waiting = len > 0 && len + SAYING_HEADER_BYTES <= HANDSHAKE_BYTES_MAX;
        assert_int_equal(status, is_waiting ? HANDSHAKE_MORE : HANDSHAKE_REFUSED);
        if (is_waiting) {
            static const uint8_t zeros[HANDSHAKE_BYTES_MAX];
            assert_int_equal(end_hear(&ends.acceptor, bytes_of(zeros, len)), HANDSHAKE_REFUSED);
        }
        assert_true(ends.acceptor.wire.chain.len <= HANDSHAKE_BYTES_MAX);
        ends_close(&ends);
    }
}

static void garbage_never_gets_in(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint8_t garbage[HANDSHAKE_BYTES_MAX] = {'r', 'i', 'n', 'g'};
        garbage[4] = (uint8_t)(1 + prng_below(&prng, 5));
        size_t len = prng_below(&prng, 300);
        wire_write_u16(garbage + 5, (uint16_t)len);
        for (size_t i = 0; i < len; i++)
            garbage[SAYING_HEADER_BYTES + i] = (uint8_t)prng_next(&prng);
        struct ends ends;
        ends_open(&ends);
        ends_begin(&ends);
        struct end *hearer = seed % 2 == 0 ? &ends.dialler : &ends.acceptor;
        assert_seeded(end_hear(hearer, bytes_of(garbage, SAYING_HEADER_BYTES + len)) != HANDSHAKE_DONE, seed);
        ends_close(&ends);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_dialler_gets_in_nowhere),
        cmocka_unit_test(a_recorded_acceptor_deceives_nobody),
        cmocka_unit_test(a_node_does_not_prove_anything_to_itself),
        cmocka_unit_test(no_flipped_bit_is_believed),
        cmocka_unit_test(malformed_hellos_are_refused),
        cmocka_unit_test(malformed_names_are_refused),
        cmocka_unit_test(messages_with_more_than_their_fields_are_refused),
        cmocka_unit_test(refusals_are_shown_without_control_characters),
        cmocka_unit_test(messages_out_of_turn_are_refused),
        cmocka_unit_test(strangers_are_noticed_by_their_first_byte_and_get_no_answer),
        cmocka_unit_test(nobody_waits_for_endless_messages),
        cmocka_unit_test(garbage_never_gets_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
