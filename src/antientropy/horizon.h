/* How the horizon rises [R3]: the first owner of each partition sees to it, for all of its partitions together.
 *
 * - ask: t = now - grace. Every member of the ring says that its clock is past t, so that nothing at or before t will
 *   be written any more, and of which partitions it keeps hints: these have to wait.
 * - compare: Every owner hears of the time after all these answers, and says when that was by its own clock (`since`).
 *   Then it is asked again and again until its copy has been compared with every other owner's in an exchange that
 *   began after `since`. What was anywhere before is then at all owners.
 * - mark: Every owner's store makes a mark behind what these exchanges have brought,
 * - keep: and checkpoints up to it: what is counted on is on the disk.
 * - set: Every owner raises its horizon to t.
 *
 * Nothing of it is remembered by those who answer; whatever goes wrong ends the attempt, and the next one begins anew.
 * An owner that has been started again meanwhile (another run), or sees another table, or has become doubtful, refuses.
 */
#ifndef ANTIENTROPY_HORIZON_H
#define ANTIENTROPY_HORIZON_H

#include "base/instant.h"
#include "message/antientropy.h"

enum horizon_phase { HORIZON_REST, HORIZON_ASK, HORIZON_COMPARE, HORIZON_MARK, HORIZON_KEEP, HORIZON_SET };

struct horizon_member {
    uint32_t node;
    bool is_owner;              /* of some of the partitions: the others are only asked for their hints */
    bool is_done;               /* with this phase */
    uint64_t id;                /* of the question under way, 0: none */
    uint64_t asked_ns, sent_ns; /* when it was sent first, and last */
    uint64_t next_ns;           /* when the next one is to be sent */
    uint64_t run;
    hybrid_time since;
    uint64_t mark;
    struct partition_set compared;
};

struct horizon_driver {
    enum horizon_phase phase;
    hybrid_time horizon, after;
    struct partition_set partitions; /* of which it is to rise */
    struct horizon_member *members;
    uint32_t count;    /* of members */
    uint64_t phase_ns; /* when it began */
    uint64_t next_ns;  /* when the next attempt begins, while at rest */
    uint64_t wake_ns;
    uint64_t raised; /* attempts that came to their end */
    char held_back_by[160];
};

struct antientropy;

/* At rest. */
void horizon_init(struct horizon_driver *driver);
/* Ends what is under way. */
void horizon_close(struct horizon_driver *driver);
/* Ends what is under way; `why` as in held_back_by. */
void horizon_give_up(struct antientropy *a, struct instant now, const char *why);
void horizon_go_on(struct antientropy *a, struct instant now);
void horizon_on_peer_down(struct antientropy *a, struct instant now, uint32_t node);

/* Within the driving side. */

/* The same as horizon_give_up: what `node` has done, or not. */
void horizon_give_up_for(struct antientropy *a, struct instant now, const char *what, uint32_t node);
/* Initialises `owned`: which of the partitions the member owns. */
void horizon_owned_by(const struct antientropy *a, const struct horizon_member *member, struct partition_set *owned);
void horizon_wake_by(struct horizon_driver *driver, uint64_t at_ns);

/* horizon_ask.c: what the members are asked in each phase, and what their answers mean. */

/* Asks whoever has an answer to give and is due; an answer or a silence may end the attempt. */
void horizon_ask_members(struct antientropy *a, struct instant now);
/* false: it is malformed. */
bool horizon_receive_answer(struct antientropy *a, struct instant now, uint32_t from, const struct frame *frame);

/* horizon_answer.c: what any member says to it. */
bool horizon_answer(struct antientropy *a, struct instant now, struct chain *out, const struct frame *frame);
/* The same without messages, for the driver's own part in it. */
struct message_horizon_compared_reply horizon_compare(struct antientropy *a, struct instant now,
                                                      const struct message_horizon_compared *m,
                                                      struct partition_set *compared);
enum repair_status horizon_set(struct antientropy *a, const struct message_horizon_set *m);
void horizon_hints(const struct antientropy *a, const struct partition_set *asked, struct partition_set *hints);

#endif
