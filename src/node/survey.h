/* Are all copies of some partitions the same at this moment? Asks every member for the roots of its copies' trees, for
 * `ringctl verify`. One look proves nothing while clients write: two members answer at two moments. Whoever surveys
 * takes out of `wanted` what was seen to be the same and asks again for the rest; docs/ringctl.md. */
#ifndef NODE_SURVEY_H
#define NODE_SURVEY_H

#include "message/survey.h"
#include "node/node.h"

struct node_link;

enum survey_outcome {
    SURVEY_ANSWERED,
    SURVEY_UNREACHABLE,
    SURVEY_OTHER_TABLE /* it has another table than this node had */
};

struct survey_member {
    uint32_t node;
    enum survey_outcome outcome;
    uint64_t hints;    /* that it keeps for others */
    uint32_t doubtful; /* of its copies of the partitions that were wanted */
    uint32_t behind;
    uint32_t questions; /* to be answered still; the survey's own */
};

struct survey {
    /* Set by the caller; borrowed until node_survey_finish. */
    const struct partition_set *wanted; /* of as many partitions as the ring has */
    void (*done)(struct survey *);      /* as request->done */
    void *owner;
    /* The answer, until node_survey_finish. */
    uint64_t epoch;
    uint32_t member_count, owner_count; /* of the view of that epoch */
    struct survey_member *members;      /* in the order of the view */
    uint64_t *roots;                    /* of partition p at the n-th of its owners: [p * owner_count + n] */
    bool *known;                        /* is that root? */
    /* The node's own. */
    uint32_t waiting; /* answers */
    uint64_t serial, deadline_ns;
    struct queue_node link;
};

/* Begins to ask; `done` is called by a later call of the node. */
void node_survey(struct node *node, struct instant now, struct survey *survey);
/* Frees the answer; not while it is under way. */
void node_survey_finish(struct survey *survey);
/* Have all owners been seen to have the same of this partition? For a survey that is done. */
bool survey_is_same(const struct survey *survey, uint32_t partition);

/* Within the room. */
bool survey_receive(struct node *node, struct node_link *link, const struct frame *frame); /* the question */
bool survey_on_reply(struct node *node, struct node_link *link, const struct frame *frame);
void survey_on_peer_lost(struct node *node, uint32_t peer);
void survey_tick(struct node *node, struct instant now);
uint64_t survey_wake_at(const struct node *node);
/* Calls `done` of those that have all they wait for. */
void survey_end(struct node *node);

#endif
