/* Requests on their way to another coordinator, and the attempts of each that may still be answered. Within the room.
 */
#ifndef NODE_FORWARD_LEGS_H
#define NODE_FORWARD_LEGS_H

#include "node/links.h"
#include "node/node.h"

enum {
    FORWARD_BUCKETS = 4096,   /* of the table by number, a power of two */
    FORWARD_LEGS = 3,         /* attempts of one request that may be answered yet; of more the oldest is given up */
    FORWARD_PAUSE_MS_MIN = 10 /* before a member that knows another ring table is asked again */
};

/* One attempt that may still be answered: a number on a link. */
struct leg {
    struct leg *next; /* in its bucket */
    struct forward *forward;
    struct node_link *via; /* NULL: not in use */
    struct list of_link;
    uint64_t number; /* on `via` */
    uint64_t sent_ns;
    uint64_t peer_replies; /* that the peer had given by then */
};

struct forward {
    struct list all; /* the table's */
    struct request *request;
    struct leg legs[FORWARD_LEGS];
    struct leg *newest; /* whose answer is waited for; NULL: it waits for again_at_ns, a newer view or an old answer */
    uint64_t again_at_ns;
    uint32_t pause_ms;
    uint64_t tried_epoch;             /* of the view by which request->tried have been tried */
    enum request_status refusal;      /* of the last member that certainly did nothing; REQUEST_OK: none has said so */
    enum request_failure refused_for; /* REQUEST_FAILED */
};

struct forward_table {
    struct pool pool;
    struct list all;
    unsigned count;
    uint64_t wake_at_ns; /* not later than what is due first */
    struct leg *buckets[FORWARD_BUCKETS];
};

/* Begins to keep a request, and no longer keeps it: answers to its attempts are late from here on. */
struct forward *forward_begin(struct node *node, struct request *request);
void forward_end(struct node *node, struct forward *forward);
/* Raises an alarm not later than this. */
void forward_wake_by(struct forward_table *table, uint64_t at_ns);

/* A new attempt on a link, with the link's next number: the newest of its request. */
struct leg *leg_attach(struct forward_table *table, struct instant now, struct forward *forward, struct node_link *via);
/* Waits for no reply any more. */
void leg_give_up(struct forward_table *table, struct leg *leg);
/* Whose attempt a reply on this link answers; NULL: nobody's, it is late. */
struct leg *legs_find(struct forward_table *table, const struct node_link *via, uint64_t number);
/* May any attempt be answered yet? */
bool forward_has_legs(const struct forward *forward);

#endif
