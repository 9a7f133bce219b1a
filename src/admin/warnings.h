/* What an operator should look at. Within the room. */
#ifndef ADMIN_WARNINGS_H
#define ADMIN_WARNINGS_H

#include "admin/report.h"

enum {
    WARN_ENGINE_PERCENT = 80,
    WARN_CLOCK_MS = 10000 /* a sixth of what is no longer taken over from another node */
};

/* An array of sentences. */
json_t *warnings_of(const struct status_source *source);

#endif
