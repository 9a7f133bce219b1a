/* What a data directory remembers of the last process that ran on it, for the next one to judge what it may have lost:
 * which boot of the machine that was, and which files the directory was made of.
 *
 * A process that is killed loses nothing that was committed, as long as the machine goes on: the kernel keeps what was
 * written to the log. When the machine has booted again since, the end of the log may be missing. And a directory whose
 * files are not the ones that the last process worked on is a copy: what was written after it was made is missing. */
#ifndef SERVER_LAST_RUN_H
#define SERVER_LAST_RUN_H

#include "server/data_dir.h"
#include "server/logger.h"

#include <stdbool.h>
#include <stdint.h>

enum { BOOT_ID_MAX = 63 };

struct last_run {
    bool is_known;     /* a process has left a note */
    bool is_same_boot; /* of the machine; false also when nobody can tell */
    bool is_copied;    /* the directory is a copy of the one that the process ran on */
};

/* Reads the note of the last process. false after an error that has been logged. */
bool last_run_read(struct last_run *last, const struct data_dir *dir, struct logger *log);
/* Leaves this process's note in its place, durably: when what follows from the last one is on record, and before
 * anything is stored. false after an error that has been logged. */
bool last_run_note(const struct data_dir *dir, struct logger *log);

#endif
