#include "server/options.h"

#include "base/check.h"
#include "base/decimal.h"
#include "server/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICES_MAX = 128 };

const struct option_spec *option_find(const char *name, enum option_section section)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (OPTIONS[i].section == (char)section && strcmp(OPTIONS[i].name, name) == 0)
            return &OPTIONS[i];
    }
    return NULL;
}

const struct option_spec *option_of_flag(int flag)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (OPTIONS[i].flag != 0 && OPTIONS[i].flag == flag)
            return &OPTIONS[i];
    }
    return NULL;
}

void option_name(const struct option_spec *option, char *text, size_t room)
{
    if (option->flag != 0)
        snprintf(text, room, "-%c, --%s", option->flag, option->name);
    else
        snprintf(text, room, "--%s", option->name);
}

static void *field_of(const struct option_spec *option, void *base)
{
    return (uint8_t *)base + option->offset;
}

static void store_number(const struct option_spec *option, void *base, uint64_t value)
{
    void *field = field_of(option, base);
    switch (option->size) {
    case 1:
        *(uint8_t *)field = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)field = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)field = (uint32_t)value;
        break;
    default:
        CHECK(option->size == 8);
        *(uint64_t *)field = value;
        break;
    }
}

static bool complain(char *error, const char *value, const char *accepted)
{
    snprintf(error, CONFIG_ERROR_MAX, "\"%.100s\" is not accepted; accepted: %s", value, accepted);
    return false;
}

