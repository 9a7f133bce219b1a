#include "ringctl/show.h"

#include "base/check.h"
#include "ringctl/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

const char *show_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

int64_t show_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

void show_text_cell(struct table *table, const json_t *object, const char *name)
{
    table_cell(table, "%s", show_text(object, name));
}

void show_number_cell(struct table *table, const json_t *object, const char *name)
{
    table_cell(table, "%" PRId64, show_number(object, name));
}

void show_line(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
    fputc('\n', out);
}

void show_format(FILE *out, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    CHECK_MEMORY(text);
    show_line(out, text);
    free(text);
}
