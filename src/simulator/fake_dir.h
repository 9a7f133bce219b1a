/* What survives a process: its data directory, on disks that are fakes. Copies of it, and what can happen to it while
 * no process runs. */
#ifndef SIMULATOR_FAKE_DIR_H
#define SIMULATOR_FAKE_DIR_H

#include "base/blob.h"
#include "base/prng.h"
#include "simulator/fake_disk.h"
#include "simulator/fake_engine.h"

#include <stdbool.h>
#include <stdint.h>

struct fake_dir {
    struct fake_disk disk; /* the log */
    struct fake_engine engine;
    struct fake_disk hint_disk; /* the hints' log and engine */
    struct fake_engine hint_engine;
    struct blob *saved;   /* the membership's state, NULL: none */
    uint64_t id;          /* drawn with the directory */
    uint64_t incarnation; /* of the last process that ran on it, 0: none has */
    uint64_t boot;        /* of the machine when that started */
    uint64_t appended;    /* records, in all */
    bool is_copy;         /* it took the place of the one that the last process ran on */
};

/* An empty directory. */
void fake_dir_init(struct fake_dir *dir, uint64_t id);
/* Frees all of it. */
void fake_dir_close(struct fake_dir *dir);

/* A copy, as `cp -a` makes it of a directory in use: what has been written, synced or not. `copy` is not initialised;
 * observers are not copied. */
void fake_dir_copy(struct fake_dir *copy, const struct fake_dir *dir);

/* Power fails: what was not synced is lost, wholly or in parts; committed batches stay. */
void fake_dir_lose_power(struct fake_dir *dir, struct prng *prng);

#endif
