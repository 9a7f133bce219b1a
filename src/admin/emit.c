#include "admin/emit.h"

#include "base/decimal.h"

#include <inttypes.h>
#include <stdio.h>

void emit_text(const struct emitter *emitter, const char *name, const char *value)
{
    emitter->emit(emitter->context, bytes_of_text(name), bytes_of_text(value));
}

void emit_number(const struct emitter *emitter, const char *name, uint64_t value)
{
    uint8_t text[DECIMAL_MAX];
    uint8_t *end = decimal_write(text, value);
    emitter->emit(emitter->context, bytes_of_text(name), bytes_of(text, (size_t)(end - text)));
}

void emit_decimal(const struct emitter *emitter, const char *name, uint64_t value, uint64_t scale, unsigned digits)
{
    char text[DECIMAL_MAX * 2 + 2];
    uint64_t ten = 1;
    for (unsigned i = 0; i < digits; i++)
        ten *= 10;
    snprintf(text, sizeof(text), "%" PRIu64 ".%0*" PRIu64, value / scale, (int)digits, value % scale * ten / scale);
    emit_text(emitter, name, text);
}

void emit_flag(const struct emitter *emitter, const char *name, bool value)
{
    emit_text(emitter, name, value ? "1" : "0");
}
