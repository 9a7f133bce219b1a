#include "base/check.h"
#include "ringctl/show.h"
#include "ringctl/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCK_SHOWN_MS = 500 };

static double real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* Does any member say more than what all nodes have by themselves? */
static bool any_says(const json_t *members, const char *name)
{
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member)
    {
        const json_t *value = json_object_get(member, name);
        if (json_is_string(value) ? json_string_length(value) > 0 : fabs(json_number_value(value) - 1) > 0.0005)
            return true;
    }
    return false;
}

static void cell_bytes(struct table *table, int64_t bytes)
{
    static const char *const UNITS[] = {"", " k", " M", " G", " T", " P"};
    double size = (double)bytes;
    unsigned unit = 0;
    for (; size >= 1024 && unit < 5; unit++)
        size /= 1024;
    table_cell(table, unit == 0 ? "%.0f%s" : "%.1f%s", size, UNITS[unit]);
}

/* How far the times that a member gives are ahead of the asked machine's clock. One that rests gives none. */
static void cell_clock(struct table *table, const json_t *member, int64_t now_ms)
{
    int64_t lead_ms = show_number(member, "clock_ms") + show_number(member, "heard_ms") - now_ms;
    if (lead_ms >= CLOCK_SHOWN_MS)
        table_cell(table, "+%.1f s", (double)lead_ms / 1000);
    else
        table_cell(table, "ok");
}

struct extras {
    bool weight, rack, datacenter;
};

static void add_member(struct table *table, const json_t *member, int64_t now_ms, const struct extras *extras)
{
    bool is_self = json_is_true(json_object_get(member, "self"));
    table_cell(table, "%s", is_self ? "*" : "");
    show_text_cell(table, member, "name");
    /* Up it is, but nothing is given to it to coordinate. */
    table_cell(table, "%s",
               json_is_true(json_object_get(member, "quarantined")) ? "quarantined" : show_text(member, "state"));
    show_text_cell(table, member, "client");
    show_text_cell(table, member, "address");
    table_cell(table, "%.1f %%", real(member, "ownership"));
    table_cell(table, "%.1f %%", real(member, "coordinates"));
    show_number_cell(table, member, "records");
    cell_bytes(table, show_number(member, "bytes"));
    show_number_cell(table, member, "epoch");
    if (is_self)
        table_cell(table, "-");
    else if (strspn(show_text(member, "incarnation"), "0") == strlen(show_text(member, "incarnation")))
        table_cell(table, "never");
    else
        table_cell(table, "%.1f s", (double)show_number(member, "heard_ms") / 1000);
    cell_clock(table, member, now_ms);
    if (extras->weight)
        table_cell(table, "%g", real(member, "weight"));
    if (extras->rack)
        show_text_cell(table, member, "rack");
    if (extras->datacenter)
        show_text_cell(table, member, "datacenter");
    show_text_cell(table, member, "version");
}

static void open_table(struct table *table, const struct extras *extras)
{
    static const struct table_column COLUMNS[] = {{"", 'l'},      {"NODE", 'l'},  {"STATE", 'l'}, {"CLIENTS", 'l'},
                                                  {"PEERS", 'l'}, {"OWNS", 'r'},  {"FIRST", 'r'}, {"RECORDS", 'r'},
                                                  {"BYTES", 'r'}, {"EPOCH", 'r'}, {"HEARD", 'r'}, {"CLOCK", 'r'}};
    table_open(table, COLUMNS, TABLE_COUNT(COLUMNS));
    if (extras->weight)
        table_column(table, "WEIGHT", 'r');
    if (extras->rack)
        table_column(table, "RACK", 'l');
    if (extras->datacenter)
        table_column(table, "DATACENTRE", 'l');
    table_column(table, "VERSION", 'l');
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(show_text(*(json_t *const *)a, "name"), show_text(*(json_t *const *)b, "name"));
}

static void show_members(const json_t *members, int64_t now_ms, FILE *out)
{
    struct table table;
    struct extras extras = {.weight = any_says(members, "weight"),
                            .rack = any_says(members, "rack"),
                            .datacenter = any_says(members, "datacenter")};
    size_t count = json_array_size(members);
    json_t **sorted = calloc(count, sizeof(*sorted));
    CHECK_MEMORY(sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(members, i);
    qsort(sorted, count, sizeof(*sorted), compare_names);
    open_table(&table, &extras);
    for (size_t i = 0; i < count; i++)
        add_member(&table, sorted[i], now_ms, &extras);
    table_finish(&table, out);
    free(sorted);
}

void show_status(const json_t *status, FILE *out)
{
    const json_t *members = json_object_get(status, "members");
    const json_t *warnings = json_object_get(status, "warnings");
    size_t i;
    json_t *warning;
    if (show_number(status, "epoch") != 0) {
        show_format(out,
                    "ring %s  epoch %" PRId64 "  fingerprint %s  %" PRId64 " partitions  %" PRId64
                    " copies  strategy %" PRId64 "  hints %" PRId64 "%s",
                    show_text(status, "cluster"), show_number(status, "epoch"), show_text(status, "fingerprint"),
                    show_number(status, "partitions"), show_number(status, "copies"), show_number(status, "strategy"),
                    show_number(status, "hints"), show_number(status, "doubtful") != 0 ? "  doubtful" : "");
        fputc('\n', out);
    }
    if (json_array_size(members) > 0)
        show_members(members, show_number(status, "now_ms"), out);
    if (show_text(status, "waits_for")[0] != '\0') {
        fputs("\nthis node does not serve yet: ", out);
        show_line(out, show_text(status, "waits_for"));
    }
    json_array_foreach(warnings, i, warning)
    {
        fputs(i == 0 ? "\nwarning: " : "warning: ", out);
        show_line(out, json_is_string(warning) ? json_string_value(warning) : "");
    }
}
