/* A disk in memory. What a process has written is in `live`, what survives a loss of power in `durable`;
 * pages that were not synced may be on the platter or not, whole or in sectors. */
#ifndef SIMULATOR_FAKE_DISK_H
#define SIMULATOR_FAKE_DISK_H

#include "base/prng.h"
#include "storage/disk.h"

struct fake_file {
    struct disk_file file; /* first */
    struct fake_file *next;
    char name[DISK_NAME_MAX + 1];
    uint8_t *live, *durable;
    bool is_open;
};

struct fake_disk {
    struct disk disk; /* first */
    struct fake_file *files;
    uint64_t bytes_max; /* of all files; more gives DISK_FULL */
    uint64_t bytes;
    bool unmapped;        /* files have no map */
    bool sync_fails;      /* DISK_IO */
    bool sync_lies;       /* says OK and does nothing */
    bool sync_copies_not; /* for threads: syncing is always right but nothing is copied */
    bool write_fails, create_fails;
    unsigned writes_land_and_fail; /* so many writes say DISK_IO although all was written, before write_fails counts */
    unsigned created, removed, synced;
    /* Sees each write after it was done, and each sync. NULL: nobody. */
    void (*on_write)(void *observer, struct fake_file *file, struct bytes data);
    void (*on_sync)(void *observer, struct fake_file *file);
    void *observer;
};

/* An empty disk without limits or faults. */
void fake_disk_init(struct fake_disk *disk);
/* Frees all files. */
void fake_disk_close(struct fake_disk *disk);
/* A copy of all files, closed, with what was written and what of it is durable. No limits, faults or observers go
 * along; `copy` is not initialised. */
void fake_disk_copy(struct fake_disk *copy, const struct fake_disk *disk);

/* The kernel writes some pages back by itself. */
void fake_disk_write_back_some(struct fake_disk *disk, struct prng *prng);
/* Of every page that was not synced an arbitrary part is lost, down to sectors of 512 bytes. */
void fake_disk_power_loss(struct fake_disk *disk, struct prng *prng);

/* The file of this name, or NULL. */
struct fake_file *fake_disk_file(struct fake_disk *disk, const char *name);

#endif
