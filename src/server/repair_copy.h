/* What the main thread's node knows of repair, for the loops that answer `stats`: copied once a second. */
#ifndef SERVER_REPAIR_COPY_H
#define SERVER_REPAIR_COPY_H

#include "admin/repair.h"
#include "node/node.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>

enum { REPAIR_COPY_MS = 1000 };

struct repair_copy {
    pthread_mutex_t lock;
    struct admin_repair repair; /* under the lock */
    struct node *node;          /* the repairing one, of the main thread */
    struct event timer;
    bool is_open;
};

/* On the main thread, whose node has been initialised. Zero-initialised, it may be closed. */
void repair_copy_open(struct repair_copy *copy, struct event_base *base, struct node *node);
void repair_copy_close(struct repair_copy *copy);
/* Copies now. Main thread. */
void repair_copy_refresh(struct repair_copy *copy);

/* What was copied last, until repair_copy_return. Any thread. */
const struct admin_repair *repair_copy_borrow(struct repair_copy *copy);
void repair_copy_return(struct repair_copy *copy);

#endif
