/* Which process each member is [R9]. Only one may be it at a time, and it must have the data directory that the member
 * last ran with, or the ring must know that it has not.
 *
 * A member knows one process of each other member: its incarnation, its data directory, how many processes have run on
 * that directory and how much had been stored in it. It is kept across its own restarts. A process that is not the
 * known one is heard only when it says who it is (RETURN, or JOIN without a table) and waits until the known one is
 * certainly gone: nothing has come from it for RUN_SILENT_MS while it was asked, or somebody else answers at its
 * address. While the known one answers, the other is refused.
 *
 * A process is taken for the member with a verdict. Its directory is an old copy if not more processes have run on it
 * than are known of, or if the known one is not among those that it remembers; it lacks something if it began with less
 * stored in it than the known one had told of. What gossip says through third parties is believed only where it is
 * certainly later. */
#ifndef MEMBERSHIP_RUNS_H
#define MEMBERSHIP_RUNS_H

#include "membership/inside.h"
#include "message/returning.h"

enum {
    RUN_SILENT_MS = MEMBERSHIP_DOWN_MS / 2, /* no sign of a process for so long: it is gone */
    RUN_PROBE_MS = 250,                     /* between two questions at its address */
    RUN_ANSWER_MS = 500,                    /* that an answer may take, however long nothing has been heard before */
    RUN_ANSWERED_MS = 250,                  /* between two answers to somebody who is not heard */
    RUN_CLAIM_MS = 10000                    /* a claim that has not been made again for so long is no news any more */
};

/* NULL when it is no member, or this node. */
struct known *runs_find(const struct membership *membership, uint32_t id);
/* A table is in force: its members are those of whom something is known. */
void runs_follow(struct membership *membership);

enum run_judgement {
    RUN_SAME,     /* the known process */
    RUN_FREE,     /* nothing is known, or the known one is gone: this one may be taken */
    RUN_CHECKING, /* nobody can tell yet */
    RUN_ALIVE     /* the known one is alive */
};
/* A process says at `peer` that it is that member. Asks the known one whether it is there. */
enum run_judgement runs_judge(struct membership *membership, struct instant now, struct known *known,
                              uint64_t incarnation, const char *peer);
/* The judgement of one that wants to be taken in, and its refusal as a sentence; NULL when it may come. */
const char *runs_fault(struct membership *membership, struct instant now, uint32_t id,
                       const struct message_sender *sender, char *text, size_t room);

/* May this message be heard? Notes the sign of life; answers who may not. */
bool runs_admits(struct membership *membership, struct instant now, const char *from, const struct frame *frame);
/* MESSAGE_RETURN. false: malformed. */
bool runs_on_return(struct membership *membership, struct instant now, const char *from, struct bytes head);
/* Somebody has answered at an address. */
void runs_on_probe_reply(struct membership *membership, struct instant now, const struct message_probe *m);
/* Gossip tells of another member's process. false: it is not to be believed. */
bool runs_hear(struct membership *membership, struct instant now, const struct gossip_entry *entry);

/* For people, in a row of the status; leaves the note as it is when there is nothing to say. */
void runs_note(const struct known *known, struct instant now, char *note, size_t room);

#endif
