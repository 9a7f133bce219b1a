#include "ringctl/table.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

void table_open(struct table *table, const struct table_column *columns, size_t count)
{
    *table = (struct table){0};
    for (size_t i = 0; i < count; i++)
        table_column(table, columns[i].title, columns[i].side);
}

void table_close(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

void table_column(struct table *table, const char *title, char side)
{
    CHECK(table->column_count < TABLE_COLUMNS_MAX && table->cell_count == 0);
    table->columns[table->column_count++] = (struct table_column){.title = title, .side = side};
}

void table_cell(struct table *table, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    CHECK_MEMORY(text);
    for (char *at = text; *at != '\0'; at++)
        *at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    if (table->cell_count == table->room) {
        table->room = table->room * 2 + 64;
        table->cells = realloc(table->cells, table->room * sizeof(*table->cells));
        CHECK_MEMORY(table->cells);
    }
    table->cells[table->cell_count++] = text;
}

/* Characters of UTF-8. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static int column_width(const struct table *table, unsigned column)
{
    int widest = width_of(table->columns[column].title);
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        int width = width_of(table->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* Blanks are written before the next text only, so that no line ends with any. */
static void print_row(const struct table *table, char *const *cells, const int *widths, FILE *out)
{
    int blanks = 0;
    for (unsigned i = 0; i < table->column_count; i++) {
        const char *text = cells != NULL ? cells[i] : table->columns[i].title;
        int rest = widths[i] - width_of(text);
        bool is_right = table->columns[i].side == 'r';
        if (*text != '\0') {
            fprintf(out, "%*s%s", blanks + (is_right ? rest : 0), "", text);
            blanks = is_right ? GAP : rest + GAP;
        } else {
            blanks += widths[i] + GAP;
        }
    }
    fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
    int widths[TABLE_COLUMNS_MAX];
    for (unsigned i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i);
    print_row(table, NULL, widths, out);
    for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
        print_row(table, &table->cells[i], widths, out);
}

void table_finish(struct table *table, FILE *out)
{
    table_print(table, out);
    table_close(table);
}
