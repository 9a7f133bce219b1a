/* How large things may get in a client's conversation. */
#ifndef FRONTEND_LIMITS_H
#define FRONTEND_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRONTEND_ITEM_MAX_DEFAULT = 1024 * 1024, /* -I */
    FRONTEND_READS_INFLIGHT_MAX = 16,        /* default of reads_inflight_max */
    FRONTEND_REQUESTS_PER_EVENT = 20,        /* default of -R, as memcached's */
    MENTIONS_MAX = 64,          /* keys with siblings that one line or quiet run is asked again for; others: newest */
    AUTH_VALUE_MAX = 4096,      /* bytes of user and password in text, of a SASL message in binary */
    SASL_MECHANISM_MAX = 32,    /* bytes of a mechanism's name; longer is 0x0004 as in memcached */
    VALUE_ROOM_MIN = 16 * 1024, /* a rest of a value this long is worth a read of its own */
    PREFIXES_MAX = 65536        /* prefixes counted by `stats detail`; later ones are not counted */
};

/* The largest value that memcached stores in an item of `item_max` bytes: its own header (48 bytes), the key and a NUL,
 * the value's \r\n, 8 bytes of cas and 4 of flags that are not 0 share the item with it. Clients and tests know this
 * number (1048517 less the key, by default), so it is kept although nothing is stored that way here. */
static inline uint64_t largest_value(uint64_t item_max, size_t key_len, uint32_t flags, bool cas_disabled)
{
    uint64_t header = 48 + key_len + 1 + 2 + (cas_disabled ? 0 : 8) + (flags != 0 ? 4 : 0);
    return item_max > header ? item_max - header : 0;
}

#endif
