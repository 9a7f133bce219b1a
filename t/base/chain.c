/* The outgoing byte stream: nothing lost, doubled or reordered, whatever the socket takes. */
#include "base/chain.h"

#include "base/prng.h"
#include "base/seeded.h"

#include <stdlib.h>

enum { LONG = 5000, MODEL_MAX = 200000 };

/* A chain, and the bytes that it should hold. */
struct stream {
    struct pool chunks;
    struct chain chain;
    uint8_t *model;
    size_t model_len;
    uint8_t next; /* what the next byte shall be */
};

static void stream_open(struct stream *stream)
{
    *stream = (struct stream){.model = malloc(MODEL_MAX)};
    pool_init(&stream->chunks, chain_chunk_size(), 4);
    chain_init(&stream->chain, &stream->chunks);
}

/* Every chunk must have come back. */
static void stream_close(struct stream *stream)
{
    chain_close(&stream->chain);
    assert_int_equal(stream->chunks.borrowed, 0);
    pool_close(&stream->chunks);
    free(stream->model);
}

/* `len` new bytes of the model, a pattern whose period (251) fits no buffer size here. */
static uint8_t *more(struct stream *stream, size_t len)
{
    assert_true(stream->model_len + len <= MODEL_MAX);
    uint8_t *at = stream->model + stream->model_len;
    for (size_t i = 0; i < len; i++) {
        at[i] = stream->next;
        stream->next = (uint8_t)((stream->next + 1) % 251);
    }
    stream->model_len += len;
    return at;
}

static void add_copy(struct stream *stream, size_t len)
{
    chain_append(&stream->chain, bytes_of(more(stream, len), len));
}

static void add_reserved(struct stream *stream, size_t reserved, size_t used)
{
    uint8_t *at = chain_reserve(&stream->chain, reserved);
    memcpy(at, more(stream, used), used);
    chain_commit(&stream->chain, at + used);
}

/* The bytes lie in the middle of the blob. */
static void add_blob(struct stream *stream, struct blob *blob, size_t len)
{
    memcpy(blob->at + 7, more(stream, len), len);
    chain_append_blob(&stream->chain, blob, bytes_of(blob->at + 7, len));
}

static bool holds(const struct stream *stream, size_t from)
{
    struct bytes slices[64];
    size_t count = chain_slices(&stream->chain, slices, 64), at = from;
    for (size_t i = 0; i < count; i++) {
        if (slices[i].len > stream->model_len - at || memcmp(slices[i].at, stream->model + at, slices[i].len) != 0)
            return false;
        at += slices[i].len;
    }
    return at == stream->model_len && stream->chain.len == stream->model_len - from;
}

static void copies_survive_their_source(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    char text[] = "VALUE k 0 1\r\n";
    chain_append_text(&stream.chain, text);
    memset(text, 'x', sizeof text - 1);
    struct bytes slice;
    assert_int_equal(chain_slices(&stream.chain, &slice, 1), 1);
    assert_memory_equal(slice.at, "VALUE k 0 1\r\n", 13);
    stream_close(&stream);
}

static void every_split_leaves_the_rest_in_order(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    struct blob *blob = blob_new(LONG + 20);
    size_t total = 1;
    for (size_t split = 0; split <= total; split++) {
        stream.model_len = 0;
        add_copy(&stream, 300);
        add_blob(&stream, blob, LONG);
        add_reserved(&stream, 100, 9);
        add_copy(&stream, CHAIN_CHUNK_BYTES + 50); /* over the end of a chunk */
        total = stream.model_len;
        assert_true(holds(&stream, 0));
        chain_consume(&stream.chain, split);
        assert_true(holds(&stream, split));
        chain_consume(&stream.chain, total - split);
        assert_int_equal(stream.chunks.borrowed, 0);
        assert_int_equal(atomic_load(&blob->references), 1);
    }
    blob_release(blob);
    stream_close(&stream);
}

static void long_values_are_referred_to_and_short_ones_copied(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    struct blob *blob = blob_new(LONG + 20);
    add_blob(&stream, blob, 100);
    assert_int_equal(atomic_load(&blob->references), 1);
    memset(blob->at, 0, blob->len);
    assert_true(holds(&stream, 0));

    add_blob(&stream, blob, LONG);
    assert_int_equal(atomic_load(&blob->references), 2);
    struct bytes slices[3];
    assert_int_equal(chain_slices(&stream.chain, slices, 3), 2);
    assert_ptr_equal(slices[1].at, blob->at + 7);

    blob_release(blob); /* the chain keeps it alive */
    assert_true(holds(&stream, 0));
    chain_consume(&stream.chain, 100 + LONG - 1);
    assert_int_equal(atomic_load(&blob->references), 1);
    chain_consume(&stream.chain, 1); /* frees it: a leak checker sees when it does not */
    stream_close(&stream);
}

