/* An outgoing byte stream: copied bytes in pooled chunks and references to blobs, in order. The
 * owner of a connection writes it out when the socket takes it. An empty chain holds no memory. */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/pool.h"

enum {
    CHAIN_CHUNK_BYTES = 16000, /* room in one chunk */
    CHAIN_RESERVE_MAX = 4096   /* most that can be reserved in one piece */
};

struct chain_piece;

struct chain {
    struct chain_piece *first, *last;
    size_t len;          /* bytes waiting */
    struct pool *chunks; /* of chain_chunk_size(); shared by the chains of one thread */
};

/* The object size for the pool that chains draw from. */
size_t chain_chunk_size(void);

/* An empty chain that draws from `chunks`, which must outlive it. */
void chain_init(struct chain *chain, struct pool *chunks);

/* Drops what is waiting, gives chunks and blob references back. May be called twice. */
void chain_close(struct chain *chain);

/* Room for up to `len` <= CHAIN_RESERVE_MAX contiguous bytes; chain_commit says how many were written.
 * Nothing else may touch the chain in between. */
uint8_t *chain_reserve(struct chain *chain, size_t len);
void chain_commit(struct chain *chain, const uint8_t *end);

/* Appends a copy of any length. */
void chain_append(struct chain *chain, struct bytes data);

static inline void chain_append_text(struct chain *chain, const char *text)
{
    chain_append(chain, bytes_of_text(text));
}

/* Appends `data`, which lies inside `blob`: by reference when it is long, by copy when that is cheaper.
 * The chain takes its own reference; the caller keeps his. */
void chain_append_blob(struct chain *chain, struct blob *blob, struct bytes data);

/* The first pieces in order, at most `max`; returns how many. Valid until the chain is changed. */
size_t chain_slices(const struct chain *chain, struct bytes *slices, size_t max);

/* The first `len` bytes have been sent. */
void chain_consume(struct chain *chain, size_t len);

#endif
