/* Arbitrary bytes from a peer: the first byte is a type, the rest a stream of frames, and then a head and a tail as if
 * a frame had held them. Whatever a decoder accepts is written again as the same bytes. */
#include "../message/again.h"
#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_MAX = 1 << 20, TYPES_KNOWN = MESSAGE_SURVEY_REPLY };

static bool waits_in(const struct chain *chain, struct bytes bytes, size_t *at)
{
    struct bytes slices[128]; /* FRAME_MAX bytes in chunks and a tail */
    size_t count = chain_slices(chain, slices, 128);
    for (size_t i = 0; i < count; i++) {
        if (*at + slices[i].len > bytes.len || !bytes_equal(slices[i], bytes_of(bytes.at + *at, slices[i].len)))
            return false;
        *at += slices[i].len;
    }
    return *at == bytes.len;
}

/* `whole` is what the frame was taken from. */
static void check_frame(const struct frame *frame, struct bytes whole, struct pool *chunks)
{
    struct chain out;
    chain_init(&out, chunks);
    size_t at = 0;
    if (message_again(frame, &out))
        CHECK(waits_in(&out, whole, &at));
    else
        CHECK(out.len == 0);
    chain_close(&out);
}

/* Returns how many bytes were frames. */
static size_t check_stream(struct bytes in, struct pool *chunks)
{
    struct bytes rest = in;
    struct frame frame;
    size_t used;
    enum frame_status status;
    while ((status = frame_next(rest, FRAME_MAX, &frame, &used)) == FRAME_OK) {
        CHECK(used <= rest.len && used == FRAME_BYTES_MIN + frame.head.len + frame.tail.len);
        check_frame(&frame, bytes_of(rest.at, used), chunks);
        rest = bytes_after(rest, used);
    }
    CHECK(status != FRAME_MORE || (used > rest.len && used <= FRAME_MAX));
    return in.len - rest.len;
}

/* The fuzzer does not find checksums: here it gets a right frame around its bytes. The second byte says where the head
 * ends and the tail begins. */
static void check_body(uint8_t type, struct bytes body, struct pool *chunks)
{
    if (body.len < 1)
        return;
    size_t head_len = body.at[0] < body.len ? body.at[0] : body.len - 1;
    struct bytes head = bytes_of(body.at + 1, head_len);
    struct bytes tail = bytes_after(body, 1 + head_len);
    struct chain framed;
    chain_init(&framed, chunks);
    frame_append_both(&framed, type, head, NULL, tail);
    size_t len = framed.len, at = 0;
    uint8_t *whole = malloc(len);
    CHECK_MEMORY(whole);
    for (struct bytes slice; framed.len > 0 && chain_slices(&framed, &slice, 1) == 1;
         chain_consume(&framed, slice.len)) {
        memcpy(whole + at, slice.at, slice.len);
        at += slice.len;
    }
    CHECK(check_stream(bytes_of(whole, len), chunks) == (len <= FRAME_MAX ? len : 0));
    free(whole);
    chain_close(&framed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool chunks;
    if (size < 1)
        return 0;
    pool_init(&chunks, chain_chunk_size(), 8);
    struct bytes rest = bytes_of(data + 1, size - 1);
    check_stream(rest, &chunks);
    check_body((uint8_t)(1 + data[0] % TYPES_KNOWN), rest, &chunks);
    CHECK(chunks.borrowed == 0);
    pool_close(&chunks);
    return 0;
}
