/* Writing lines of statistics. Within the room. */
#ifndef ADMIN_EMIT_H
#define ADMIN_EMIT_H

#include "admin/stats.h"

#include <stdbool.h>

struct emitter {
    admin_emit *emit;
    void *context;
};

/* One line: `name` and a NUL-terminated value. */
void emit_text(const struct emitter *emitter, const char *name, const char *value);
/* One line: `name` and a decimal number. */
void emit_number(const struct emitter *emitter, const char *name, uint64_t value);
/* value / scale with `digits` decimals, e.g. 1500000 / 1000000 with 6: 1.500000. */
void emit_decimal(const struct emitter *emitter, const char *name, uint64_t value, uint64_t scale, unsigned digits);
void emit_flag(const struct emitter *emitter, const char *name, bool value);

#endif
