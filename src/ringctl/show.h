/* What a node says, as text for people. */
#ifndef RINGCTL_SHOW_H
#define RINGCTL_SHOW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct table;

/* Each prints one kind of reply (docs/ringctl.md); what is missing in it is shown as nothing. */
void show_status(const json_t *status, FILE *out);
void show_ring(const json_t *ring, FILE *out);
void show_key(const json_t *key, FILE *out);
void show_config(const json_t *config, FILE *out);
void show_hints(const json_t *hints, FILE *out);
void show_antientropy(const json_t *antientropy, FILE *out);
void show_verify(const json_t *verdict, FILE *out);

/* The text of a field, "" when it is none. */
const char *show_text(const json_t *object, const char *name);
/* The whole number of a field, 0 when it is none. */
int64_t show_number(const json_t *object, const char *name);

/* The same as the next cell of a table. */
void show_text_cell(struct table *table, const json_t *object, const char *name);
void show_number_cell(struct table *table, const json_t *object, const char *name);

/* A line of text for people without anything that commands a terminal. */
void show_line(FILE *out, const char *text);
/* The same, formatted. */
void show_format(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
