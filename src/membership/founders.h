/* Who the founders are: the closure of the seed lists over what the seeds answer, and what is missing yet. */
#ifndef MEMBERSHIP_FOUNDERS_H
#define MEMBERSHIP_FOUNDERS_H

#include "membership/inside.h"

struct verdict {
    bool is_complete; /* nothing stands in the way of founding */
    enum membership_severity severity;
    char text[WAITS_FOR_BYTES]; /* what is waited for */
};

/* Brings the addresses to probe up to date with what the seeds have answered. */
void founders_follow(struct membership *membership);
/* Has the seed answered of late? */
bool founders_is_fresh(const struct seed *seed, struct instant now);
/* Do both wish for a ring of the same kind? The cluster ids are not compared. */
bool founders_same_wish(const struct ring_settings *a, const struct ring_settings *b);
/* What stands between this node and a ring? */
void founders_judge(struct membership *membership, struct instant now, struct verdict *verdict);
/* Writes the founders, sorted by id, to membership->founding.founders. All seeds have answered. */
void founders_list(struct membership *membership);

#endif