static void reserved_room_is_contiguous_at_the_end_of_a_chunk(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    add_copy(&stream, CHAIN_CHUNK_BYTES - 10);
    add_reserved(&stream, 10, 10); /* just fits */
    assert_int_equal(stream.chunks.borrowed, 1);
    add_reserved(&stream, CHAIN_RESERVE_MAX, CHAIN_RESERVE_MAX);
    assert_int_equal(stream.chunks.borrowed, 2);
    add_reserved(&stream, CHAIN_RESERVE_MAX, 0); /* nothing committed */
    add_copy(&stream, 3);
    assert_true(holds(&stream, 0));
    stream_close(&stream);
}

static void slices_stop_at_max(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    struct bytes slices[4];
    assert_int_equal(chain_slices(&stream.chain, slices, 4), 0);
    add_copy(&stream, 3 * CHAIN_CHUNK_BYTES);
    assert_int_equal(chain_slices(&stream.chain, slices, 2), 2);
    assert_int_equal(chain_slices(&stream.chain, slices, 4), 3);
    stream_close(&stream);
}

static void closing_gives_everything_back_and_may_be_repeated(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    struct blob *blob = blob_new(LONG + 20);
    add_copy(&stream, 2 * CHAIN_CHUNK_BYTES);
    add_blob(&stream, blob, LONG);
    chain_consume(&stream.chain, CHAIN_CHUNK_BYTES / 2);
    chain_close(&stream.chain);
    assert_int_equal(stream.chain.len, 0);
    assert_int_equal(stream.chunks.borrowed, 0);
    assert_int_equal(atomic_load(&blob->references), 1);
    chain_close(&stream.chain);
    blob_release(blob);
    stream_close(&stream);
}

/* Appends and sends at random; the part already sent is cut off the model. */
static void generated_streams_come_out_as_they_went_in(void **state)
{
    (void)state;
    const uint64_t seed = 31;
    struct prng prng;
    prng_init(&prng, seed);
    struct stream stream;
    stream_open(&stream);
    for (unsigned round = 0; round < 3000; round++) {
        size_t len = (size_t)(prng_next(&prng) >> (50 + prng_below(&prng, 14)));
        struct blob *blob;
        switch (prng_below(&prng, 4)) {
        case 0:
            add_copy(&stream, len);
            break;
        case 1:
            len %= CHAIN_RESERVE_MAX + 1;
            add_reserved(&stream, len, (size_t)prng_below(&prng, len + 1));
            break;
        case 2:
            blob = blob_new(len + 20);
            add_blob(&stream, blob, len);
            blob_release(blob);
            break;
        default:
            break;
        }
        size_t sent = (size_t)prng_below(&prng, stream.chain.len + 1);
        if (stream.model_len > MODEL_MAX / 4)
            sent = stream.chain.len;
        chain_consume(&stream.chain, sent);
        assert_seeded(holds(&stream, sent), seed);
        stream.model_len -= sent;
        memmove(stream.model, stream.model + sent, stream.model_len);
        assert_seeded(stream.model_len != 0 || stream.chunks.borrowed == 0, seed);
    }
    stream_close(&stream);
}

/* The comparison that the tests above rest on does notice a lost, a changed and a moved byte. */
static void the_model_notices_damage(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream);
    add_copy(&stream, 400);
    assert_true(holds(&stream, 0));
    assert_false(holds(&stream, 1));
    stream.model[200]++;
    assert_false(holds(&stream, 0));
    stream.model[200]--;
    chain_consume(&stream.chain, 1);
    assert_false(holds(&stream, 0));
    stream_close(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_survive_their_source),
        cmocka_unit_test(every_split_leaves_the_rest_in_order),
        cmocka_unit_test(long_values_are_referred_to_and_short_ones_copied),
        cmocka_unit_test(reserved_room_is_contiguous_at_the_end_of_a_chunk),
        cmocka_unit_test(slices_stop_at_max),
        cmocka_unit_test(closing_gives_everything_back_and_may_be_repeated),
        cmocka_unit_test(generated_streams_come_out_as_they_went_in),
        cmocka_unit_test(the_model_notices_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
