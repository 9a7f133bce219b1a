#include "ringctl/show.h"
#include "ringctl/table.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static void cell_time(struct table *table, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];
    if (ms == 0 || gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        table_cell(table, "never");
    else
        table_cell(table, "%s.%03d", text, (int)(ms % 1000));
}

static void add_version(struct table *table, const json_t *replica, const json_t *version)
{
    show_text_cell(table, replica, "name");
    show_text_cell(table, version, "state");
    table_cell(table, "%s %.8s/%" PRId64 ":%" PRId64, show_text(version, "node"), show_text(version, "incarnation"),
               show_number(version, "birth"), show_number(version, "counter"));
    cell_time(table, show_number(version, "time_ms"));
    cell_time(table, show_number(version, "expiry_ms"));
    show_number_cell(table, version, "flags");
    show_number_cell(table, version, "size");
    show_text_cell(table, replica, "token");
}

/* An owner that has nothing, or did not say what. */
static void add_outcome(struct table *table, const json_t *replica)
{
    show_text_cell(table, replica, "name");
    show_text_cell(table, replica, "outcome");
    for (int i = 0; i < 6; i++)
        table_cell(table, "%s", "");
}

static void show_versions(const json_t *replicas, FILE *out)
{
    struct table table;
    size_t i, j;
    json_t *replica, *version;
    static const struct table_column COLUMNS[] = {{"OWNER", 'l'},   {"STATE", 'l'}, {"WRITE", 'l'}, {"TIME (UTC)", 'l'},
                                                  {"EXPIRES", 'l'}, {"FLAGS", 'r'}, {"SIZE", 'r'},  {"TOKEN", 'r'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(replicas, i, replica)
    {
        const json_t *versions = json_object_get(replica, "versions");
        json_array_foreach(versions, j, version) add_version(&table, replica, version);
        if (json_array_size(versions) == 0)
            add_outcome(&table, replica);
    }
    table_finish(&table, out);
}

static void show_clocks(const json_t *replicas, FILE *out)
{
    struct table table;
    size_t i, j;
    json_t *replica, *pair;
    static const struct table_column COLUMNS[] = {
        {"CLOCK OF", 'l'}, {"KNOWS WRITES OF", 'l'}, {"UP TO", 'r'}, {"TIME (UTC)", 'l'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(replicas, i, replica) json_array_foreach(json_object_get(replica, "clock"), j, pair)
    {
        show_text_cell(&table, replica, "name");
        table_cell(&table, "%s %.8s/%" PRId64, show_text(pair, "node"), show_text(pair, "incarnation"),
                   show_number(pair, "birth"));
        show_number_cell(&table, pair, "counter");
        cell_time(&table, show_number(pair, "time_ms"));
    }
    if (table.cell_count > 0) {
        fputc('\n', out);
        table_print(&table, out);
    }
    table_close(&table);
}

static void show_verdict(const json_t *key, const json_t *replicas, FILE *out)
{
    size_t owners = 0, i;
    json_t *replica;
    json_array_foreach(replicas, i, replica) owners += json_is_true(json_object_get(replica, "owner"));
    int64_t answered = show_number(key, "answered");
    if (json_is_true(json_object_get(key, "agree")))
        fprintf(out, "\nall %zu owners agree\n", owners);
    else if (answered < (int64_t)owners)
        fprintf(out, "\n%" PRId64 " of %zu owners answered\n", answered, owners);
    else
        fputs("\nthe owners do not have the same; a read of this key repairs those that it asks\n", out);
}

void show_key(const json_t *key, FILE *out)
{
    const json_t *replicas = json_object_get(key, "replicas");
    show_format(out, "key %s  partition %" PRId64 "  bucket %s  epoch %" PRId64, show_text(key, "key"),
                show_number(key, "partition"), show_text(key, "bucket"), show_number(key, "epoch"));
    fputc('\n', out);
    show_versions(replicas, out);
    show_clocks(replicas, out);
    show_verdict(key, replicas, out);
}
