/* Simulated clients: each holds one connection to some node, speaks memcached's text protocol, and records what it asks
 * and what it is told. When its node is silent for too long it goes elsewhere, as the usual client libraries do. */
#ifndef SIMULATOR_CLIENT_H
#define SIMULATOR_CLIENT_H

#include "base/bytes.h"
#include "simulator/history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct caller;

enum { CLIENT_BATCH_MAX = 8 };

struct client {
    struct world *world;
    unsigned index;
    bool is_free;    /* chooses its own commands (workload.c); else a test tells it what to send */
    bool is_leaving; /* hangs up as soon as it has its replies */
    bool is_connecting, is_acting;
    struct caller *caller; /* NULL: not connected */
    unsigned machine, loop;
    uint64_t generation;      /* of the connection */
    uint64_t last_arrival_ns; /* of what was sent: bytes stay in order */
    uint8_t *heard;           /* replies that are not whole yet */
    size_t heard_len, heard_room;
    size_t waiting[CLIENT_BATCH_MAX]; /* numbers of the operations that are not answered, in order */
    unsigned waiting_count;
    struct {
        uint64_t ns, moment;
    } last_end, last_write_end; /* on this connection: commands wait for those before them */
    /* What a gets is to be followed by. */
    bool follows;
    size_t follows_op;
};

/* Not connected. */
void client_init(struct client *client, struct world *world, unsigned index);
/* Frees its memory; it is not connected any more. */
void client_close(struct client *client);

/* Begins to act by itself, `delay_ns` from now. */
void client_begin(struct client *client, uint64_t delay_ns);
/* Connects to this loop of this machine, now. false: it does not take clients. */
bool client_connect(struct client *client, unsigned machine, unsigned loop);
/* Sends the operations, which have been filled (kind, key, value ...), in one piece or several. */
void client_send(struct client *client, const size_t *ops, unsigned count);
/* Lets go of the connection; what is not answered is lost. */
void client_leave(struct client *client);

/* The node has written these bytes. */
void client_hear(struct client *client, struct bytes data);
/* The node has closed the connection. */
void client_on_closed(struct client *client);

/* The bytes of a command, appended at `at` (COMMAND_TEXT_MAX and the value's length of room). */
enum { COMMAND_TEXT_MAX = 128 };
size_t client_command(const struct world *world, const struct op *op, uint8_t *at);

/* workload.c: chooses what a free client asks next; at most `max` operations, which are added to the history. */
unsigned workload_next(struct client *client, size_t *ops, unsigned max);

/* A value that this operation may store under this key: it tells the operation from all others. */
struct bytes workload_value(struct world *world, int key, size_t number);

/* replies.c: takes the reply of the operation out of `in`. */
enum reply_status {
    REPLY_OK,   /* *used bytes were it; outcome and answer have been set */
    REPLY_MORE, /* it is not whole yet */
    REPLY_WRONG /* it is no reply to that command */
};
enum reply_status reply_take(struct history *history, struct op *op, struct bytes key, struct bytes in, size_t *used);

#endif
