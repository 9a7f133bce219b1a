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

void request_finish(struct request *request)
{
    blob_release(request->record);
    request->record = NULL;
    free(request->version_many);
    request->version_many = NULL;
    request->versions = NULL;
    request->version_count = 0;
}
