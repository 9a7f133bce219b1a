/* The rounds of gets, Dynamo 4.5 with [R9]. Within the room. */
#ifndef COORDINATOR_GET_H
#define COORDINATOR_GET_H

#include "coordinator/round.h"

/* Submits the local read. */
void get_start(struct coordinator *coordinator, struct request *request);
/* It has come back, in request->op. */
void get_on_local(struct coordinator *coordinator, struct request *request);
/* A stand-in's read of a hint has come back. */
void get_on_kept(struct round *round);

/* The node at `place` has answered a READ, or will not: round->reads and places[place] say which. */
void get_on_read(struct round *round, unsigned place);
/* An answer to what is written back, or none: round->acknowledged says so. */
void get_on_write(struct round *round);
/* The local copy has been merged. */
void get_on_merged(struct round *round);
/* A hedge is due. */
void get_on_hedge(struct round *round);
/* A node that was asked has fallen silent. */
void get_on_silence(struct round *round);
void get_on_deadline(struct round *round);
/* The view has changed while WAITING. */
void get_on_view(struct round *round);

#endif
