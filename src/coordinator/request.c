#include "coordinator/request.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void request_init(struct request *request, enum request_kind kind, struct bytes key, request_done *done, void *owner)
{
    CHECK(key.len <= REQUEST_KEY_MAX);
    memset(request, 0, offsetof(struct request, version_one));
    request->version_many = NULL;
    request->kind = kind;
    request->done = done;
    request->owner = owner;
    request->key_len = (uint16_t)key.len;
    if (key.len != 0)
        memcpy(request->key, key.at, key.len);
}

const char *request_failure_text(enum request_failure failure)
{
    switch (failure) {
    case FAILURE_CORRUPT:
        return "stored record is corrupt";
    case FAILURE_DISK_READ:
        return "cannot read the data file";
    case FAILURE_DISK_WRITE:
        return "cannot read or write the data files";
    case FAILURE_NO_QUORUM:
        return "too few replicas are up";
    case FAILURE_TIMEOUT:
        return "too few replicas answered in time, outcome unknown";
    case FAILURE_LOST:
        return "lost the node that coordinated the request, outcome unknown";
    case FAILURE_HELD:
        return "the ring is changing, try again";
    case FAILURE_BUSY:
        return "too many requests are under way, try again";
    case FAILURE_CLOCK:
        return "the clock of this node is too far ahead of the others";
    case FAILURE_NONE:
    case REQUEST_FAILURES:
        break;
    }
    return "unknown failure";
}

void request_finish(struct request *request)
{
    blob_release(request->record);
    request->record = NULL;
    free(request->version_many);
    request->version_many = NULL;
    request->versions = NULL;
    request->version_count = 0;
}
