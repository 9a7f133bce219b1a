/* Every version of a key, for people: `stats siblings <key>`. */
#include "base/check.h"
#include "base/hash.h"
#include "node/node.h"
#include "node/shared.h"
#include "version/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 512 };

struct printer {
    void (*line)(void *, const char *);
    void *context;
};

__attribute__((format(printf, 2, 3))) static void print(const struct printer *printer, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printer->line(printer->context, text);
}

static const char *sight_text(enum replica_sight sight)
{
    switch (sight) {
    case SIGHT_VISIBLE:
        return "live";
    case SIGHT_DELETED:
        return "deleted";
    case SIGHT_EXPIRED:
        return "expired";
    case SIGHT_FLUSHED:
        return "flushed";
    }
    return "unknown";
}

static void print_object(const struct printer *printer, const struct object *object, const char *holder,
                         const struct replica_present *present)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        const struct version *v = &object->live[i];
        print(printer,
              "version %" PRIu32 " %s node %08" PRIx32 " incarnation %016" PRIx64 " birth %" PRIu64 " counter %" PRIu64
              " time_ms %" PRIu64 " size %zu flags %" PRIu32 " expiry_ms %" PRIu64 " token %" PRIu64 " holder %s",
              i, sight_text(replica_sight_of(v, present)), v->dot.actor.node, v->dot.actor.incarnation,
              v->dot.actor.birth, v->dot.counter, hybrid_ms(v->time), v->value.len, v->flags, v->expiry_ms,
              token_of_versions(v, 1), holder);
    }
    for (uint32_t i = 0; i < object->context.count; i++) {
        const struct pair *pair = &object->context.pairs[i];
        print(printer,
              "clock node %08" PRIx32 " incarnation %016" PRIx64 " birth %" PRIu64 " counter %" PRIu64
              " time_ms %" PRIu64,
              pair->actor.node, pair->actor.incarnation, pair->actor.birth, pair->counter, hybrid_ms(pair->time));
    }
    print(printer, "token %" PRIu64, token_of_object(object));
}

/* Reads end at once. Whatever else of this loop happens to end before it waits for node_settle: whoever asks for a
 * description is not ready to be told of other ends, and they may be the sweep's. */
static struct blob *read_record(struct node *node, struct instant now, struct bytes key)
{
    struct store_op op = {.kind = STORE_READ, .peek = true, .key = key, .hash = hash_of_key(key)};
    op.partition = ring_partition(node->view, op.hash);
    store_submit(node->store, now, &op);
    struct store_op *done;
    while ((done = store_next_done(node->store, now)) != &op) {
        CHECK(done != NULL);
        queue_push(&node->unsettled, &done->link);
        node->has_more = true;
    }
    return op.status == STORE_OK ? op.record : NULL;
}

bool node_describe_key(struct node *node, struct instant now, struct bytes key, void (*line)(void *, const char *),
                       void *context)
{
    node_enter(node);
    struct printer printer = {.line = line, .context = context};
    struct blob *record = read_record(node, now, key);
    if (record == NULL)
        return false;
    struct arena arena;
    struct object object;
    arena_init(&arena);
    enum record_status status = record_decode(blob_bytes(record), &object, &arena);
    if (status == RECORD_OK) {
        struct replica_present present = replica_present_at(&node->shared->replica, now);
        print_object(&printer, &object, node->shared->name, &present);
    } else {
        print(&printer, "record is unreadable: %s", record_status_text(status));
    }
    arena_close(&arena);
    blob_release(record);
    return true;
}
