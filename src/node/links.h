/* A link as its node sees it. Within the room. */
#ifndef NODE_LINKS_H
#define NODE_LINKS_H

#include "base/list.h"
#include "coordinator/coordinator.h"
#include "message/data.h"
#include "message/frame.h"
#include "message/link.h"
#include "node/node.h"
#include "node/once.h"

struct node_link {
    struct list all; /* node->links */
    struct node *node;
    struct link *link;             /* NULL: it is down, and the registers are still being stored */
    uint64_t serial;               /* 1, 2, 3 ... of this node's links */
    bool is_greeted;               /* the other's registers and clock are known here, and durably */
    struct flush_registers theirs; /* in the last greeting or reply */

    /* What the other end's greeting brought is being stored. */
    struct registers_write write;
    bool is_storing;

    /* Of a dialled link. */
    bool is_disbelieved;        /* the last reply to a greeting refused the registers of this process */
    uint64_t greet_at_ns;       /* until it is greeted: when to greet again */
    uint64_t forwards_numbered; /* the last number */
    struct list forwards;       /* of struct forward's legs: waiting for a reply on it, oldest first */

    /* Of an accepted link. */
    struct once once;
    struct list serves; /* struct serve: under way for the other end */
    unsigned serve_count;
    uint64_t serve_bytes;
};

static inline struct node_link *node_link_of(const struct link *link)
{
    return link->room;
}

/* A GREETING has come. false: it is malformed, or from another cluster. */
bool greeting_receive(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);
/* The registers have been stored. */
void greeting_on_stored(struct node *node, struct instant now, struct store_op *op);
/* Repeats greetings that are due. */
void greeting_tick(struct node *node, struct instant now);

#endif
