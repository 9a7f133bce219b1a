#include "base/chain.h"

#include "base/check.h"

/* A blob shorter than this is copied: a memcpy costs less than one more slice for the kernel. */
enum { COPY_BELOW = 2048 };

struct chain_piece {
    struct chain_piece *next;
    struct blob *blob;    /* whose bytes these are, or NULL: own bytes */
    const uint8_t *start; /* first byte not yet sent */
    const uint8_t *end;
    uint8_t bytes[]; /* CHAIN_CHUNK_BYTES when blob is NULL */
};

size_t chain_chunk_size(void)
{
    return sizeof(struct chain_piece) + CHAIN_CHUNK_BYTES;
}

void chain_init(struct chain *chain, struct pool *chunks)
{
    CHECK(chunks->object_size == chain_chunk_size());
    *chain = (struct chain){.chunks = chunks};
}

static struct chain_piece *new_piece(struct chain *chain)
{
    /* Pieces that refer to blobs use the same objects: they are few (long values only). */
    struct chain_piece *piece = pool_borrow(chain->chunks);
    *piece = (struct chain_piece){.start = piece->bytes, .end = piece->bytes};
    if (chain->last == NULL)
        chain->first = piece;
    else
        chain->last->next = piece;
    chain->last = piece;
    return piece;
}

static void drop_first_piece(struct chain *chain)
{
    struct chain_piece *piece = chain->first;
    chain->first = piece->next;
    if (chain->first == NULL)
        chain->last = NULL;
    blob_release(piece->blob);
    pool_return(chain->chunks, piece);
}

void chain_close(struct chain *chain)
{
    while (chain->first != NULL)
        drop_first_piece(chain);
    chain->len = 0;
}

static size_t room_in(const struct chain_piece *piece)
{
    if (piece == NULL || piece->blob != NULL)
        return 0;
    return CHAIN_CHUNK_BYTES - (size_t)(piece->end - piece->bytes);
}

uint8_t *chain_reserve(struct chain *chain, size_t len)
{
    CHECK(len <= CHAIN_RESERVE_MAX);
    struct chain_piece *piece = chain->last;
    if (piece == NULL || piece->blob != NULL || room_in(piece) < len)
        piece = new_piece(chain);
    return piece->bytes + (piece->end - piece->bytes);
}

void chain_commit(struct chain *chain, const uint8_t *end)
{
    struct chain_piece *piece = chain->last;
    CHECK(end >= piece->end && end <= piece->bytes + CHAIN_CHUNK_BYTES);
    chain->len += (size_t)(end - piece->end);
    piece->end = end;
}

void chain_append(struct chain *chain, struct bytes data)
{
    while (data.len > 0) {
        struct chain_piece *piece = chain->last;
        size_t room = room_in(piece);
        if (room == 0) {
            piece = new_piece(chain);
            room = CHAIN_CHUNK_BYTES;
        }
        size_t part = data.len < room ? data.len : room;
        memcpy(piece->bytes + (piece->end - piece->bytes), data.at, part);
        piece->end += part;
        chain->len += part;
        data = bytes_after(data, part);
    }
}

void chain_append_blob(struct chain *chain, struct blob *blob, struct bytes data)
{
    if (data.len < COPY_BELOW) {
        chain_append(chain, data);
        return;
    }
    struct chain_piece *piece = new_piece(chain);
    piece->blob = blob_retain(blob);
    piece->start = data.at;
    piece->end = data.at + data.len;
    chain->len += data.len;
}

size_t chain_slices(const struct chain *chain, struct bytes *slices, size_t max)
{
    size_t count = 0;
    for (const struct chain_piece *piece = chain->first; piece != NULL && count < max; piece = piece->next) {
        if (piece->end > piece->start)
            slices[count++] = bytes_of(piece->start, (size_t)(piece->end - piece->start));
    }
    return count;
}

void chain_consume(struct chain *chain, size_t len)
{
    CHECK(len <= chain->len);
    chain->len -= len;
    while (chain->first != NULL) {
        struct chain_piece *piece = chain->first;
        size_t waiting = (size_t)(piece->end - piece->start);
        if (len < waiting) {
            piece->start += len;
            return;
        }
        len -= waiting;
        drop_first_piece(chain);
    }
    CHECK(len == 0);
}
