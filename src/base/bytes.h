/* A slice of bytes that somebody else owns. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at; /* may be NULL only when len is 0 */
    size_t len;
};

static inline struct bytes bytes_of(const void *at, size_t len)
{
    return (struct bytes){.at = at, .len = len};
}

/* A NUL-terminated string without its NUL. */
static inline struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){.at = (const uint8_t *)text, .len = strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Order of unsigned bytes; a prefix comes before what it begins. < 0, 0 or > 0. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.at, b.at, shorter);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static inline bool bytes_begin_with(struct bytes whole, struct bytes prefix)
{
    return whole.len >= prefix.len && bytes_equal(bytes_of(whole.at, prefix.len), prefix);
}

/* What is left of `whole` after its first `n` bytes; n <= whole.len. */
static inline struct bytes bytes_after(struct bytes whole, size_t n)
{
    return (struct bytes){.at = n == 0 ? whole.at : whole.at + n, .len = whole.len - n};
}

#endif
