#include "ringctl/show.h"
#include "ringctl/table.h"

#include <inttypes.h>

/* "2", or "3, now 2" when the ring has fewer members than that. */
static void cell_quorum(struct table *table, const json_t *bucket, const char *name, const char *effective)
{
    int64_t wanted = show_number(bucket, name), now = show_number(bucket, effective);
    if (wanted == now)
        table_cell(table, "%" PRId64, wanted);
    else
        table_cell(table, "%" PRId64 ", now %" PRId64, wanted, now);
}

void show_config(const json_t *config, FILE *out)
{
    static const char *const TEXTS[] = {"reconcile", "stale-cas", "multi-value", "durability"};
    static const char *const NUMBERS[] = {"durable-writes", "max-siblings"};
    const json_t *ring = json_object_get(config, "ring");
    struct table table;
    size_t i;
    json_t *bucket;
    show_format(out,
                "ring %s  epoch %" PRId64 "  n = %" PRId64 " (now %" PRId64 ")  partitions = %" PRId64
                "  strategy = %" PRId64 "  tokens = %" PRId64,
                show_text(ring, "cluster"), show_number(ring, "epoch"), show_number(ring, "n"),
                show_number(ring, "effective-n"), show_number(ring, "partitions"), show_number(ring, "strategy"),
                show_number(ring, "tokens"));
    fputc('\n', out);
    static const struct table_column COLUMNS[] = {{"BUCKET", 'l'}, {"prefix", 'l'}, {"r", 'r'}, {"w", 'r'}};
    table_open(&table, COLUMNS, TABLE_COUNT(COLUMNS));
    for (size_t j = 0; j < sizeof(TEXTS) / sizeof(TEXTS[0]); j++)
        table_column(&table, TEXTS[j], 'l');
    for (size_t j = 0; j < sizeof(NUMBERS) / sizeof(NUMBERS[0]); j++)
        table_column(&table, NUMBERS[j], 'r');
    json_array_foreach(json_object_get(config, "buckets"), i, bucket)
    {
        show_text_cell(&table, bucket, "name");
        show_text_cell(&table, bucket, "prefix");
        cell_quorum(&table, bucket, "r", "effective-r");
        cell_quorum(&table, bucket, "w", "effective-w");
        for (size_t j = 0; j < sizeof(TEXTS) / sizeof(TEXTS[0]); j++)
            show_text_cell(&table, bucket, TEXTS[j]);
        for (size_t j = 0; j < sizeof(NUMBERS) / sizeof(NUMBERS[0]); j++)
            show_number_cell(&table, bucket, NUMBERS[j]);
    }
    table_finish(&table, out);
}
