/* The log's files: the storage room's disk port over real files in one directory. */
#ifndef SERVER_DISK_FILES_H
#define SERVER_DISK_FILES_H

#include "server/logger.h"
#include "storage/disk.h"

enum log_write {
    LOG_WRITE_AUTO,   /* mapped where the file system overwrites in place, else written */
    LOG_WRITE_MAPPED, /* through a shared mapping: no system call for an append */
    LOG_WRITE_WRITTEN /* through pwrite */
};

/* The files lie in `directory`, which is made (0700) when it is missing. NULL after an error that has been logged. Any
 * thread may use the result; free with disk_files_close. */
struct disk *disk_files_open(const char *directory, enum log_write how, struct logger *log);
/* All files have been closed. NULL is allowed. */
void disk_files_close(struct disk *disk);

/* Does the file system (statfs f_type) rewrite a file's blocks in place? Where it writes elsewhere, a mapped
 * page can find the disk full after the write was acknowledged; then only a write can be refused in time. */
bool disk_overwrites_in_place(uint64_t file_system);

#endif
