/* What this process knows of the worth of its copies, and keeps of it. */
#include "base/check.h"
#include "node/shared.h"

#include <stdlib.h>

static const char NAME[] = "standing"; /* of the store's named value */

struct standing *node_standing(struct node_shared *shared)
{
    return shared->standing;
}

struct hints *node_hints(struct node_shared *shared)
{
    return shared->hints;
}

void node_keep_standing(struct node_shared *shared)
{
    struct standing *standing = shared->standing;
    if (!standing_wants_keeping(standing))
        return;
    uint32_t partitions = atomic_load_explicit(&shared->partition_count, memory_order_acquire);
    size_t size = standing_size(partitions);
    uint8_t *at = malloc(size);
    CHECK_MEMORY(at);
    standing_encode(standing, partitions, at);
    if (store_put_meta(shared->store, NAME, bytes_of(at, size)))
        standing_kept(standing); /* else what was encoded is not in force, and the next turn tries again */
    free(at);
}

bool node_load_standing(struct node_shared *shared, bool doubtful)
{
    struct blob *kept;
    enum store_status status = store_find_meta(shared->store, NAME, &kept);
    /* What was kept and cannot be read may have said that copies are doubtful. */
    bool is_good = status == STORE_ABSENT || (kept != NULL && standing_decode(shared->standing, blob_bytes(kept)));
    blob_release(kept);
    /* What is written at or before a horizon would be dead at once. */
    hybrid_observe(&shared->replica.clock, standing_newest_horizon(shared->standing));
    standing_mark_all(shared->standing, doubtful || !is_good ? STANDING_DOUBTFUL : STANDING_BEHIND);
    return is_good;
}

void node_set_quarantined(struct node_shared *shared, const uint32_t *ids, unsigned count)
{
    quarantine_set(&shared->quarantine, ids, count < QUARANTINED_MAX ? count : QUARANTINED_MAX);
}
