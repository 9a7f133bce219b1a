/* Base64 of meta keys (flag b): the standard alphabet with padding, RFC 4648 section 4, over libcrypto. */
#ifndef PROTOCOL_BASE64_H
#define PROTOCOL_BASE64_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes `text` of at most KEY_MAX bytes to `out`, which has room for KEY_MAX bytes, and sets *len. Only the one text
 * that encoding the result would give is accepted: no white space, other characters, missing or early padding or bits
 * that do not count, so that two texts never name the same key. Nothing is not a key either. */
bool base64_decode(struct bytes text, uint8_t *out, size_t *len);

#endif
