/* The negative controls, by what they tamper with; a NULL name ends each list. Within the room. */
#ifndef SIMULATOR_CONTROLS_H
#define SIMULATOR_CONTROLS_H

#include "simulator/tamper.h"

extern const struct control controls_of_messages[]; /* controls_messages.c */
extern const struct control controls_of_replies[];  /* controls_replies.c: what clients hear, timers, tables */
extern const struct control controls_of_stores[];   /* controls_stores.c */

extern const struct control controls_of_rules[]; /* controls_rules.c: what survives, who counts, what is dead */

#endif
