/* The steps in which a process is opened, in this order. Within shell*.c.
 *
 * - shell.c: the order, what a running process does in between, and closing
 * - shell_signals.c: the main thread's event loop and the signals that reach it; what is read again on SIGHUP
 * - shell_data.c: the data directory, and the two databases in it: the data, and the hints for other nodes
 * - shell_node.c: what works with them: a node for each loop, the ring, the threads; how far the copies are to be
 * trusted
 *
 * Each step returns false after an error that has been logged; shell_close then closes what has been opened. */
#ifndef SERVER_SHELL_INSIDE_H
#define SERVER_SHELL_INSIDE_H

#include "server/shell.h"

/* Who works with the store: the workers, the background loop, the main thread. */
static inline unsigned shell_store_loops(const struct shell *shell)
{
    return shell->loop_count + 2;
}

/* Its own signals come in by it; nothing else does yet. */
bool shell_open_main_loop(struct shell *shell);
/* The directory, and who this node is. */
bool shell_open_data(struct shell *shell);
/* May take long: the log is replayed. */
bool shell_open_store(struct shell *shell);
/* What this node keeps for others that are down. Who has no others keeps nothing for them. */
bool shell_open_hints(struct shell *shell);
/* The nodes of all threads: first what they share, then one with each worker loop, none of which runs yet. */
bool shell_open_node(struct shell *shell);
bool shell_open_loops(struct shell *shell);
/* The main thread's node and membership; judges the copies by what happened since the last run. */
bool shell_open_cluster(struct shell *shell);
/* From here on workers run; clients are let in later. */
bool shell_start_threads(struct shell *shell);

#endif
