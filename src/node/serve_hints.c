/* READ at a stand-in: everything that it keeps of a key for the owners of its partition, merged. */
#include "node/serve.h"

#include "node/shared.h"
#include "version/record.h"

/* Submits the reading of the next owner's hint; false: there is none left. */
static bool read_next(struct node *node, struct instant now, struct hints_read *read)
{
    while (read->left > 0) {
        uint32_t owner = read->owners[--read->left];
        if (hints_of_owner(node->shared->hints, owner) == 0)
            continue;
        read->op.key = hint_key(read->key, owner, read->client_key);
        store_submit(node->hint_store, now, &read->op);
        return true;
    }
    return false;
}

bool serve_hints_begin(struct node *node, struct instant now, struct serve *serve, struct bytes key, uint16_t partition,
                       uint32_t hash)
{
    struct hints_read *read = &serve->hints;
    const struct ring_view *view = node->view;
    if (node->hint_store == NULL || hints_of_partition(node->shared->hints, partition) == 0)
        return false;
    const uint16_t *list = ring_preference_list(view, partition);
    read->op = (struct store_op){
        .kind = STORE_READ, .owner = NODE_OP_HINT_READ, .peek = true, .partition = partition, .hash = hash};
    read->client_key = key;
    read->found = 0;
    read->failed = false;
    for (read->left = 0; read->left < view->owner_count; read->left++)
        read->owners[read->left] = view->members[list[read->left]].id;
    return read_next(node, now, read);
}

/* A record of all that was found; NULL: it cannot be made. */
static struct blob *merge_found(struct node *node, const struct serve *serve)
{
    const struct hints_read *read = &serve->hints;
    struct replica_copy copies[RING_COPIES_MAX];
    struct object object = {0};
    hybrid_time horizon = 0;
    bool is_lww = bucket_of_key(node_buckets(node->shared), read->client_key)->reconcile == RECONCILE_LWW;
    for (unsigned i = 0; i < read->found; i++)
        copies[i] = (struct replica_copy){.record = read->records[i]};
    arena_reset(&node->scratch);
    if (!replica_merge_copies(&object, &horizon, copies, read->found, is_lww, &node->scratch))
        return NULL;
    struct blob *record = blob_new(record_size(&object));
    if (record != NULL)
        record_encode(&object, record->at);
    return record;
}

static struct blob *take_found(struct node *node, struct serve *serve)
{
    struct hints_read *read = &serve->hints;
    struct blob *record = NULL;
    if (read->failed || read->found == 0) {
        record = NULL;
    } else if (read->found == 1) {
        record = read->records[0];
        blob_retain(record);
    } else {
        record = merge_found(node, serve);
        read->failed = record == NULL;
    }
    for (unsigned i = 0; i < read->found; i++)
        blob_release(read->records[i]);
    return record;
}

bool serve_hints_on_read(struct node *node, struct instant now, struct serve *serve, struct blob **record)
{
    struct hints_read *read = &serve->hints;
    if (read->op.status == STORE_OK)
        read->records[read->found++] = read->op.record;
    else if (read->op.status != STORE_ABSENT)
        read->failed = true;
    read->op.record = NULL;
    if (read_next(node, now, read))
        return false;
    *record = take_found(node, serve);
    return true;
}
