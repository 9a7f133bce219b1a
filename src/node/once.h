/* At most once for each numbered request of a link: a sliding window of the numbers that have come. Within the room.
 *
 * The other end numbers its requests 1, 2, 3 ... and may leave some out. A number that has come before is known again;
 * one that has fallen behind the window counts as having come, for nobody can tell. */
#ifndef NODE_ONCE_H
#define NODE_ONCE_H

#include <stdbool.h>
#include <stdint.h>

/* On a connection numbers come in order; a network that lets more than this many overtake one loses it. */
enum { ONCE_WINDOW = 16384 };

/* Zero-initialise. */
struct once {
    uint64_t newest;
    uint64_t seen[ONCE_WINDOW / 64]; /* bit n % ONCE_WINDOW: of the numbers newest - ONCE_WINDOW + 1 .. newest */
};

/* Has this number come for the first time? It is then remembered. 0 is no number. */
bool once_take(struct once *once, uint64_t number);

#endif
