/* Small things for making JSON. Within the room. */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include "base/bytes.h"

#include <jansson.h>
#include <stdint.h>

/* A text that should be UTF-8, since names and addresses come from elsewhere: escaped when it is not. */
json_t *json_of_text(const char *text);
/* Bytes of any kind, as report_escape writes them. */
json_t *json_of_bytes(struct bytes bytes);
/* 16 hexadecimal digits. */
json_t *json_of_id(uint64_t id);
/* A decimal number as text. */
json_t *json_of_decimal(uint64_t number);
static inline json_t *json_of_number(uint64_t number)
{
    return json_integer((json_int_t)number);
}
/* part / whole in percent. */
json_t *json_of_percent(uint64_t part, uint64_t whole);

#endif
