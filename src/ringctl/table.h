/* A table of text, its columns aligned when it is printed. */
#ifndef RINGCTL_TABLE_H
#define RINGCTL_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 24 };

struct table_column {
    const char *title;
    char side; /* 'l' or 'r' */
};

struct table {
    struct table_column columns[TABLE_COLUMNS_MAX];
    unsigned column_count;
    char **cells; /* row by row */
    size_t cell_count, room;
};

#define TABLE_COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

/* With these columns, of which more may follow. Close with table_close or table_finish. */
void table_open(struct table *table, const struct table_column *columns, size_t count);
void table_close(struct table *table);

/* One more column, before the first cell. */
void table_column(struct table *table, const char *title, char side);

/* The next cell, from the left; after the last column the next row begins. Control characters become '?', so that no
 * text from elsewhere can command the terminal. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints titles and rows, without blanks at line ends. */
void table_print(const struct table *table, FILE *out);
/* The same, and closes. */
void table_finish(struct table *table, FILE *out);

#endif
