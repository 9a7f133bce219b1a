/* The ring's table as the members keep it: the view, and for each member which data directory it had when it was taken
 * in. A node of the same name with another directory has lost its data and what it had promised. */
#ifndef MEMBERSHIP_TABLE_H
#define MEMBERSHIP_TABLE_H

#include "base/bytes.h"
#include "membership/value.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct table {
    struct ring_view *view;
    uint64_t *directories; /* by index of the member */
    uint64_t fingerprint;  /* of view and directories */
    uint8_t *bytes;        /* encoded */
    size_t len;
};

/* The first table of a ring. NULL when the settings or the founders make none. */
struct table *table_of_founders(const struct value *value);
/* The table after a change. NULL when the change is impossible here. */
struct table *table_after(const struct table *table, const struct value *value);
/* What `bytes` held. NULL: *fault is a static text. */
struct table *table_decode(struct bytes in, const char **fault);
void table_free(struct table *table); /* NULL is allowed */

static inline struct bytes table_bytes(const struct table *table)
{
    return bytes_of(table->bytes, table->len);
}

/* A copy of the view for somebody else. */
struct ring_view *table_view_copy(const struct table *table);
/* NULL when there is no member of this id. */
const struct ring_member *table_member(const struct table *table, uint32_t id);
/* 0 when there is no member of this id. */
uint64_t table_directory(const struct table *table, uint32_t id);

#endif
