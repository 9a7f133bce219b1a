#include "coordinator/read.h"

#include "base/check.h"
#include "version/record.h"

#include <stdlib.h>
#include <string.h>

static void count_versions(struct coordinator *coordinator, uint32_t seen)
{
    uint32_t slot = seen < COORDINATOR_VERSIONS_SEEN ? seen : COORDINATOR_VERSIONS_SEEN - 1;
    coordinator_count(&coordinator->counters.reads_by_versions[slot]);
}

static void fail_corrupt(struct request *request)
{
    request->status = REQUEST_FAILED;
    request->failure = "stored record is corrupt";
}

/* Tells why the newest version is not shown. */
static void answer_miss(struct request *request, enum replica_sight sight)
{
    request->status = REQUEST_MISS;
    request->expired = sight == SIGHT_EXPIRED;
    request->flushed = sight == SIGHT_FLUSHED;
}

static void answer_from_newest(struct request *request, const struct version *newest,
                               const struct replica_present *present)
{
    enum replica_sight sight = replica_sight_of(newest, present);
    if (sight != SIGHT_VISIBLE) {
        answer_miss(request, sight);
        return;
    }
    request->status = REQUEST_OK;
    request->stale = (newest->marks & VERSION_STALE) != 0;
    request->win_sent = (newest->marks & VERSION_WIN_SENT) != 0 && !request->won;
}

/* The rare case: siblings. The visible ones are shown, newest first; the newest alone decides hit or miss [R6]. */
static void answer_siblings(struct coordinator *coordinator, struct request *request,
                            const struct replica_present *present)
{
    struct object object;
    arena_reset(&coordinator->scratch);
    if (record_decode(blob_bytes(request->record), &object, &coordinator->scratch) != RECORD_OK) {
        fail_corrupt(request);
        return;
    }
    answer_from_newest(request, object_newest(&object), present);
    request->version_many = malloc(object.live_count * sizeof *request->version_many);
    CHECK_MEMORY(request->version_many);
    for (uint32_t i = 0; i < object.live_count; i++) {
        if (replica_sight_of(&object.live[i], present) == SIGHT_VISIBLE)
            request->version_many[request->version_count++] = object.live[i];
    }
    request->versions = request->version_many;
}

void read_answer(struct coordinator *coordinator, struct request *request)
{
    uint32_t live_count = 0;
    if (request->record == NULL) {
        request->status = REQUEST_MISS;
        count_versions(coordinator, 0);
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
    count_versions(coordinator, request->version_count);
}

bool read_needs_update(const struct coordinator *coordinator, const struct request *request)
{
    if (request->status == REQUEST_MISS)
        return request->vivify;
    if (request->status != REQUEST_OK)
        return false;
    const struct version *shown = &request->versions[0];
    if (request->claims && request->stale && !request->win_sent)
        return true;
    if (!request->recache || request->win_sent || shown->expiry_ms == 0)
        return false;
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    return shown->expiry_ms < now_ms + request->recache_ttl_s * 1000;
}
