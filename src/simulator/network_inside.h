/* What the files of the network share. Within network*.c.
 *
 * - network.c: the rates, what slows frames down or spoils them, and its end
 * - network_connections.c: connections are dialled, come up at both ends, break
 * - network_frames.c: what a link writes is cut into frames, and each meets its fate
 * - network_datagrams.c: messages of the membership plane
 * - network_names.c: what frames are called in traces */
#ifndef SIMULATOR_NETWORK_INSIDE_H
#define SIMULATOR_NETWORK_INSIDE_H

#include "base/chain.h"
#include "simulator/events.h"
#include "simulator/network.h"

enum { NETWORK_FRAME_BYTES_MAX = 32 << 20 };

/* How long a frame takes from one machine to the other. */
uint64_t network_draw_delay_ns(struct world *world, unsigned from, unsigned to);
/* The same for one that others overtake. */
uint64_t network_draw_overtaken_ns(struct world *world, uint64_t delay_ns);
/* Does what happens to so many of a million happen now? */
bool network_draw_ppm(struct world *world, uint32_t rate);
/* The same bytes, or a copy with one bit turned over: takes over the caller's reference and gives one. */
struct parcel *network_flip_maybe(struct world *world, struct parcel *parcel);
/* All bytes of the chain in one piece, in `memory`, which the caller frees. */
struct bytes network_flatten(const struct chain *chain, uint8_t **memory);

/* The same connection, seen from where its other side is. */
struct endpoint *connection_other_end(struct endpoint *end);
/* The connection carries nothing any more; each end learns of it by itself. */
void connection_go_down(struct world *world, struct connection *connection);
/* An event at this end, for its machine. */
struct event connection_event(struct endpoint *end, void (*run)(struct world *, const struct event *));
/* Is it still the connection that such an event was meant for? */
bool connection_is_current(const struct endpoint *end, uint64_t generation);

/* The type of a message, for people. */
const char *network_name_of_frame(uint8_t type);
/* What a write was answered, for people; "" for other frames. */
const char *network_answer_of_frame(struct bytes data);

#endif