/* Numbers with units: the largest unit is written where it divides the number. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit SIZE_UNITS[] = {{"t", (uint64_t)1 << 40},
                                         {"g", (uint64_t)1 << 30},
                                         {"m", (uint64_t)1 << 20},
                                         {"k", (uint64_t)1 << 10},
                                         {"", 1},
                                         {NULL, 0}};
static const struct unit TIME_UNITS[] = {{"ms", 1},   {"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                         {"s", 1000}, {"", 1000},      {NULL, 0}};
static const struct unit NO_UNITS[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(const struct option_spec *option)
{
    return option->kind == OPTION_SIZE ? SIZE_UNITS : option->kind == OPTION_TIME ? TIME_UNITS : NO_UNITS;
}

static const char *write_with_unit(const struct option_spec *option, uint64_t value, char *text, size_t room)
{
    const struct unit *best = NULL;
    for (const struct unit *unit = units_of(option); unit->suffix != NULL; unit++) {
        if (value != 0 && value % unit->factor == 0 && (best == NULL || unit->factor > best->factor))
            best = unit;
    }
    snprintf(text, room, "%" PRIu64 "%s", best == NULL ? value : value / best->factor,
             best == NULL ? "" : best->suffix);
    return text;
}

static bool read_with_unit(const struct option_spec *option, const char *text, uint64_t *value)
{
    size_t digits = strspn(text, "0123456789");
    for (const struct unit *unit = units_of(option); unit->suffix != NULL; unit++) {
        if (strcasecmp(text + digits, unit->suffix) != 0)
            continue;
        uint64_t number;
        if (!decimal_read(bytes_of(text, digits), &number) || number > UINT64_MAX / unit->factor)
            return false;
        *value = number * unit->factor;
        return true;
    }
    return false;
}

static bool set_number(const struct option_spec *option, void *base, const char *text, char *error)
{
    uint64_t value = 0;
    bool automatic = option->fallback != NULL && strcmp(option->fallback, "auto") == 0;
    if (automatic && strcmp(text, "auto") == 0) {
        store_number(option, base, 0);
        return true;
    }
    if (!read_with_unit(option, text, &value) || value < option->min || value > option->max) {
        char min[32], max[32], accepted[160];
        snprintf(accepted, sizeof(accepted), "a%s from %s to %s%s%s",
                 option->kind == OPTION_SIZE   ? " size"
                 : option->kind == OPTION_TIME ? " time"
                                               : " number",
                 write_with_unit(option, option->min, min, sizeof(min)),
                 write_with_unit(option, option->max, max, sizeof(max)),
                 option->kind == OPTION_SIZE   ? " (bytes, or with k, m, g, t)"
                 : option->kind == OPTION_TIME ? " (seconds, or with ms, s, m, h, d)"
                                               : "",
                 automatic ? ", or auto" : "");
        return complain(error, text, accepted);
    }
    store_number(option, base, value);
    return true;
}

static bool read_thousandths(const char *text, uint64_t *value)
{
    size_t whole_len = strspn(text, "0123456789");
    uint64_t whole, part = 0;
    if (!decimal_read(bytes_of(text, whole_len), &whole) || whole > UINT64_MAX / 2000)
        return false;
    if (text[whole_len] != '\0') {
        const char *decimals = text + whole_len + 1;
        size_t len = strspn(decimals, "0123456789");
        if (text[whole_len] != '.' || len == 0 || len > 3 || decimals[len] != '\0'
            || !decimal_read(bytes_of(decimals, len), &part))
            return false;
        part *= len == 1 ? 100 : len == 2 ? 10 : 1;
    }
    *value = whole * 1000 + part;
    return true;
}

static bool set_decimal(const struct option_spec *option, void *base, const char *text, char *error)
{
    uint64_t value;
    if (!read_thousandths(text, &value) || value < option->min || value > option->max) {
        char accepted[96];
        snprintf(accepted, sizeof(accepted), "a number from %g to %g with up to three decimals",
                 (double)option->min / 1000, (double)option->max / 1000);
        return complain(error, text, accepted);
    }
    store_number(option, base, value);
    return true;
}

static bool set_signed(const struct option_spec *option, void *base, const char *text, char *error)
{
    int64_t value;
    if (!decimal_read_signed(bytes_of_text(text), &value) || value < -1 || value > (int64_t)option->max)
        return complain(error, text, "a port from 0 to 65535, or -1");
    store_number(option, base, (uint64_t)value);
    return true;
}

static bool set_octal(const struct option_spec *option, void *base, const char *text, char *error)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 8);
    if (*text < '0' || *text > '7' || *end != '\0' || value > option->max)
        return complain(error, text, "an octal mask from 0 to 777");
    store_number(option, base, value);
    return true;
}

static bool set_switch(const struct option_spec *option, void *base, const char *text, char *error)
{
    static const char *const ON[] = {"on", "yes", "true", "1"}, *const OFF[] = {"off", "no", "false", "0"};
    for (size_t i = 0; text != NULL && i < sizeof(ON) / sizeof(ON[0]); i++) {
        if (strcmp(text, OFF[i]) == 0) {
            *(bool *)field_of(option, base) = false;
            return true;
        }
        if (strcmp(text, ON[i]) == 0)
            text = NULL;
    }
    if (text != NULL)
        return complain(error, text, "on, off");
    *(bool *)field_of(option, base) = true;
    return true;
}

static bool set_choice(const struct option_spec *option, void *base, const char *text, char *error)
{
    const char *choice = option->choices;
    for (uint64_t i = 0;; i++) {
        size_t len = strcspn(choice, "|");
        if (strlen(text) == len && strncmp(choice, text, len) == 0) {
            store_number(option, base, i);
            return true;
        }
        if (choice[len] == '\0')
            break;
        choice += len + 1;
    }
    char accepted[CHOICES_MAX];
    size_t at = 0;
    for (const char *c = option->choices; *c != '\0' && at + 3 < sizeof(accepted); c++) {
        accepted[at++] = *c == '|' ? ',' : *c;
        if (*c == '|')
            accepted[at++] = ' ';
    }
    accepted[at] = '\0';
    return complain(error, text, accepted);
}

static bool set_text(const struct option_spec *option, void *base, const char *text, char *error)
{
    char **field = field_of(option, base);
    if (*text == '\0')
        return complain(error, text, "a text that is not empty");
    char *joined = NULL;
    if (option->kind == OPTION_LIST && *field != NULL) {
        if (asprintf(&joined, "%s,%s", *field, text) < 0)
            joined = NULL;
    } else {
        joined = strdup(text);
    }
    CHECK_MEMORY(joined);
    free(*field);
    *field = joined;
    return true;
}

static bool set_prefix(void *base, const char *text, char *error)
{
    struct bucket *bucket = base;
    size_t len = strlen(text);
    if (len == 0 || len > BUCKET_PREFIX_MAX)
        return complain(error, text, "1 to 250 bytes");
    memcpy(bucket->prefix, text, len);
    bucket->prefix_len = (uint16_t)len;
    return true;
}

static bool set_count(const struct option_spec *option, void *base, const char *text, char *error)
{
    uint64_t *count = field_of(option, base);
    if (text != NULL)
        return set_number(option, base, text, error);
    if (*count < option->max)
        *count += 1;
    return true;
}

bool option_set(const struct option_spec *option, void *base, const char *value, char *error)
{
    switch ((enum option_kind)option->kind) {
    case OPTION_SWITCH:
        return set_switch(option, base, value, error);
    case OPTION_COUNT:
        return set_count(option, base, value, error);
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_TIME:
        return set_number(option, base, value, error);
    case OPTION_DECIMAL:
        return set_decimal(option, base, value, error);
    case OPTION_SIGNED:
        return set_signed(option, base, value, error);
    case OPTION_OCTAL:
        return set_octal(option, base, value, error);
    case OPTION_CHOICE:
        return set_choice(option, base, value, error);
    case OPTION_TEXT:
    case OPTION_LIST:
        return set_text(option, base, value, error);
    case OPTION_PREFIX:
        return set_prefix(base, value, error);
    case OPTION_ACTION:
        store_number(option, base, option->min);
        return true;
    case OPTION_EXTENDED:
    case OPTION_IGNORED:
        return true;
    }
    return false;
}

void options_set_defaults(void *base, bool of_bucket)
{
    char error[CONFIG_ERROR_MAX];
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option_spec *option = &OPTIONS[i];
        if ((option->section == SECTION_BUCKET) == of_bucket && option->fallback != NULL)
            CHECK(option_set(option, base, option->fallback, error));
    }
}
