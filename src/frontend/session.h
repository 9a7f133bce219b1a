/* One client's conversation: bytes in, commands, requests to the node, replies in their order, bytes out.
 *
 * The session knows no socket. Whoever owns the connection feeds it what was read, writes out session->out and
 * reads no more while the session is paused. An idle session holds no buffers. */
#ifndef FRONTEND_SESSION_H
#define FRONTEND_SESSION_H

#include "base/chain.h"
#include "base/histogram.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/pool.h"
#include "frontend/prefix_stats.h"
#include "node/node.h"
#include "protocol/command.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum session_dialects { SESSION_ANY, SESSION_TEXT_ONLY, SESSION_BINARY_ONLY }; /* -B auto, ascii, binary */

/* Shared by all sessions of a process; set before they start. */
struct session_settings {
    const char *version;         /* for `version` and stats */
    uint64_t value_max;          /* -I: bytes of one item; frontend/limits.h tells the largest value from it */
    uint64_t out_bytes_max;      /* replies waiting for one client; beyond it the session pauses */
    uint32_t requests_per_event; /* -R: then other connections have their turn */
    uint32_t reads_inflight_max; /* keys of one get that are asked at the same time */
    enum session_dialects dialects;
    bool cas_disabled;     /* -C: tokens are 0 and cas writes are refused as memcached does */
    bool flush_disabled;   /* -F */
    bool shutdown_enabled; /* -A */
    bool detail_enabled;   /* -D or stats detail on at start: for prefix_stats_new, as the delimiter */
    char prefix_delimiter; /* -D */
    bool text_auth;        /* -Y: a text session must authenticate first, binary is refused */
    bool sasl;             /* -S: binary only, PLAIN first */
};

/* memcached's general counters, of one loop. Written by the loop, read by anyone. The names are memcached's. */
struct session_counters {
    _Atomic uint64_t cmd_get, cmd_set, cmd_flush, cmd_touch, cmd_meta;
    _Atomic uint64_t get_hits, get_misses, get_expired, get_flushed;
    _Atomic uint64_t delete_hits, delete_misses, incr_hits, incr_misses, decr_hits, decr_misses;
    _Atomic uint64_t cas_hits, cas_misses, cas_badval, touch_hits, touch_misses;
    _Atomic uint64_t store_too_large, store_no_memory, auth_cmds, auth_errors;
    _Atomic uint64_t total_items, conn_yields;
};

enum latency_kind { LATENCY_GET, LATENCY_SET, LATENCY_READ_MODIFY_WRITE, LATENCY_DELETE, LATENCY_TOUCH, LATENCY_KINDS };

struct session;

/* Calls to whoever runs the sessions. */
struct session_host {
    /* `stats <group>`, with its arguments as sent (empty: the general ones): calls emit for each line (name and value
     * without line ends; both valid during the call). false: unknown group. `stats reset`, `detail`, `siblings` and
     * `cachedump` are answered by the session itself. */
    bool (*stats)(void *host, struct session *session, struct bytes group,
                  void (*emit)(void *context, struct bytes name, struct bytes value), void *context);
    void (*stats_reset)(void *host);
    bool (*verify)(void *host, struct bytes user, struct bytes password); /* -Y, -S */
    void (*shutdown)(void *host, bool graceful);
    void (*set_verbosity)(void *host, uint32_t level);
    bool (*set_memory_limit)(void *host, uint64_t megabytes); /* cache_memlimit; false: too small or fixed */
    /* The session can go on: call session_continue (or session_close, if that said false before) soon. Called once
     * until then, from within node_settle, so it only takes a note; session_close alone may be called from here. */
    void (*ready)(void *host, struct session *session);
    /* `config get cluster`: one line "<host>|<ip>|<port>" for each member, separated by blanks, and the number of the
     * ring's version. NULL, or false: the command is unknown, as it is to memcached. The text is valid until the next
     * call of the same loop. */
    bool (*cluster)(void *host, struct session *session, uint64_t *version, struct bytes *members);
    void *host;
};

/* One loop's sessions. */
struct frontend {
    struct node *node;
    const struct session_settings *settings;
    const struct session_host *host;
    struct prefix_stats *prefixes; /* stats detail; shared by all loops, set after frontend_init; NULL: not offered */
    struct pool requests;          /* struct ask: a request and whose it is */
    struct pool tasks;             /* struct task: a command on its way */
    struct pool works;             /* struct session_work */
    struct pool chunks;            /* of the out chains */
    struct session_counters counters;
    struct histogram latency[LATENCY_KINDS]; /* nanoseconds, of commands */
    uint32_t answered[LATENCY_KINDS];        /* in this turn, within it */
    uint64_t turn;
};

/* `node` is this loop's; it, the settings and the host are borrowed until frontend_close. */
void frontend_init(struct frontend *frontend, struct node *node, const struct session_settings *settings,
                   const struct session_host *host);
/* A turn of the loop ends: requests that were answered within it took from `began` to `ended`. Pure code reads no
 * clock, so this is how their latency becomes known. */
void frontend_end_turn(struct frontend *frontend, struct instant began, struct instant ended);
/* All sessions are closed. */
void frontend_close(struct frontend *frontend);

struct session {
    struct frontend *frontend;
    void *connection; /* the owner's */
    struct chain out; /* to be written to the client */
    /* private from here; see session.c */
    struct session_work *work; /* NULL while idle */
    uint32_t inflight;         /* requests that the node has */
    uint8_t dialect;           /* 0 before the first byte, then 'T' or 'B' */
    bool authenticated, sasl_started;
    bool closing;  /* no command is taken any more */
    bool gone;     /* session_close was called */
    bool running;  /* inside feed, continue or filled: `ready` need not be told */
    bool notified; /* `ready` has been told */
};

/* A new client; allocates nothing. `connection` is kept for the owner. Must stay where it is until session_close. */
void session_init(struct session *session, struct frontend *frontend, void *connection);

enum session_verdict {
    SESSION_READ,  /* wants more input */
    SESSION_YIELD, /* has input left: call session_continue on the next turn, do not read before */
    SESSION_PAUSE, /* waits for requests or for the client to take its replies: do not read; host->ready tells */
    SESSION_CLOSE  /* write out what is in `out`, then close */
};

/* Input from the client; consumed or kept by the session. */
enum session_verdict session_feed(struct session *session, struct instant now, struct bytes in);

/* After SESSION_YIELD, after host->ready, or after `out` was written below its limit. */
enum session_verdict session_continue(struct session *session, struct instant now);

/* Where a large value that is on its way may be read into without a copy. NULL when there is none (read into a buffer
 * of the caller's and feed that); *len is the room. session_filled tells how much was read there. */
uint8_t *session_value_room(struct session *session, size_t *len);
enum session_verdict session_filled(struct session *session, struct instant now, size_t len);

/* The client is gone. Frees everything; false while requests are still on their way: then call again from host->ready.
 */
bool session_close(struct session *session);

/* Bytes of input and replies that this session holds, for limits and stats. */
size_t session_memory(const struct session *session);

#endif
