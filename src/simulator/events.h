/* What happens next: one event at a time, the lowest virtual time first, ties in the order in which they were made. */
#ifndef SIMULATOR_EVENTS_H
#define SIMULATOR_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct parcel;

enum { EVENT_OF_NOBODY = -1 };

struct event {
    uint64_t at_ns;
    uint64_t sequence;
    /* Runs the event. `object` lives as long as the world; whether it still is what it was, the generation tells. */
    void (*run)(struct world *world, const struct event *event);
    void *object;
    uint64_t generation;
    struct parcel *parcel; /* travelling bytes that the event owns, or NULL */
    int machine;           /* whose event it is: it waits while that machine is paused; or EVENT_OF_NOBODY */
    int detail;            /* the handler's own */
};

/* A binary heap. */
struct events {
    struct event *heap;
    size_t count, room;
    uint64_t next_sequence;
};

/* Nothing is to happen. */
void events_init(struct events *events);
/* Drops what has not happened; parcels are freed. */
void events_close(struct events *events);

/* Adds an event; its sequence is set here. Events may not be added in the past of those taken: the caller sees to it.
 */
void events_add(struct events *events, struct event event);
/* Takes the next event; false when there is none. */
bool events_take(struct events *events, struct event *out);

#endif
