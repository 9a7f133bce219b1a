#include "base/check.h"
#include "ringctl/show.h"
#include "ringctl/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const json_t *members, const json_t *index)
{
    json_int_t at = json_integer_value(index);
    return at < 0 ? "" : show_text(json_array_get(members, (size_t)at), "name");
}

struct share {
    uint64_t first, copies;
};

static void show_members(const json_t *members, const json_t *owners, FILE *out)
{
    struct table table;
    size_t count = json_array_size(members), i, j;
    struct share *shares = calloc(count + 1, sizeof(*shares));
    json_t *row, *index, *member;
    CHECK_MEMORY(shares);
    json_array_foreach(owners, i, row) json_array_foreach(row, j, index)
    {
        json_int_t at = json_integer_value(index);
        if (at < 0 || (size_t)at >= count)
            continue;
        shares[at].copies++;
        shares[at].first += j == 0;
    }
    static const struct table_column COLUMNS[] = {
        {"NODE", 'l'}, {"CLIENTS", 'l'}, {"FIRST OF", 'r'}, {"COPIES OF", 'r'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    json_array_foreach(members, i, member)
    {
        const char *host = show_text(member, "host");
        show_text_cell(&table, member, "name");
        table_cell(&table, strchr(host, ':') != NULL ? "[%s]:%" PRId64 : "%s:%" PRId64, host,
                   show_number(member, "port"));
        table_cell(&table, "%" PRIu64, shares[i].first);
        table_cell(&table, "%" PRIu64, shares[i].copies);
    }
    table_finish(&table, out);
    free(shares);
}

/* Lists that are the same are shown once. */
struct group {
    const json_t *owners;
    uint64_t partitions;
    size_t example;
};

static struct group *group_lists(const json_t *owners, size_t *count)
{
    struct group *groups = calloc(json_array_size(owners) + 1, sizeof(*groups));
    json_t *seen = json_object(), *row, *known;
    size_t i;
    CHECK_MEMORY(groups);
    *count = 0;
    json_array_foreach(owners, i, row)
    {
        char *text = json_dumps(row, JSON_COMPACT | JSON_ENCODE_ANY);
        CHECK_MEMORY(text);
        known = json_object_get(seen, text);
        size_t at = known != NULL ? (size_t)json_integer_value(known) : (*count)++;
        if (known == NULL) {
            json_object_set_new(seen, text, json_integer((json_int_t)at));
            groups[at] = (struct group){.owners = row, .example = i};
        }
        groups[at].partitions++;
        free(text);
    }
    json_decref(seen);
    return groups;
}

static void show_lists(const json_t *members, const json_t *owners, FILE *out)
{
    struct table table;
    size_t count, copies = json_array_size(json_array_get(owners, 0));
    struct group *groups = group_lists(owners, &count);
    static const struct table_column COLUMNS[] = {{"PARTITIONS", 'r'}, {"SUCH AS", 'r'}, {"COORDINATOR", 'l'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    for (size_t i = 1; i < copies && i < TABLE_COLUMNS_MAX - 2; i++)
        table_column(&table, i == 1 ? "OTHER OWNERS" : "", 'l');
    for (size_t i = 0; i < count; i++) {
        table_cell(&table, "%" PRIu64, groups[i].partitions);
        table_cell(&table, "%zu", groups[i].example);
        for (size_t j = 0; j + 2 < table.column_count; j++)
            table_cell(&table, "%s", name_of(members, json_array_get(groups[i].owners, j)));
    }
    table_finish(&table, out);
    free(groups);
}

void show_ring(const json_t *ring, FILE *out)
{
    const json_t *members = json_object_get(ring, "members"), *owners = json_object_get(ring, "owners");
    show_format(out, "epoch %" PRId64 "  fingerprint %s  %" PRId64 " partitions", show_number(ring, "epoch"),
                show_text(ring, "fingerprint"), show_number(ring, "partitions"));
    fputc('\n', out);
    show_members(members, owners, out);
    fputc('\n', out);
    show_lists(members, owners, out);
    fputs("\nringctl --json ring lists every partition.\n", out);
}
