#include "antientropy/inside.h"

#include "base/check.h"
#include "base/hash.h"
#include "version/record.h"

void job_set_key(struct job *job, struct bytes key)
{
    CHECK(key.len >= 1 && key.len <= sizeof job->key);
    memcpy(job->key, key.at, key.len);
    job->key_len = (uint16_t)key.len;
}

struct bytes job_key(const struct job *job)
{
    return bytes_of(job->key, job->key_len);
}

hybrid_time job_horizon(struct antientropy *a, struct instant now, uint16_t partition)
{
    struct replica_present present = replica_present_at(a->parts.replica, now);
    return replica_horizon(a->parts.replica, &present, partition);
}

static void submit(struct antientropy *a, struct instant now, struct job *job, uint16_t partition)
{
    struct store_op *op = &job->merge.op;
    op->key = job_key(job);
    op->hash = hash_of_key(op->key);
    op->partition = partition;
    op->owner = a->parts.op_owner;
    a->pending++;
    store_submit(a->parts.loop, now, op);
}

void job_read(struct antientropy *a, struct instant now, struct job *job, uint16_t partition)
{
    job->merge = (struct replica_merge){.op = {.kind = STORE_READ, .peek = true}};
    submit(a, now, job, partition);
}

static void prepare(struct antientropy *a, struct instant now, struct replica_merge *merge, struct blob *incoming,
                    bool keeps_newest, hybrid_time horizon)
{
    replica_merge_init(merge, a->parts.replica, &a->scratch, now, incoming, keeps_newest);
    merge->horizon = horizon;
    merge->op.durability = DURABILITY_COMMITTED;
    merge->op.keeps_use = true;
}

static void merge(struct antientropy *a, struct instant now, struct job *job, uint16_t partition, struct blob *record,
                  hybrid_time horizon, bool was_lost)
{
    const struct bucket *bucket = bucket_of_key(a->buckets, job_key(job));
    struct blob *incoming = record != NULL ? record : blob_retain(a->nothing);
    prepare(a, now, &job->merge, incoming, bucket->reconcile == RECONCILE_LWW, horizon);
    job->merge.was_lost = was_lost;
    submit(a, now, job, partition);
}

void job_merge(struct antientropy *a, struct instant now, struct job *job, uint16_t partition, struct blob *record,
               hybrid_time horizon)
{
    merge(a, now, job, partition, record, horizon, false);
}

void job_restore(struct antientropy *a, struct instant now, struct job *job, uint16_t partition, struct blob *record,
                 hybrid_time horizon)
{
    merge(a, now, job, partition, record, horizon, true);
}

/* What can be read after all, in memory or written a moment ago, stays. */
static enum store_verdict erase_unreadable(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    (void)op;
    (void)draft;
    return current.len > 0 && record_verify(current) == RECORD_OK ? STORE_KEEP : STORE_ERASE;
}

/* A birth of this node that was in it may be drawn again for the key [R1]. */
void job_erase(struct antientropy *a, struct instant now, struct job *job, uint16_t partition)
{
    replica_forget_births(a->parts.replica);
    job->merge = (struct replica_merge){.op = {.kind = STORE_UPDATE,
                                               .durability = DURABILITY_COMMITTED,
                                               .uses_reserve = true,
                                               .replaces_corrupt = true,
                                               .apply = erase_unreadable}};
    submit(a, now, job, partition);
}

/* What cannot be read any more is replaced by what another owner has; a birth of this node that was in it may come back
 * with an older counter [R1]. */
static bool replaces_corrupt(struct antientropy *a, struct instant now, struct job *job)
{
    struct store_op *op = &job->merge.op;
    bool is_corrupt = op->status == STORE_CORRUPT || job->merge.outcome == MERGE_CORRUPT;
    if (!is_corrupt || op->replaces_corrupt || job->merge.incoming == a->nothing)
        return false;
    uint16_t partition = op->partition;
    replica_forget_births(a->parts.replica);
    prepare(a, now, &job->merge, job->merge.incoming, job->merge.keeps_newest, job->merge.horizon);
    op->replaces_corrupt = true;
    submit(a, now, job, partition);
    return true;
}

bool job_has_merged(struct antientropy *a, struct instant now, struct job *job, bool *again)
{
    *again = replaces_corrupt(a, now, job);
    if (*again)
        return false;
    const struct replica_merge *merge = &job->merge;
    bool is_stored = merge->op.status == STORE_OK || merge->op.status == STORE_UNCHANGED;
    bool is_merged = merge->outcome == MERGE_DONE || merge->outcome == MERGE_DEAD;
    blob_release(merge->incoming);
    job->merge.incoming = NULL;
    return is_stored && is_merged;
}
