/* A client's request on its way to a node that may coordinate it, and the answer on its way back, Dynamo 4.5. */
#ifndef MESSAGE_FORWARD_H
#define MESSAGE_FORWARD_H

#include "message/frame.h"
#include "version/object.h"

#include <stdbool.h>
#include <stdint.h>

/* Bits of message_forward.options: the switches of struct request (coordinator/request.h), in its order. */
enum forward_option {
    FORWARD_CLAIMS = 1 << 0,
    FORWARD_PEEK = 1 << 1,
    FORWARD_HAS_TOKEN = 1 << 2,
    FORWARD_HAS_EXPIRY = 1 << 3,
    FORWARD_INVALIDATE = 1 << 4,
    FORWARD_CREATE = 1 << 5,
    FORWARD_VIVIFY = 1 << 6,
    FORWARD_RECACHE = 1 << 7,
    FORWARD_RECACHE_FIRST = 1 << 8,
    FORWARD_SHOWS_SIBLINGS = 1 << 9, /* by the sender's bucket */
    FORWARD_OPTIONS_ALL = (1 << 10) - 1
};

/* How many values these enumerations of coordinator/request.h have, which lies above this floor: a larger number is
 * malformed. t/message/forward.c fails to compile when they differ. */
enum {
    FORWARD_KINDS = 10,   /* enum request_kind below REQUEST_FLUSH */
    FORWARD_STATUSES = 8, /* enum request_status */
    FORWARD_FAILURES = 10 /* REQUEST_FAILURES */
};

struct message_forward {
    uint64_t number; /* 1, 2, 3 ... on this link; each is carried out at most once. The reply names it */
    uint64_t epoch;
    uint32_t remaining_ms; /* until the client has had an answer: clocks differ, so deadlines travel as what is left */
    uint8_t kind;          /* enum request_kind, not REQUEST_FLUSH */
    uint16_t options;
    uint32_t flags;
    uint64_t expiry_ms, vivify_expiry_ms, recache_ttl_s, token, delta, initial, value_max;
    uint64_t request;       /* of a write: its second name [R10], version/object.h; 0: none */
    uint32_t attempt;       /* from 1; not sent without a request, and 0 when decoded */
    hybrid_time began;      /* the sender's clock at the first attempt: what the request writes is later; 0: not told */
    bool stands_in;         /* all owners before you are down for me: coordinate it although you are none [4.6] */
    bool knows_token;       /* `context` is what the token stood for, from the sender's token table */
    struct context context; /* decoded into the arena; empty without knows_token */
    struct bytes key, value;
};

/* Bits of message_forward_reply.marks. */
enum forward_mark {
    FORWARD_CREATED = 1 << 0,
    FORWARD_FETCHED = 1 << 1,
    FORWARD_WON = 1 << 2,
    FORWARD_STALE = 1 << 3,
    FORWARD_WIN_SENT = 1 << 4,
    FORWARD_EXPIRED = 1 << 5,
    FORWARD_FLUSHED = 1 << 6,
    FORWARD_NOT_MINE = 1 << 7, /* not carried out: the receiver may not coordinate this key (its epoch says why) */
    FORWARD_MARKS_ALL = (1 << 8) - 1
};

struct message_forward_reply {
    uint64_t number, epoch;
    uint8_t status;  /* enum request_status */
    uint8_t failure; /* enum request_failure, when status is REQUEST_FAILED */
    uint16_t marks;
    uint32_t idle_s;
    uint64_t value_number, written_token, written_expiry_ms;
    hybrid_time touch_stamp;
    struct bytes record; /* of a get that found something: the object that the answer was made from; verified */
};

/* `blob`: what m->value lies in, or NULL. */
void message_write_forward(struct chain *out, const struct message_forward *m, struct blob *blob);
void message_write_forward_reply(struct chain *out, const struct message_forward_reply *m, struct blob *blob);

/* See data.h. A context of more than RECORD_PAIRS_MAX pairs, unsorted pairs, a key over 250 bytes are malformed. The
 * record of a reply is verified when there is one; an empty one means none. */
bool message_read_forward(const struct frame *frame, struct message_forward *m, struct arena *arena);
bool message_read_forward_reply(const struct frame *frame, struct message_forward_reply *m);

#endif
