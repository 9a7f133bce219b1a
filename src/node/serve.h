/* What other nodes ask of this one, Dynamo 4.5. Within the room.
 *
 * Each of their requests is a serve, from its frame to its reply, embedded operations and all. A link that goes down
 * leaves its serves behind: they end, and nobody is told. */
#ifndef NODE_SERVE_H
#define NODE_SERVE_H

#include "hints/hints.h"
#include "message/data.h"
#include "message/frame.h"
#include "node/links.h"
#include "node/node.h"
#include "replica/merge.h"

enum { SERVE_VALUE_INLINE = 512 }; /* bytes of a forwarded value that need no memory of their own */

/* A READ at a node that is no owner: what it keeps for those who are, one after the other. */
struct hints_read {
    struct store_op op;
    struct bytes client_key; /* the serve's */
    uint32_t owners[RING_COPIES_MAX];
    unsigned left; /* owners that have not been looked for */
    struct blob *records[RING_COPIES_MAX];
    unsigned found;
    bool failed;
    uint8_t key[HINT_KEY_MAX];
};

struct serve {
    struct list of_link;
    struct node *node;
    struct node_link *link; /* NULL: it is down */
    uint64_t id;            /* of the request; goes back with the reply */
    uint64_t fingerprint;   /* READ */
    bool has_fingerprint;
    hybrid_time horizon; /* READ: of this node's copy, from before the record was read */
    bool is_doubtful;    /* READ: of the own copy, before it was read */
    size_t bytes;        /* counted in link->serve_bytes */
    uint8_t key[REQUEST_KEY_MAX];
    union {
        struct store_op read;
        struct replica_merge merge; /* WRITE */
        struct hint_write hint;     /* WRITE for an owner that is down */
        struct hints_read hints;
        struct registers_write registers;
    };
};

/* A FORWARD: larger, for it holds a whole request. */
struct forwarded {
    struct serve serve;
    struct request request;
    struct pair *pairs;    /* of a context that came along; malloc'd */
    uint8_t *value_memory; /* malloc'd unless the value fits into `value` */
    uint8_t value[SERVE_VALUE_INLINE];
};

/* A frame from an accepted, greeted link; each in its own right. false: malformed. */
bool serve_read(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);
bool serve_write(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);
bool serve_flush(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);
bool serve_forward(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);

/* An op with the mark NODE_OP_READ, _WRITE, _FLUSH, _HINT_READ or _HINT_WRITE has come back. */
void serve_on_stored(struct node *node, struct instant now, struct store_op *op);

/* serve_hints.c: begins the reading of hints; false: there are none, and nothing has begun. */
bool serve_hints_begin(struct node *node, struct instant now, struct serve *serve, struct bytes key, uint16_t partition,
                       uint32_t hash);
/* One has been read. true: it was the last; *record is what there is (a reference that the caller releases), NULL:
 * nothing, or with serve->hints.failed it could not be read. */
bool serve_hints_on_read(struct node *node, struct instant now, struct serve *serve, struct blob **record);
/* Its serves go on; their replies are dropped. */
void serve_on_link_down(struct node_link *link);

/* May the link have one more serve under way that holds `bytes`? */
bool serve_has_room(struct node *node, const struct node_link *link, size_t bytes);
/* Joins a link's serves, and leaves them. */
void serve_begin(struct serve *serve, struct node *node, struct node_link *link, uint64_t id, size_t bytes);
void serve_end(struct serve *serve);

/* A forwarded request that its coordinator gives back: coordinated here all the same, or not this node's at all. */
void serve_forward_reroute(struct node *node, struct instant now, struct request *request);
/* Is it one of serve_forward's? */
bool serve_forward_owns(const struct request *request);

#endif
