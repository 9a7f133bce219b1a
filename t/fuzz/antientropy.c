/* Arbitrary bytes from a repairing node: the first byte says which message, the second where its head ends and its tail
 * begins. Whatever a decoder accepts is written again as the same bytes; lists are walked to their ends. */
#include "../message/repair_again.h"
#include "base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPES = MESSAGE_REPAIR_TYPES_END - MESSAGE_ROOTS, FRAME_MAX = 1 << 20 };

static struct bytes all_of(struct chain *chain)
{
    size_t len = chain->len, at = 0;
    uint8_t *whole = malloc(len);
    CHECK_MEMORY(whole);
    for (struct bytes slice; chain->len > 0 && chain_slices(chain, &slice, 1) == 1; chain_consume(chain, slice.len)) {
        memcpy(whole + at, slice.at, slice.len);
        at += slice.len;
    }
    return bytes_of(whole, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct pool chunks;
    struct chain out;
    pool_init(&chunks, chain_chunk_size(), 8);
    chain_init(&out, &chunks);
    struct bytes body = bytes_of(data + 2, size - 2);
    /* Heads are long here, tails are rare: 255 means none. */
    size_t head_len = data[1] == 255 || data[1] > body.len ? body.len : data[1];
    struct frame frame = {.type = (uint8_t)(MESSAGE_ROOTS + data[0] % TYPES),
                          .head = bytes_of(body.at, head_len),
                          .tail = bytes_after(body, head_len)};
    if (repair_again(&frame, &out)) {
        struct bytes whole = all_of(&out);
        struct frame again;
        size_t used;
        CHECK(frame_next(whole, FRAME_MAX, &again, &used) == FRAME_OK && used == whole.len);
        CHECK(again.type == frame.type && bytes_equal(again.head, frame.head) && bytes_equal(again.tail, frame.tail));
        free((void *)(uintptr_t)whole.at);
    }
    chain_close(&out);
    CHECK(chunks.borrowed == 0);
    pool_close(&chunks);
    return 0;
}
