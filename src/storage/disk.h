/* The files of the log, as a port: the server's are real and memory-mapped, the simulator's can tear and
 * forget what was not synced. */
#ifndef STORAGE_DISK_H
#define STORAGE_DISK_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_NAME_MAX = 63 };

enum disk_status {
    DISK_OK,
    DISK_FULL, /* no space for the file */
    DISK_IO    /* anything else; the disk has logged what and where */
};

/* An open file of fixed size. With a map, bytes written into it survive a killed process at once; without
 * one (where mapping guarantees nothing), every write goes through disk->write. */
struct disk_file {
    uint8_t *map; /* `size` bytes, or NULL */
    uint64_t size;
};

/* A name met by list(); valid only during the call. */
typedef void disk_visit(void *context, const char *name, uint64_t size);

struct disk {
    /* A new file of `size` zero bytes, all of them allocated on the disk (a later write cannot fail for space).
     * Its name survives a loss of power. */
    enum disk_status (*create)(struct disk *, const char *name, uint64_t size, struct disk_file **file);
    enum disk_status (*open)(struct disk *, const char *name, struct disk_file **file);
    /* Writes in place, through the map or without it. */
    enum disk_status (*write)(struct disk *, struct disk_file *, uint64_t offset, struct bytes data);
    /* Reads in place: `at` gets `len` bytes from `offset`. */
    enum disk_status (*read)(struct disk *, struct disk_file *, uint64_t offset, uint8_t *at, size_t len);
    /* Everything written before the call survives a loss of power. Any thread. */
    enum disk_status (*sync)(struct disk *, struct disk_file *);
    void (*close_file)(struct disk *, struct disk_file *);
    enum disk_status (*remove)(struct disk *, const char *name);
    enum disk_status (*list)(struct disk *, disk_visit *visit, void *context);
};

#endif
