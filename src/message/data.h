/* What coordinators and replicas say to each other, Dynamo 4.5: read, write, flush, and the greeting before them.
 *
 * Encoders append one whole frame; a field out of its range is a programmer's error (CHECK). Decoders take a frame of
 * their type, check every field and the tail's checksum; what they return points into the frame. false: the message is
 * malformed (or of another type), close the link; *m is undefined then. Ranges that depend on the ring's table or on
 * the other node's state (epoch, partition, cluster) are the receiver's to check. docs/messages.md has the bytes. */
#ifndef MESSAGE_DATA_H
#define MESSAGE_DATA_H

#include "base/blob.h"
#include "message/frame.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stdint.h>

enum { MESSAGE_KEY_MAX = 250 }; /* bytes of a client's key; at least 1 */

/* What stands between a node and any data of another [R7]. */
struct flush_registers {
    hybrid_time flushed; /* versions written at or before it are dead, for ever */
    hybrid_time pending; /* of a delayed flush_all, 0: none */
    hybrid_time issued;  /* when `pending` was commanded: the last command wins */
};

struct message_greeting {
    uint64_t epoch; /* of the sender's view */
    uint64_t cluster;
    hybrid_time clock;
    struct flush_registers flush;
    bool is_reply;
    bool is_disbelieved; /* of a reply: the registers of the greeting are too far ahead to be taken over [R2] */
};

/* Give me your object, or say that it is the same as mine. */
struct message_read {
    uint64_t id; /* the asker's; comes back in the reply */
    uint64_t epoch;
    uint16_t partition;
    uint32_t hash;        /* hash_of_key(key): not sent, computed when decoded, so that it is never another key's */
    bool has_fingerprint; /* else the object is wanted in any case */
    bool peek;            /* does not count as a use of the item */
    uint64_t fingerprint; /* object_fingerprint of the asker's copy, 0: it has none; 0 without has_fingerprint */
    struct bytes key;
};

enum message_status {
    MESSAGE_OK,          /* READ: the object is in the tail. WRITE, FLUSH: stored at the wanted durability */
    MESSAGE_SAME,        /* READ: mine has the fingerprint that you sent (none here too, when it was 0) */
    MESSAGE_ABSENT,      /* READ: no record here, and you have one */
    MESSAGE_STALE_EPOCH, /* your view is older than mine: `epoch` says which one I have. Nothing was done */
    MESSAGE_FULL,        /* WRITE: no space; nothing was changed */
    MESSAGE_FAILED,      /* the record is corrupt or the disk failed */
    MESSAGE_HELD,        /* WRITE: refused while a change of the ring is being decided; nothing was changed */
    MESSAGE_DEAD,        /* WRITE: what was sent is at or before my horizon and not here: it is dead [R3] */
    MESSAGE_STATUSES
};

struct message_read_reply {
    uint64_t id, epoch;
    enum message_status status;
    uint32_t idle_s; /* of the item, 0 when unknown */
    bool fetched_before;
    bool is_doubtful; /* acknowledged writes may be missing here: merge it, do not count it [R9] */
    bool is_hint;     /* no owner answers: with a record it counts, "absent" does not [R9] */
    hybrid_time
        horizon; /* of the answering owner for this partition, part of the object's context [R3]; a hint's is 0 */
    struct bytes record; /* MESSAGE_OK; verified. Empty with any other status */
};

/* Merge this object into yours. */
struct message_write {
    uint64_t id, epoch;
    uint16_t partition;
    uint32_t hash;          /* as in message_read */
    uint8_t durability;     /* enum durability */
    bool is_repair;         /* read repair: not a client's write */
    bool keeps_use;         /* the item is still the one that it was (touch, incr) */
    bool is_use;            /* and it has been used (gets that change something, touch) */
    uint32_t stands_in_for; /* id of the owner for whom to keep this as a hint; 0: you are an owner [4.6] */
    hybrid_time horizon;    /* of the sending owner's copy [R3]; 0 from one who is none */
    struct bytes key;
    struct bytes record; /* verified when decoded */
};

struct message_write_reply {
    uint64_t id, epoch;
    enum message_status status;
    /* The time of a version that is later than the sender's newest and not overwritten by it: in a last-write-wins
     * bucket it has won, in others the sender's is there, behind it. 0: the sender's is the newest, or overwritten. The
     * coordinator restamps its version above it [R2]. */
    hybrid_time winner;
};

/* flush_all over the whole ring [R7]: first ask for clocks (flushed and pending 0; is the time in
 * `issued` believed? MESSAGE_FAILED: it is too far ahead), then store the registers. */
struct message_flush {
    uint64_t id;
    struct flush_registers registers;
};

struct message_flush_reply {
    uint64_t id;
    enum message_status status;
    hybrid_time clock; /* the highest hybrid time that the sender knows */
};

/* Encoders, as told above. The chain takes its own references; records and keys are the caller's again on return. */
void message_write_greeting(struct chain *out, const struct message_greeting *m);
void message_write_read(struct chain *out, const struct message_read *m);
/* `blob`: what m->record lies in, or NULL. */
void message_write_read_reply(struct chain *out, const struct message_read_reply *m, struct blob *blob);
void message_write_write(struct chain *out, const struct message_write *m, struct blob *blob);
void message_write_write_reply(struct chain *out, const struct message_write_reply *m);
void message_write_flush(struct chain *out, const struct message_flush *m);
void message_write_flush_reply(struct chain *out, const struct message_flush_reply *m);

/* Decoders, as told above: false is malformed. */
bool message_read_greeting(const struct frame *frame, struct message_greeting *m);
bool message_read_read(const struct frame *frame, struct message_read *m);
bool message_read_read_reply(const struct frame *frame, struct message_read_reply *m);
bool message_read_write(const struct frame *frame, struct message_write *m);
bool message_read_write_reply(const struct frame *frame, struct message_write_reply *m);
bool message_read_flush(const struct frame *frame, struct message_flush *m);
bool message_read_flush_reply(const struct frame *frame, struct message_flush_reply *m);

#endif
