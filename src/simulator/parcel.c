#include "simulator/parcel.h"

#include "base/check.h"

#include <stdlib.h>

struct parcel *parcel_new(struct bytes data)
{
    struct parcel *parcel = calloc(1, sizeof *parcel + data.len);
    CHECK_MEMORY(parcel);
    parcel->references = 1;
    parcel->len = data.len;
    if (data.len != 0)
        memcpy(parcel->at, data.at, data.len);
    return parcel;
}

struct parcel *parcel_retain(struct parcel *parcel)
{
    parcel->references++;
    return parcel;
}

void parcel_release(struct parcel *parcel)
{
    if (parcel != NULL && --parcel->references == 0)
        free(parcel);
}
