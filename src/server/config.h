/* All settings of a process, as options.h describes them. Filled by defaults, then the file, then the command line. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "frontend/session.h"
#include "ring/bucket.h"
#include "ring/ring.h"
#include "server/disk_files.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CONFIG_ERROR_MAX = 512, /* bytes of an error text */
    PORT_FREE = -1,         /* -p -1: the system chooses */
    THREADS_MAX = 256,
    OBJECT_MAX_ITEMS = 16,   /* default of max-object-bytes, in items of the largest size */
    PEER_PORT_ABOVE = 1000,  /* the clients' port, where --peer does not say */
    VALUE_MAX_MB_LIMIT = 128 /* -I */
};

enum quorum_choice { QUORUM_SLOPPY, QUORUM_STRICT };

enum engine_choice { STORE_ON_LMDB, STORE_IN_MEMORY };

/* What the process is asked to do instead of serving. */
enum config_action {
    ACTION_SERVE,
    ACTION_HELP,
    ACTION_VERSION,
    ACTION_LICENSE,
    ACTION_CHECK,
    ACTION_PRINT_OPTIONS, /* Markdown for docs/options.md */
    ACTION_PRINT_MAN      /* troff for the man page */
};

struct config {
    enum config_action action;

    /* memcached's flags. Texts are malloc'd or NULL. */
    int64_t port, udp_port;
    char *listen, *unix_socket, *user, *pid_file, *auth_file, *delimiter;
    uint64_t unix_mask, verbosity;
    uint64_t memory_mb, connections_max, threads, requests_per_event, backlog, value_max;
    bool shutdown_enabled, daemon, core_dumps, lock_memory, evictions_disabled;
    bool cas_disabled, flush_disabled, sasl, tls;
    enum session_dialects dialects;
    bool port_given, dialects_given;        /* on the command line or in the file */
    bool listen_from_file, seeds_from_file; /* the command line's first -l or --seeds replaces them */

    /* Suboptions of -o that mean something here. */
    bool connections_wait; /* no_maxconns_fast: beyond the limit stop accepting instead of refusing */
    uint64_t idle_timeout_s;

    /* ringcached's own. Sizes in bytes, 0: chosen from the others at start. */
    char *data, *config_file, *node;
    enum engine_choice engine;
    enum log_write log_write;
    uint64_t map_bytes, map_reserve, hint_bytes;
    uint64_t dirty_bytes, log_bytes, log_segment_bytes, checkpoint_bytes, checkpoint_age_ms;
    uint64_t grace_ms, object_max, out_bytes_max, tokens_max;

    /* The ring. */
    char *peer, *peer_announce, *seeds, *secret_file, *rack, *datacenter;
    char *admin, *admin_token_file;
    uint64_t weight, read_all_share; /* thousandths */
    uint64_t request_timeout_ms, peer_queue_bytes;
    uint64_t antientropy_interval_ms, antientropy_rate; /* bytes a second */
    uint64_t clock_bound_ms;

    /* [ring] */
    char *cluster;
    enum quorum_choice quorum;
    uint64_t copies, partitions, strategy, tokens;
    struct bucket_table buckets;

    char *ignored; /* flags that were accepted and mean nothing here, for the notice; NULL: none */
};

/* Does the node talk to others? Else it is a ring of one without a peer port. */
static inline bool config_has_peers(const struct config *config)
{
    return config->peer != NULL || config->seeds != NULL;
}

/* What is kept back of a map of this size when nobody says how much. */
enum { MAP_RESERVE_SHARE = 8, MAP_RESERVE_MAX = 1 << 30 };
static inline uint64_t config_reserve_of(uint64_t map_bytes)
{
    uint64_t share = map_bytes / MAP_RESERVE_SHARE;
    return share < MAP_RESERVE_MAX ? share : MAP_RESERVE_MAX;
}

/* Of the data file. The stored hash tree takes 2 MiB, and a checkpoint that touches all partitions writes it anew while
 * pages of one or two transactions before are not free yet: with less, a full map could not be emptied by deletes. */
enum { MAP_RESERVE_MIN = 10 << 20 };
static inline uint64_t config_map_reserve(const struct config *config)
{
    uint64_t reserve = config->map_reserve != 0 ? config->map_reserve : config_reserve_of(config->map_bytes);
    return reserve < MAP_RESERVE_MIN ? MAP_RESERVE_MIN : reserve;
}

/* Most bytes of all siblings of a key together. */
static inline uint64_t config_object_max(const struct config *config)
{
    return config->object_max != 0 ? config->object_max : OBJECT_MAX_ITEMS * config->value_max;
}

/* The defaults of the options table. Close with config_close. */
void config_init(struct config *config);
void config_close(struct config *config);

/* Adds to config->ignored. */
void config_ignore(struct config *config, const char *what);

/* Checks what no single option can see, and fills in what follows from the rest (dialects of -S and -Y, the
 * port of a lone -U). false: `error` (CONFIG_ERROR_MAX bytes) says what and what would be accepted. */
bool config_finish(struct config *config, char *error);

/* Relative paths become absolute, so that a daemon and a reload find the same files. */
void config_make_absolute(struct config *config);

/* Reads a configuration file: [node], [ring] and [bucket NAME]. false: `error` names file, line and what is
 * accepted. */
bool config_read_file(struct config *config, const char *path, char *error);

/* Reads the command line and the file that it names, the command line taking precedence. */
bool config_read_arguments(struct config *config, int argc, char **argv, char *error);

#endif
