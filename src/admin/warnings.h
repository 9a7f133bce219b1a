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

/* By how many milliseconds a member's hybrid clock is before this node's, as far as gossip tells: when it was heard
 * of, ours was `heard_ms` younger. */
int64_t clock_lead_ms(const struct membership_row *row, const struct membership_row *self);

#endif
