/* What a daemon asks of the system: background, user, limits, pid file. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include "server/logger.h"

#include <stdbool.h>
#include <stdint.h>

/* Forks; only the child returns, with a descriptor for daemon_report. The parent waits for the report and exits with
 * its status. Before any thread, event base and environment. -1: cannot fork. */
int daemon_begin(void);
/* Tells the parent how the start went (0: serving) and, when it went well, lets go of the terminal: standard input and
 * output, and standard error unless `keep_errors`. A negative descriptor is ignored. */
void daemon_report(int report, int status, bool keep_errors);

/* Becomes another user when started as root. `user` NULL keeps root, with a notice. */
bool process_drop_root(const char *user, struct logger *log);

/* Raises the limit of open files so that `connections` clients fit beside `own` descriptors. Returns how many clients
 * fit: fewer, with a warning, when the system does not allow more. */
uint64_t process_raise_files(uint64_t connections, uint64_t own, struct logger *log);

/* Lets a crash write its core. */
bool process_allow_core(struct logger *log);

/* Locks memory, present and future, except mappings of files called `except` (data.mdb: the system shall decide which
 * of its pages stay). A warning when the limits do not allow it, as memcached does. */
void process_lock_memory(const char *except, struct logger *log);

/* Writes the process id. A warning names a running process that the file still mentions. */
bool pid_file_write(const char *path, struct logger *log);
void pid_file_remove(const char *path);

#endif
