/* Negative controls: a run in which one thing is made to go wrong, behind the back of the code under test, that one
 * check must catch. A check that cannot fail shows nothing. */
#ifndef SIMULATOR_TAMPER_H
#define SIMULATOR_TAMPER_H

#include "base/bytes.h"
#include "ring/ring.h"
#include "simulator/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct world;
struct client;
struct endpoint;
struct machine;
struct parcel;
struct control;

/* What may be tampered with. */
struct control {
    const char *name;
    const char *what;                  /* is made to go wrong, as a sentence for people */
    const char *check;                 /* that must catch it */
    void (*adjust)(struct plan *plan); /* so that there is something to tamper with; NULL */
    /* A frame that is about to be sent. NULL: it never arrives; else a parcel that the caller releases. */
    struct parcel *(*frame)(struct world *world, struct endpoint *end, struct bytes data);
    /* A view that is about to be published. */
    struct ring_view *(*view)(struct world *world, struct machine *machine, struct ring_view *view);
    /* What a node has written to a client. */
    void (*reply)(struct world *world, struct client *client, struct bytes data);
    /* Now and then while clients are at work. */
    void (*meddle)(struct world *world);
    bool drops_ticks;
    bool drops_requests; /* what clients send gets lost now and then, but not their connections */
    bool unlimits;       /* links take requests without limit */
    bool founds_alone;   /* the second node and the third know no seeds */
    bool loses_logs;     /* of a killed process what was not synced is lost */
    bool syncs_lie;      /* disks say that they have synced, and have not */
    bool flips_nothing;  /* frames are taken for damaged that are not */
};

struct tamper {
    const struct control *control; /* NULL: nothing is tampered with */
    uint64_t done;                 /* how often something was */
};

/* The control of this name, NULL: there is none. */
const struct control *tamper_find(const char *name);
/* All controls; NULL ends. */
const struct control *tamper_number(unsigned number);
/* Takes effect in this world, whose only check is then the one that must catch it. Before anything has started. */
void tamper_choose(struct world *world, const struct control *control);

/* Where the simulator lets itself be tampered with; without a control these do what they should. */
struct parcel *tamper_frame(struct world *world, struct endpoint *end, struct bytes data);
struct ring_view *tamper_view(struct world *world, struct machine *machine, struct ring_view *view);
void tamper_reply(struct world *world, struct client *client, struct bytes data);
bool tamper_unlimits(const struct world *world);
bool tamper_founds_alone(struct world *world, const struct machine *machine);
bool tamper_loses_logs(struct world *world);
bool tamper_lets_syncs_lie(struct world *world);
bool tamper_flips_nothing(struct world *world);
bool tamper_drops_tick(const struct world *world);
bool tamper_drops_request(struct world *world);

#endif
