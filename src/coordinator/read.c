#include "coordinator/read.h"

#include "base/check.h"
#include "version/record.h"

#include <stdlib.h>
#include <string.h>

void read_count_versions(struct coordinator *coordinator, const struct request *request)
{
    if (request->status != REQUEST_OK && request->status != REQUEST_MISS)
        return;
    uint32_t seen = request->version_count;
    uint32_t slot = seen < COORDINATOR_VERSIONS_SEEN ? seen : COORDINATOR_VERSIONS_SEEN - 1;
    counter_increment(&coordinator->counters.reads_by_versions[slot]);
}

static void fail_corrupt(struct request *request)
{
    request->status = REQUEST_FAILED;
    request->failure = FAILURE_CORRUPT;
}

void read_answer_miss(struct request *request, const struct version *newest, const struct replica_present *present)
{
    request->status = REQUEST_MISS;
    request->expired = newest != NULL && replica_sight_of(newest, present) == SIGHT_EXPIRED;
    request->flushed = newest != NULL && replica_sight_of(newest, present) == SIGHT_FLUSHED;
}

/* A gat shows what it found, also when the expiry that it gave is already over. */
static bool is_shown(const struct request *request, const struct version *version,
                     const struct replica_present *present)
{
    return replica_sight_of(version, present) == SIGHT_VISIBLE
           || (request->touch_stamp != 0 && version->expiry_stamp == request->touch_stamp);
}

static void answer_from_newest(struct request *request, const struct version *newest,
                               const struct replica_present *present)
{
    if (!is_shown(request, newest, present)) {
        read_answer_miss(request, newest, present);
        return;
    }
    request->status = REQUEST_OK;
    request->stale = (newest->marks & VERSION_STALE) != 0;
    request->win_sent = (newest->marks & VERSION_WIN_SENT) != 0 && !request->won;
}

/* The rare case: siblings. The visible ones are shown, newest first. In a last-write-wins bucket the newest is the only
 * one (what stays behind it is for object_keep_newest). */
static void answer_siblings(struct coordinator *coordinator, struct request *request,
                            const struct replica_present *present)
{
    struct object object;
    arena_reset(&coordinator->scratch);
    if (record_decode(blob_bytes(request->record), &object, &coordinator->scratch) != RECORD_OK) {
        fail_corrupt(request);
        return;
    }
    request->version_many = malloc(object.live_count * sizeof *request->version_many);
    CHECK_MEMORY(request->version_many);
    uint32_t count = request->bucket->reconcile == RECONCILE_LWW && object.live_count > 1 ? 1 : object.live_count;
    for (uint32_t i = 0; i < count; i++) {
        if (is_shown(request, &object.live[i], present))
            request->version_many[request->version_count++] = object.live[i];
    }
    request->versions = request->version_many;
    if (request->version_count > 0 && request_shows_siblings(request)) {
        request->status = REQUEST_OK;
        return;
    }
    answer_from_newest(request, object_newest(&object), present);
    if (request->status == REQUEST_MISS)
        request->version_count = 0;
}

void read_answer(struct coordinator *coordinator, struct request *request)
{
    uint32_t live_count = 0;
    if (request->record == NULL) {
        request->status = REQUEST_MISS;
        return;
    }
    if (record_newest(blob_bytes(request->record), &request->version_one, &live_count) != RECORD_OK) {
        fail_corrupt(request);
        return;
    }
    struct replica_present present = replica_present_at(coordinator->replica, coordinator->now);
    if (live_count == 0) {
        request->status = REQUEST_MISS;
    } else if (live_count == 1) {
        answer_from_newest(request, &request->version_one, &present);
        request->versions = &request->version_one;
        request->version_count = request->status == REQUEST_OK ? 1 : 0;
    } else {
        answer_siblings(coordinator, request, &present);
    }
}

bool read_needs_update(const struct coordinator *coordinator, const struct request *request)
{
    if (request->status == REQUEST_MISS)
        return request->vivify;
    if (request->status != REQUEST_OK)
        return false;
    if (request->win_sent || (!request->claims && !request->recache))
        return false;
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    return (request->claims && request->stale) || read_is_recache_due(request, request->versions[0].expiry_ms, now_ms);
}

/* As in memcached, whose seconds are whole: an item set for 30 s a moment ago still has 30. */
bool read_is_recache_due(const struct request *request, uint64_t expiry_ms, uint64_t now_ms)
{
    if (!request->recache || expiry_ms == 0)
        return false;
    uint64_t left_s = expiry_ms <= now_ms ? 0 : (expiry_ms - now_ms + 999) / 1000;
    return left_s < request->recache_ttl_s;
}
