#include "storage/lock.h"

static void nothing(struct lock *lock)
{
    (void)lock;
}

const struct lock_ops lock_none = {.init = nothing, .take = nothing, .give = nothing, .close = nothing};
