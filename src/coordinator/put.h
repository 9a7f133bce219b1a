/* The rounds of writes and read-modify-writes, Dynamo 4.5 with [R1], [R2], [R9], [R10]. Within the room. */
#ifndef COORDINATOR_PUT_H
#define COORDINATOR_PUT_H

#include "coordinator/round.h"

/* Starts anything that may write: at once where this node is the only owner, else as a round. */
void put_start(struct coordinator *coordinator, struct request *request);
/* The local read or update has come back, in request->op. */
void put_on_local(struct coordinator *coordinator, struct request *request);

/* As in get.h; round->writes counts the answers to WRITEs. `winner`: see message_write_reply. */
void put_on_read(struct round *round, unsigned place);
void put_on_write(struct round *round, unsigned place, hybrid_time winner);
/* The round's own op, a restamp, has come back. */
void put_on_restamped(struct round *round);
void put_on_hedge(struct round *round);
/* The node at `place`, which owes an answer, has fallen silent. */
void put_on_silence(struct round *round, unsigned place);
void put_on_deadline(struct round *round);
void put_on_view(struct round *round);

#endif
