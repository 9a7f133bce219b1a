#include "ringctl/show.h"
#include "ringctl/table.h"

#include <inttypes.h>

/* How long ago, in the unit that suits; `absent` where there is no time. */
static void cell_ago(struct table *table, int64_t ms, int64_t now_ms, const char *absent)
{
    int64_t seconds = now_ms > ms ? (now_ms - ms) / 1000 : 0;
    if (ms == 0)
        table_cell(table, "%s", absent);
    else if (seconds < 120)
        table_cell(table, "%" PRId64 " s", seconds);
    else if (seconds < 7200)
        table_cell(table, "%" PRId64 " min", seconds / 60);
    else
        table_cell(table, "%" PRId64 " h", seconds / 3600);
}

void show_hints(const json_t *hints, FILE *out)
{
    const json_t *owners = json_object_get(hints, "owners");
    struct table table;
    size_t i;
    json_t *owner;
    if (!json_is_true(json_object_get(hints, "enabled")))
        show_line(out, "this node keeps no hints: it has no data directory, or no port for other nodes");
    show_format(out,
                "%" PRId64 " hints (%" PRId64 " bytes) kept here; since the start %" PRId64 " stored, %" PRId64
                " delivered, %" PRId64 " refused",
                show_number(hints, "count"), show_number(hints, "bytes"), show_number(hints, "stored"),
                show_number(hints, "delivered"), show_number(hints, "refused"));
    if (json_array_size(owners) == 0)
        return;
    fputc('\n', out);
    static const struct table_column COLUMNS[] = {{"FOR", 'l'}, {"HINTS", 'r'}, {"SINCE", 'r'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(owners, i, owner)
    {
        show_text_cell(&table, owner, "name");
        show_number_cell(&table, owner, "count");
        cell_ago(&table, show_number(owner, "since_ms"), show_number(hints, "now_ms"), "-");
    }
    table_finish(&table, out);
}

static void add_pair(struct table *table, const json_t *pair, int64_t now_ms)
{
    int64_t shared = show_number(pair, "partitions"), identical = show_number(pair, "identical");
    show_text_cell(table, pair, "name");
    table_cell(table, "%" PRId64, shared);
    table_cell(table, "%" PRId64, identical);
    cell_ago(table, show_number(pair, "identical_since_ms"), now_ms, "-");
    cell_ago(table, show_number(pair, "compared_ms"), now_ms, "never");
    if (json_is_true(json_object_get(pair, "under_way")))
        table_cell(table, "%" PRId64 " left", show_number(pair, "left"));
    else
        table_cell(table, "%s", identical == shared ? "same" : "differs");
    show_number_cell(table, pair, "exchanges");
    show_number_cell(table, pair, "messages");
    show_number_cell(table, pair, "keys_exchanged");
    show_number_cell(table, pair, "bytes_sent");
}

static void show_pairs(const json_t *pairs, int64_t now_ms, FILE *out)
{
    struct table table;
    size_t i;
    json_t *pair;
    static const struct table_column COLUMNS[] = {
        {"WITH", 'l'},  {"PARTITIONS", 'r'}, {"IDENTICAL", 'r'}, {"SINCE", 'r'}, {"COMPARED", 'r'},
        {"STATE", 'l'}, {"EXCHANGES", 'r'},  {"MESSAGES", 'r'},  {"KEYS", 'r'},  {"SENT", 'r'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(pairs, i, pair) add_pair(&table, pair, now_ms);
    table_finish(&table, out);
}

static void show_horizon(const json_t *horizon, int64_t now_ms, FILE *out)
{
    int64_t lowest = show_number(horizon, "lowest_ms"), highest = show_number(horizon, "highest_ms");
    const char *why = show_text(horizon, "held_back_by");
    const char *held = why[0] != '\0' ? "; held back by " : "";
    if (lowest == 0)
        show_format(out, "horizon: none yet%s%s", held, why);
    else
        show_format(out, "horizon: %.1f to %.1f s ago%s%s", (double)(now_ms - highest) / 1000,
                    (double)(now_ms - lowest) / 1000, held, why);
    show_format(out, "copies: %" PRId64 " doubtful, %" PRId64 " behind", show_number(horizon, "doubtful"),
                show_number(horizon, "behind"));
}

void show_antientropy(const json_t *antientropy, FILE *out)
{
    const json_t *pairs = json_object_get(antientropy, "pairs"), *checker = json_object_get(antientropy, "checker");
    int64_t now_ms = show_number(antientropy, "now_ms");
    if (!json_is_true(json_object_get(antientropy, "enabled"))) {
        show_line(out, "this node compares nothing: its data is not kept on disk");
        return;
    }
    if (json_array_size(pairs) > 0) {
        show_pairs(pairs, now_ms, out);
        fputc('\n', out);
    }
    show_horizon(json_object_get(antientropy, "horizon"), now_ms, out);
    show_format(out, "checker: %" PRId64 " passes, %" PRId64 " partitions rebuilt, %" PRId64 " trees were wrong",
                show_number(checker, "passes"), show_number(checker, "partitions"), show_number(checker, "mismatches"));
}

/* Partitions that differ: the roots tell who stands apart. */
static void show_differing(const json_t *examples, FILE *out)
{
    struct table table;
    size_t i, j;
    json_t *example, *owner;
    static const struct table_column COLUMNS[] = {{"PARTITION", 'r'}, {"OWNER", 'l'}, {"ROOT", 'l'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(examples, i, example)
    {
        json_array_foreach(json_object_get(example, "owners"), j, owner)
        {
            if (j == 0)
                show_number_cell(&table, example, "partition");
            else
                table_cell(&table, "%s", "");
            const char *root = show_text(owner, "root");
            show_text_cell(&table, owner, "name");
            table_cell(&table, "%s", root[0] != '\0' ? root : "not heard");
        }
    }
    table_finish(&table, out);
}

static void show_members(const json_t *members, FILE *out)
{
    struct table table;
    size_t i;
    json_t *member;
    static const struct table_column COLUMNS[] = {
        {"NODE", 'l'}, {"STATE", 'l'}, {"HINTS", 'r'}, {"DOUBTFUL", 'r'}, {"BEHIND", 'r'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(members, i, member)
    {
        show_text_cell(&table, member, "name");
        show_text_cell(&table, member, "state");
        show_number_cell(&table, member, "hints");
        show_number_cell(&table, member, "doubtful");
        show_number_cell(&table, member, "behind");
    }
    table_finish(&table, out);
}

void show_verify(const json_t *verdict, FILE *out)
{
    const json_t *examples = json_object_get(verdict, "examples"), *members = json_object_get(verdict, "members");
    int64_t differing = show_number(verdict, "differing"), hints = show_number(verdict, "hints");
    if (json_is_true(json_object_get(verdict, "identical")))
        show_format(out, "identical: all copies of %" PRId64 " partitions at %zu nodes; %" PRId64 " hints",
                    show_number(verdict, "partitions"), json_array_size(members), hints);
    else
        show_format(out, "not identical: %" PRId64 " of %" PRId64 " partitions; %" PRId64 " hints", differing,
                    show_number(verdict, "partitions"), hints);
    fputc('\n', out);
    show_members(members, out);
    if (json_array_size(examples) > 0) {
        fputc('\n', out);
        show_differing(examples, out);
    }
    if (differing > (int64_t)json_array_size(examples))
        show_format(out, "... and %" PRId64 " more", differing - (int64_t)json_array_size(examples));
}
