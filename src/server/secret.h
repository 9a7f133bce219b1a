/* The secret that the nodes of a ring share, from its file. */
#ifndef SERVER_SECRET_H
#define SERVER_SECRET_H

#include "base/bytes.h"
#include "message/handshake.h"
#include "server/logger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret {
    uint8_t text[HANDSHAKE_SECRET_MAX];
    size_t len;
};

/* Reads 1 .. HANDSHAKE_SECRET_MAX bytes; a last line end does not count. `path` NULL: no secret. false after an error
 * that has been logged: the file cannot be read, is empty or too long, or others may read or change it. */
bool secret_load(struct secret *secret, const char *path, struct logger *log);
/* Overwrites it. May be called twice. */
void secret_forget(struct secret *secret);

static inline struct bytes secret_bytes(const struct secret *secret)
{
    return bytes_of(secret->text, secret->len);
}

#endif
