#include "server/config.h"
#include "server/options.h"

#include <stddef.h>

#define FIELD(name)        .offset = offsetof(struct config, name), .size = sizeof(((struct config *)0)->name)
#define BUCKET_FIELD(name) .offset = offsetof(struct bucket, name), .size = sizeof(((struct bucket *)0)->name)
#define KIB                ((uint64_t)1 << 10)
#define MIB                ((uint64_t)1 << 20)
#define GIB                ((uint64_t)1 << 30)
#define TIB                ((uint64_t)1 << 40)
#define MINUTE             ((uint64_t)60000)
#define DAY                (1440 * MINUTE)

/* clang-format off */
const struct option_spec OPTIONS[] = {
    /* memcached's. */
    {"port", 'p', OPTION_SIGNED, SECTION_NODE, FIELD(port), .min = 1, .max = 65535, .argument = "num",
     .fallback = "11211", .help = "TCP port to listen on; 0: none, -1: a free one, which is written to the file that "
     "the environment variable MEMCACHED_PORT_FILENAME names."},
    {"udp-port", 'U', OPTION_SIGNED, SECTION_COMMAND, FIELD(udp_port), .min = 0, .max = 65535, .argument = "num",
     .fallback = "0", .help = "Accepted with a notice: UDP is not offered."},
    {"unix-socket", 's', OPTION_TEXT, SECTION_NODE, FIELD(unix_socket), .argument = "file",
     .help = "UNIX socket to listen on; no TCP port is then opened."},
    {"unix-mask", 'a', OPTION_OCTAL, SECTION_NODE, FIELD(unix_mask), .max = 0777, .argument = "mask",
     .fallback = "700", .help = "Access mask of the UNIX socket, octal."},
    {"enable-shutdown", 'A', OPTION_SWITCH, SECTION_NODE, FIELD(shutdown_enabled),
     .help = "Enable the text command \"shutdown\"."},
    {"listen", 'l', OPTION_LIST, SECTION_NODE, FIELD(listen), .argument = "addr[:port]",
     .help = "Address to listen on; may be given several times or as a list with commas. IPv6 in brackets when a port "
     "follows. Default: all addresses."},
    {"daemon", 'd', OPTION_SWITCH, SECTION_COMMAND, FIELD(daemon),
     .help = "Run in the background; returns when the server accepts connections, with an error status if it does not "
     "come up. Standard error is kept with -v only."},
    {"enable-coredumps", 'r', OPTION_SWITCH, SECTION_NODE, FIELD(core_dumps), .help = "Raise the limit of core files."},
    {"user", 'u', OPTION_TEXT, SECTION_NODE, FIELD(user), .argument = "user",
     .help = "Give up root for this user; only when started by root. Root without -u is accepted with a notice."},
    {"memory-limit", 'm', OPTION_NUMBER, SECTION_NODE, FIELD(memory_mb), .min = 1, .max = 1 << 24, .argument = "num",
     .fallback = "64", .help = "Memory for objects in megabytes. Engine lmdb keeps recently used and not yet checkpointed "
     "objects in it and never evicts; engine memory keeps all objects in it."},
    {"disable-evictions", 'M', OPTION_SWITCH, SECTION_NODE, FIELD(evictions_disabled),
     .help = "Engine memory: answer an error when memory is full instead of evicting."},
    {"conn-limit", 'c', OPTION_NUMBER, SECTION_NODE, FIELD(connections_max), .min = 1, .max = 1 << 24, .argument = "num",
     .fallback = "1024", .help = "Most client connections at the same time."},
    {"lock-memory", 'k', OPTION_SWITCH, SECTION_NODE, FIELD(lock_memory),
     .help = "Lock memory, except the map of the data file."},
    {"verbose", 'v', OPTION_COUNT, SECTION_NODE, FIELD(verbosity), .max = 3, .argument = "num", .fallback = "0",
     .help = "Log more: -v what the server does, -vv each connection. In a file: verbose = 2."},
    {"help", 'h', OPTION_ACTION, SECTION_COMMAND, FIELD(action), .min = ACTION_HELP, .help = "Print this help."},
    {"license", 'i', OPTION_ACTION, SECTION_COMMAND, FIELD(action), .min = ACTION_LICENSE, .help = "Print the licence."},
    {"version", 'V', OPTION_ACTION, SECTION_COMMAND, FIELD(action), .min = ACTION_VERSION, .help = "Print the version."},
    {"pidfile", 'P', OPTION_TEXT, SECTION_NODE, FIELD(pid_file), .argument = "file",
     .help = "Write the process id to this file; it is removed at the end."},
    {"threads", 't', OPTION_NUMBER, SECTION_NODE, FIELD(threads), .min = 1, .max = THREADS_MAX, .argument = "num",
     .fallback = "4", .help = "Worker threads."},
    {.name = "prefix-delimiter", 'D', OPTION_TEXT, SECTION_NODE, FIELD(delimiter), .argument = "char",
     .help = "Delimiter between key prefixes and the rest for \"stats detail\", and turn those on. Default: a colon, "
     "off."},
    {"max-reqs-per-event", 'R', OPTION_NUMBER, SECTION_NODE, FIELD(requests_per_event), .min = 1, .max = 1 << 20,
     .argument = "num", .fallback = "20",
     .help = "Requests of one connection before the others have their turn."},
    {"disable-cas", 'C', OPTION_SWITCH, SECTION_NODE, FIELD(cas_disabled),
     .help = "No cas tokens: gets shows 0 and cas is refused."},
    {"listen-backlog", 'b', OPTION_NUMBER, SECTION_NODE, FIELD(backlog), .min = 1, .max = 65535, .argument = "num",
     .fallback = "1024", .help = "Length of the queue of connections that wait to be accepted."},
    {"protocol", 'B', OPTION_CHOICE, SECTION_NODE, FIELD(dialects), .argument = "name", .choices = "auto|ascii|binary",
     .fallback = "auto", .help = "Protocols to speak; auto tells by the first byte of a connection. Meta commands belong "
     "to ascii."},
    {"max-item-size", 'I', OPTION_SIZE, SECTION_NODE, FIELD(value_max), .min = KIB, .max = VALUE_MAX_MB_LIMIT * MIB,
     .argument = "size", .fallback = "1m",
     .help = "Largest item, key and overhead included as memcached counts them; at most half of -m."},
    {"enable-sasl", 'S', OPTION_SWITCH, SECTION_NODE, FIELD(sasl),
     .help = "Binary protocol with SASL PLAIN; the passwords are those of --auth-file."},
    {"disable-flush-all", 'F', OPTION_SWITCH, SECTION_NODE, FIELD(flush_disabled), .help = "Refuse flush_all."},
    {"auth-file", 'Y', OPTION_TEXT, SECTION_NODE, FIELD(auth_file), .argument = "file",
     .help = "Clients must authenticate (text protocol; with -S: SASL). One user:password a line; read again on "
     "SIGHUP."},
    {"enable-ssl", 'Z', OPTION_SWITCH, SECTION_COMMAND, FIELD(tls),
     .help = "Refused: this release does not offer TLS."},
    {"extended", 'o', OPTION_EXTENDED, SECTION_COMMAND, .argument = "name[=value],...",
     .help = "memcached's extended options. idle_timeout=<seconds> closes idle connections; no_maxconns_fast lets "
     "connections beyond the limit wait instead of refusing them; the others are accepted and have no effect."},
    {"slab-growth-factor", 'f', OPTION_IGNORED, SECTION_COMMAND, .argument = "num", .help = "Accepted, no effect."},
    {"slab-min-size", 'n', OPTION_IGNORED, SECTION_COMMAND, .argument = "num", .help = "Accepted, no effect."},
    {"enable-largepages", 'L', OPTION_IGNORED, SECTION_COMMAND, .help = "Accepted, no effect."},
    {"disable-dumping", 'X', OPTION_IGNORED, SECTION_COMMAND, .help = "Accepted, no effect: nothing is dumped."},
    {"disable-watch", 'W', OPTION_IGNORED, SECTION_COMMAND, .help = "Accepted, no effect: nothing is watched."},
    {"memory-file", 'e', OPTION_IGNORED, SECTION_COMMAND, .argument = "file",
     .help = "Accepted, no effect: data outlives the process anyway."},
    {"napi-ids", 'N', OPTION_IGNORED, SECTION_COMMAND, .argument = "num", .help = "Accepted, no effect."},

    /* ringcached's own. */
    {"data", 0, OPTION_TEXT, SECTION_NODE, FIELD(data), .argument = "dir",
     .help = "Data directory; made when missing. Default: $STATE_DIRECTORY, else ./ringcached-data."},
    {"config", 0, OPTION_TEXT, SECTION_COMMAND, FIELD(config_file), .argument = "file",
     .help = "Read settings from this file; what the command line says goes first."},
    {"check-config", 0, OPTION_ACTION, SECTION_COMMAND, FIELD(action), .min = ACTION_CHECK,
     .help = "Check file and command line, then stop."},
    {"engine", 0, OPTION_CHOICE, SECTION_NODE, FIELD(engine), .argument = "name", .choices = "lmdb|memory",
     .fallback = "lmdb", .help = "lmdb keeps data on disk; memory is a volatile cache that evicts the least recently "
     "used objects within -m."},
    {"node", 0, OPTION_TEXT, SECTION_NODE, FIELD(node), .argument = "name",
     .help = "Name of this node in the ring, recorded in the data directory. Default: host name and port of the first "
     "start."},
    {"map-size", 0, OPTION_SIZE, SECTION_NODE, FIELD(map_bytes), .min = 1 * MIB, .max = 64 * TIB, .argument = "size",
     .fallback = "1t", .help = "Largest size of the data file, at least 20 MiB. Address space, not memory."},
    {"map-reserve", 0, OPTION_SIZE, SECTION_NODE, FIELD(map_reserve), .max = TIB, .argument = "size",
     .fallback = "auto", .help = "Part of map-size that is left for deletes and sweeps; sets are refused before it is "
     "reached. At least 10 MiB, at most half of map-size. Default: an eighth of it, at most 1 GiB."},
    {"hint-size", 0, OPTION_SIZE, SECTION_NODE, FIELD(hint_bytes), .min = 1 * MIB, .max = 64 * TIB, .argument = "size",
     .fallback = "1g", .help = "Largest size of the file of hints: writes that this node keeps for other nodes while they are "
     "down. When it is full it takes no more, and the writes fail if too few other nodes are up. Address space, not "
     "memory."},
    {"dirty-bytes", 0, OPTION_SIZE, SECTION_NODE, FIELD(dirty_bytes), .max = TIB, .argument = "size",
     .fallback = "auto", .help = "Most bytes of objects that are in the log but not yet in the data file; beyond it "
     "writes wait. Default: from -m."},
    {"log-bytes", 0, OPTION_SIZE, SECTION_NODE, FIELD(log_bytes), .max = TIB, .argument = "size", .fallback = "auto",
     .help = "Most bytes of all log segments; beyond it writes wait for a checkpoint. Bounds replay time."},
    {"log-segment", 0, OPTION_SIZE, SECTION_NODE, FIELD(log_segment_bytes), .min = 64 * KIB, .max = 2 * GIB, .argument = "size",
     .fallback = "auto", .help = "Bytes of one log segment file."},
    {"log-write", 0, OPTION_CHOICE, SECTION_NODE, FIELD(log_write), .argument = "how", .choices = "auto|mapped|written",
     .fallback = "auto", .help = "How the log is written: through a mapping, or with write calls, which file "
     "systems need that do not overwrite in place (btrfs, zfs, overlay, network); auto chooses by the file system."},
    {"checkpoint-bytes", 0, OPTION_SIZE, SECTION_NODE, FIELD(checkpoint_bytes), .max = TIB, .argument = "size",
     .fallback = "auto", .help = "Dirty bytes that start a checkpoint."},
    {"checkpoint-age", 0, OPTION_TIME, SECTION_NODE, FIELD(checkpoint_age_ms), .max = DAY, .argument = "time",
     .fallback = "auto", .help = "Age of the oldest dirty object that starts a checkpoint."},
    {"grace", 0, OPTION_TIME, SECTION_NODE, FIELD(grace_ms), .max = 365 * DAY, .argument = "time", .fallback = "60s",
     .help = "How long deleted and expired objects are kept before they are freed; with other nodes more than twice the "
     "request-timeout."},
    {"max-object-bytes", 0, OPTION_SIZE, SECTION_NODE, FIELD(object_max), .max = 2 * GIB, .argument = "size",
     .fallback = "auto", .help = "Most bytes of all siblings of a key together. Default: 16 times max-item-size."},
    {"max-output-bytes", 0, OPTION_SIZE, SECTION_NODE, FIELD(out_bytes_max), .min = 64 * KIB, .max = 2 * GIB,
     .argument = "size", .fallback = "8m",
     .help = "Replies that wait for one client before no more of its requests are read."},
    {"max-tokens", 0, OPTION_NUMBER, SECTION_NODE, FIELD(tokens_max), .min = 1, .max = 1 << 24, .argument = "num",
     .fallback = "65536", .help = "Contexts of cas tokens that are remembered; an older token in a bucket with "
     "stale-cas = sibling gets EXISTS."},
    {"peer", 0, OPTION_TEXT, SECTION_NODE, FIELD(peer), .argument = "host:port",
     .help = "Where this node listens for other nodes, and what it tells them to dial; port 0: a free one, host *: all "
     "addresses, under the host's name. Default with --seeds: the clients' address and port + 1000; else no such port is "
     "opened, and the node is a ring of one."},
    {"peer-announce", 0, OPTION_TEXT, SECTION_NODE, FIELD(peer_announce), .argument = "host:port",
     .help = "What other nodes are told to dial instead of --peer, where they reach this node through a proxy or a "
     "translated address (containers)."},
    {"seeds", 0, OPTION_LIST, SECTION_NODE, FIELD(seeds), .argument = "host:port,...",
     .help = "Peer addresses of nodes through which this one finds its ring; may be given several times. Nodes that all "
     "name the same seeds found a ring together, once all of them are there; a new node joins the ring of its seeds. The "
     "node's own address may be among them. Clients are served when the node has its ring."},
    {"secret-file", 0, OPTION_TEXT, SECTION_NODE, FIELD(secret_file), .argument = "file",
     .help = "Secret that all nodes of the ring share, the file's content without a last line end; who does not know it "
     "is refused at the peer port. The file must not be readable by others. Default: none, the cluster's name must "
     "agree."},
    {"admin", 0, OPTION_TEXT, SECTION_NODE, FIELD(admin), .argument = "host:port",
     .help = "Where ringctl asks (docs/ringctl.md); port 0: a free one; off: nowhere. An address that others can reach "
     "needs --admin-token-file. Default: 127.0.0.1, the clients' port + 2000, if it is free."},
    {"admin-token-file", 0, OPTION_TEXT, SECTION_NODE, FIELD(admin_token_file), .argument = "file",
     .help = "Token that the admin port asks for, 16 to 256 characters. The file must not be readable by others."},
    {"rack", 0, OPTION_TEXT, SECTION_NODE, FIELD(rack), .argument = "name",
     .help = "Rack of this node: copies are spread over racks where there are enough of them."},
    {"datacenter", 0, OPTION_TEXT, SECTION_NODE, FIELD(datacenter), .argument = "name",
     .help = "Data centre of this node: copies are spread over data centres where there are enough of them."},
    {"weight", 0, OPTION_DECIMAL, SECTION_NODE, FIELD(weight), .min = 100, .max = 100000, .argument = "num",
     .fallback = "1", .help = "Share of the ring that this node takes, compared with an ordinary machine's 1."},
    {"request-timeout", 0, OPTION_TIME, SECTION_NODE, FIELD(request_timeout_ms), .min = 10, .max = 60 * MINUTE,
     .argument = "time", .fallback = "1s",
     .help = "How long a request may wait for other nodes before its client is told SERVER_ERROR."},
    {"read-all-share", 0, OPTION_DECIMAL, SECTION_NODE, FIELD(read_all_share), .min = 0, .max = 1000,
     .argument = "share", .fallback = "0.01",
     .help = "Share of the gets that ask all owners of a key instead of r, so that read repair sees the rest."},
    {"peer-queue", 0, OPTION_SIZE, SECTION_NODE, FIELD(peer_queue_bytes), .min = 64 * KIB, .max = 2 * GIB,
     .argument = "size", .fallback = "64m",
     .help = "Bytes that may wait for one other node on one worker; beyond it that node counts as silent."},
    {"antientropy-interval", 0, OPTION_TIME, SECTION_NODE, FIELD(antientropy_interval_ms), .min = 100, .max = DAY,
     .argument = "time", .fallback = "60s", .help = "How often the hash trees of this node's partitions are compared with "
     "those of each other owner while nothing is known to differ."},
    {"antientropy-rate", 0, OPTION_SIZE, SECTION_NODE, FIELD(antientropy_rate), .max = TIB, .argument = "size",
     .fallback = "16m", .help = "Bytes a second that this node sends to others to bring copies together; 0: no limit."},
    {"clock-bound", 0, OPTION_TIME, SECTION_NODE, FIELD(clock_bound_ms), .min = 100, .max = DAY, .argument = "time",
     .fallback = "10s", .help = "A node whose clock differs by more than this from those of most members coordinates no "
     "requests until it is right again; it still stores what others send."},
    {"print-options", 0, OPTION_ACTION, SECTION_COMMAND, FIELD(action), .min = ACTION_PRINT_OPTIONS,
     .help = "Print this table as Markdown."},
    {"print-man", 0, OPTION_ACTION, SECTION_COMMAND, FIELD(action), .min = ACTION_PRINT_MAN,
     .help = "Print the man page."},

    /* The ring's. */
    {"cluster", 0, OPTION_TEXT, SECTION_RING, FIELD(cluster), .argument = "name", .fallback = "ringcached",
     .help = "Name of the ring; nodes that name another one are refused at the peer port."},
    {"quorum", 0, OPTION_CHOICE, SECTION_RING, FIELD(quorum), .argument = "how", .choices = "sloppy|strict",
     .fallback = "sloppy", .help = "sloppy: other nodes stand in for owners that are down, and hand over what they have "
     "kept for them when these are back (Dynamo 4.6). strict: only owners count, and requests fail when too few are up. "
     "To be the same on all nodes."},
    {"n", 0, OPTION_NUMBER, SECTION_RING, FIELD(copies), .min = 1, .max = 7, .argument = "num", .fallback = "3",
     .help = "Copies of each object; as many as there are members when these are fewer. Read once, when the ring is "
     "founded."},
    {"partitions", 0, OPTION_NUMBER, SECTION_RING, FIELD(partitions), .min = 0, .max = 65536, .argument = "num",
     .fallback = "0", .help = "Partitions of the ring, a power of two; read once, when the ring is founded. 0: 1024, or "
     "what the data directory says."},

    {"strategy", 0, OPTION_NUMBER, SECTION_RING, FIELD(strategy), .min = 1, .max = 3, .argument = "num",
     .fallback = "3", .help = "How partitions are dealt out, by the numbers of Dynamo 6.2; read once, when the ring is "
     "founded. 1: random tokens, 2: random tokens and equal partitions, 3: each node claims its share of equal "
     "partitions."},
    {"tokens", 0, OPTION_NUMBER, SECTION_RING, FIELD(tokens), .min = 1, .max = RING_TOKENS_MAX, .argument = "num",
     .fallback = "64", .help = "Strategies 1 and 2: tokens of a node of weight 1; read once, when the ring is founded."},

    /* A bucket's. */
    {"prefix", 0, OPTION_PREFIX, SECTION_BUCKET, BUCKET_FIELD(prefix), .argument = "text",
     .help = "The bucket is for keys that begin with this; the longest matching prefix wins. Every bucket but default "
     "needs one."},
    {"r", 0, OPTION_NUMBER, SECTION_BUCKET, BUCKET_FIELD(r), .min = 1, .max = 7, .argument = "num", .fallback = "2",
     .help = "Nodes that must answer a read."},
    {"w", 0, OPTION_NUMBER, SECTION_BUCKET, BUCKET_FIELD(w), .min = 1, .max = 7, .argument = "num", .fallback = "2",
     .help = "Nodes that must have stored a write."},
    {"reconcile", 0, OPTION_CHOICE, SECTION_BUCKET, BUCKET_FIELD(reconcile), .argument = "how",
     .choices = "siblings|lww", .fallback = "siblings",
     .help = "What concurrent writes become: siblings for the client, or the last write wins."},
    {"stale-cas", 0, OPTION_CHOICE, SECTION_BUCKET, BUCKET_FIELD(stale_cas), .argument = "what",
     .choices = "exists|sibling", .fallback = "exists",
     .help = "What a cas with an older token gets: EXISTS as in memcached, or STORED as a sibling (Dynamo's put)."},
    {"multi-value", 0, OPTION_SWITCH, SECTION_BUCKET, BUCKET_FIELD(multi_value), .argument = "on|off", .fallback = "on",
     .help = "gets answers one VALUE block for each sibling."},
    {"durability", 0, OPTION_CHOICE, SECTION_BUCKET, BUCKET_FIELD(durability), .argument = "how",
     .choices = "buffered|committed|synced", .fallback = "committed",
     .help = "What a reply promises: the write is in memory, survives the process, or survives a loss of power."},
    {"durable-writes", 0, OPTION_NUMBER, SECTION_BUCKET, BUCKET_FIELD(durable_writes), .min = 0, .max = 7,
     .argument = "num", .fallback = "0", .help = "With buffered: how many replicas sync the write all the same."},
    {"max-siblings", 0, OPTION_NUMBER, SECTION_BUCKET, BUCKET_FIELD(siblings_max), .min = 1, .max = 4096,
     .argument = "num", .fallback = "100", .help = "With that many siblings a stale cas gets EXISTS."},
};
/* clang-format on */

const size_t OPTIONS_COUNT = sizeof(OPTIONS) / sizeof(OPTIONS[0]);
