/* Decimal numbers in text, as memcached reads and writes them. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { DECIMAL_MAX = 20 }; /* digits of UINT64_MAX; a negative int64 takes as many with its sign */

/* Writes `value` at `at` (DECIMAL_MAX bytes of room) and returns the place after it. */
uint8_t *decimal_write(uint8_t *at, uint64_t value);

/* The whole of `text` as digits only (no sign, no space, not empty, no overflow), else false. */
bool decimal_read(struct bytes text, uint64_t *value);

/* The same with an optional '-' or '+' before the digits. */
bool decimal_read_signed(struct bytes text, int64_t *value);

#endif
