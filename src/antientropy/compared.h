/* Since when each copy of this node is known to be like the other owners': Dynamo 4.7 with [R3] and [R9].
 *
 * When an exchange with another owner of a partition is complete, what this node had when the exchange began is there,
 * and what that owner had when it began is here. Each of the two notes when that was, by its own clock, so clocks are
 * never compared. A partition's flags (replica/standing.h) go when this is later than the last mark for every other
 * owner. */
#ifndef ANTIENTROPY_COMPARED_H
#define ANTIENTROPY_COMPARED_H

#include "replica/standing.h"
#include "ring/ring.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stdint.h>

struct compared_row {
    uint32_t owners[RING_COPIES_MAX];      /* ids, in the order of the preference list; 0 behind the last */
    hybrid_time since[RING_COPIES_MAX];    /* of each: when the last complete exchange began; 0: there was none */
    hybrid_time horizons[RING_COPIES_MAX]; /* of each: the highest that it has told of */
    hybrid_time inherits;                  /* to be taken over, 0: nothing is */
    hybrid_time awaits;                    /* the same, when the checkpoint that is awaited has come */
    uint64_t marks;                        /* as they were when last looked at */
    hybrid_time marked;                    /* when that was found to have changed */
    bool is_owned;
};

struct compared {
    struct compared_row *rows; /* one for each partition */
    uint32_t partitions;
    uint32_t self; /* id */
    struct standing *standing;
    bool inherits; /* some row does: see compared_await */
};

/* Knows of no partition until compared_set_view; `standing` is borrowed, `self` the id of this node. */
void compared_init(struct compared *compared, struct standing *standing, uint32_t self);
/* Gives back what it holds. */
void compared_close(struct compared *compared);
/* What is known of pairs that are still owners is kept. `now`: a new time. */
void compared_set_view(struct compared *compared, const struct ring_view *view, int self, hybrid_time now);
/* Looks for new marks, which count as made `now` (a new time). To be called before a time is drawn with which an
 * exchange begins. Where there is no other owner they are cleared. */
void compared_look(struct compared *compared, hybrid_time now);
/* An exchange of this partition with that owner is complete; `began` by this node's clock. Clears what can be cleared.
 */
void compared_note(struct compared *compared, uint16_t partition, uint32_t owner, hybrid_time began);
/* Its copy has this horizon. What it compares from now on contains everything that lives from before, so when this
 * node's copy has been refilled (doubtful no more) the highest of the others' is its own: else what they know to be
 * dead would come back after they, too, have been lost, one after the other. A doubtful copy with a lower horizon stays
 * doubtful until it has taken it over, and what it holds has to be on the disk by then: a loss of power must not leave
 * a horizon behind without what lives before it. */
void compared_hear(struct compared *compared, uint16_t partition, uint32_t owner, hybrid_time horizon);
/* All rows that inherit wait for a checkpoint, which is to be asked for behind this. */
void compared_await(struct compared *compared);
/* It has come: those copies take over their horizons, and their flags go unless they have been marked meanwhile. */
void compared_inherit(struct compared *compared);
/* Does this node own it, and has every other owner been compared in an exchange that began after `since`? */
bool compared_with_all_since(const struct compared *compared, uint16_t partition, hybrid_time since);
/* Is there a partition, doubtful or behind, that has still to be compared with that owner? */
bool compared_needs(const struct compared *compared, uint32_t owner);
/* When the oldest of the last complete exchanges with that owner began, over the partitions shared with it; 0: one has
 * never been compared, or none is shared. */
hybrid_time compared_oldest(const struct compared *compared, uint32_t owner);
/* Do both own it? */
bool compared_shares(const struct compared *compared, uint16_t partition, uint32_t owner);

#endif
