#include "admin/json.h"

#include "admin/report.h"
#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { REAL_DIGITS = 5 /* 33.333 % */ };

char *report_escape(struct bytes bytes)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    char *text = malloc(bytes.len * 3 + 1), *at = text;
    CHECK_MEMORY(text);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.at[i];
        if (byte > ' ' && byte < 0x7f && byte != '%') {
            *at++ = (char)byte;
        } else {
            *at++ = '%';
            *at++ = DIGITS[byte >> 4];
            *at++ = DIGITS[byte & 15];
        }
    }
    *at = '\0';
    return text;
}

json_t *json_of_bytes(struct bytes bytes)
{
    char *text = report_escape(bytes);
    json_t *json = json_string(text);
    CHECK_MEMORY(json);
    free(text);
    return json;
}

json_t *json_of_text(const char *text)
{
    json_t *json = json_string(text);
    return json != NULL ? json : json_of_bytes(bytes_of_text(text));
}

json_t *json_of_id(uint64_t id)
{
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64, id);
    return json_string(text);
}

json_t *json_of_decimal(uint64_t number)
{
    char text[21];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    return json_string(text);
}

json_t *json_of_percent(uint64_t part, uint64_t whole)
{
    return json_real(whole == 0 ? 0 : (double)part * 100 / (double)whole);
}

json_t *report_error(const char *text)
{
    json_t *report = json_object();
    json_object_set_new(report, "error", json_of_text(text));
    return report;
}

char *report_text(json_t *report)
{
    char *text = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    CHECK_MEMORY(text);
    json_decref(report);
    return text;
}
