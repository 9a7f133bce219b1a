/* memcached's own arithmetic on values: append, prepend, incr, decr. Within the room. */
#ifndef COORDINATOR_MODIFY_H
#define COORDINATOR_MODIFY_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/decimal.h"

#include <stdbool.h>
#include <stdint.h>

/* The number that a value holds, as memcached reads it: white space before it and anything after white space behind it
 * do not matter. false: not a number. */
bool modify_number_of(struct bytes value, uint64_t *number);

/* The new text of a number in place of `old_len` bytes: padded with spaces to the old length, as memcached does.
 * Returns a new blob, or NULL without memory. */
struct blob *modify_number_text(uint64_t number, size_t old_len);

/* incr wraps at 2^64, decr stops at 0. */
uint64_t modify_delta(uint64_t number, uint64_t delta, bool up);

/* `first` then `second`, or NULL without memory. */
struct blob *modify_concat(struct bytes first, struct bytes second);

#endif
