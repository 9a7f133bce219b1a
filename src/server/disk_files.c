#include "server/disk_files.h"

#include "base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { ZEROS_BYTES = 1 << 20, PATH_BYTES = DISK_NAME_MAX + 8 };

#define MAGIC_XFS 0x58465342

struct disk_files {
    struct disk disk;
    char *path;
    int directory;
    bool mapped;
    struct logger *log;
    uint8_t *zeros;
};

struct open_file {
    struct disk_file file;
    int fd;
};

static struct disk_files *files_of(struct disk *disk)
{
    return (struct disk_files *)(void *)disk;
}

static struct open_file *open_of(struct disk_file *file)
{
    return (struct open_file *)(void *)file;
}

bool disk_overwrites_in_place(uint64_t file_system)
{
    return file_system == EXT4_SUPER_MAGIC || file_system == MAGIC_XFS || file_system == TMPFS_MAGIC
           || file_system == RAMFS_MAGIC;
}

static enum disk_status failed(struct disk_files *files, const char *what, const char *name)
{
    int code = errno;
    logger_line(files->log, LEVEL_ERROR, "disk", "cannot %s %s/%s: %s", what, files->path, name, strerror(code));
    return code == ENOSPC || code == EDQUOT ? DISK_FULL : DISK_IO;
}

static void close_file(struct disk *disk, struct disk_file *file)
{
    (void)disk;
    struct open_file *open = open_of(file);
    if (file->map != NULL)
        munmap(file->map, file->size);
    if (open->fd >= 0)
        close(open->fd);
    free(open);
}

static enum disk_status adopt(struct disk_files *files, int fd, const char *name, struct disk_file **file)
{
    struct stat stat;
    struct open_file *open = calloc(1, sizeof(*open));
    CHECK_MEMORY(open);
    open->fd = fd;
    if (fstat(fd, &stat) != 0)
        goto fail;
    open->file.size = (uint64_t)stat.st_size;
    if (files->mapped && open->file.size != 0) {
        void *map = mmap(NULL, open->file.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            goto fail;
        open->file.map = map;
    }
    *file = &open->file;
    return DISK_OK;
fail:;
    enum disk_status status = failed(files, "map", name);
    close_file(&files->disk, &open->file);
    return status;
}

static bool write_all(int fd, uint64_t offset, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, at, len, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return false;
        }
        offset += (uint64_t)written;
        at += written;
        len -= (size_t)written;
    }
    return true;
}

/* Zeros are written, not only reserved: a later write then changes neither size nor block map, so fdatasync has less
 * to do, and a mapped page cannot find the disk full. */
static bool fill(struct disk_files *files, int fd, uint64_t size)
{
    if (fallocate(fd, 0, 0, (off_t)size) != 0 && errno != EOPNOTSUPP)
        return false;
    for (uint64_t at = 0; at < size; at += ZEROS_BYTES) {
        size_t len = size - at < ZEROS_BYTES ? (size_t)(size - at) : ZEROS_BYTES;
        if (!write_all(fd, at, files->zeros, len))
            return false;
    }
    return fsync(fd) == 0;
}

/* Made under another name, so that a file with its own name is always whole. */
static enum disk_status create(struct disk *disk, const char *name, uint64_t size, struct disk_file **file)
{
    struct disk_files *files = files_of(disk);
    char draft[PATH_BYTES];
    CHECK(strlen(name) <= DISK_NAME_MAX);
    snprintf(draft, sizeof(draft), "%s.new", name);
    int fd = openat(files->directory, draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(files, "create", name);
    bool filled = fill(files, fd, size);
    bool renamed = filled && renameat(files->directory, draft, files->directory, name) == 0;
    enum disk_status status = DISK_OK;
    if (renamed && fsync(files->directory) == 0) {
        status = adopt(files, fd, name, file);
    } else {
        status = failed(files, "create", name);
        close(fd);
    }
    if (status != DISK_OK) /* nobody would count it or remove it before the next start */
        unlinkat(files->directory, renamed ? name : draft, 0);
    return status;
}

static enum disk_status open_existing(struct disk *disk, const char *name, struct disk_file **file)
{
    struct disk_files *files = files_of(disk);
    int fd = openat(files->directory, name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return failed(files, "open", name);
    return adopt(files, fd, name, file);
}

static enum disk_status write_at(struct disk *disk, struct disk_file *file, uint64_t offset, struct bytes data)
{
    CHECK(offset <= file->size && data.len <= file->size - offset);
    if (data.len == 0)
        return DISK_OK;
    if (file->map != NULL) {
        memcpy(file->map + offset, data.at, data.len);
        return DISK_OK;
    }
    if (!write_all(open_of(file)->fd, offset, data.at, data.len))
        return failed(files_of(disk), "write", "a log file");
    return DISK_OK;
}

static enum disk_status read_at(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *at, size_t len)
{
    CHECK(offset <= file->size && len <= file->size - offset);
    if (file->map != NULL) {
        if (len != 0)
            memcpy(at, file->map + offset, len);
        return DISK_OK;
    }
    while (len > 0) {
        ssize_t got = pread(open_of(file)->fd, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return failed(files_of(disk), "read", "a log file");
        }
        offset += (uint64_t)got;
        at += got;
        len -= (size_t)got;
    }
    return DISK_OK;
}

/* fdatasync also writes what was changed through the map: it is the same page cache. */
static enum disk_status sync_file(struct disk *disk, struct disk_file *file)
{
    if (fdatasync(open_of(file)->fd) == 0)
        return DISK_OK;
    return failed(files_of(disk), "sync", "a log file");
}

static enum disk_status remove_file(struct disk *disk, const char *name)
{
    struct disk_files *files = files_of(disk);
    if (unlinkat(files->directory, name, 0) != 0 || fsync(files->directory) != 0)
        return failed(files, "remove", name);
    return DISK_OK;
}

static bool is_draft(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".new") == 0;
}

/* A file that is passed over here is lost: its records are not replayed, and then no longer looked for. */
static enum disk_status visit_all(struct disk_files *files, DIR *entries, disk_visit *visit, void *context)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(entries);
        if (entry == NULL)
            return errno == 0 ? DISK_OK : failed(files, "list", "");
        struct stat stat;
        if (strlen(entry->d_name) > DISK_NAME_MAX)
            continue;
        if (fstatat(files->directory, entry->d_name, &stat, 0) != 0)
            return failed(files, "look at", entry->d_name);
        if (!S_ISREG(stat.st_mode))
            continue;
        if (is_draft(entry->d_name)) /* a crash interrupted create(); nothing was ever written there */
            unlinkat(files->directory, entry->d_name, 0);
        else
            visit(context, entry->d_name, (uint64_t)stat.st_size);
    }
}

static enum disk_status list(struct disk *disk, disk_visit *visit, void *context)
{
    struct disk_files *files = files_of(disk);
    int fd = openat(files->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        enum disk_status status = failed(files, "list", "");
        if (fd >= 0)
            close(fd);
        return status;
    }
    enum disk_status status = visit_all(files, entries, visit, context);
    closedir(entries);
    return status;
}

static bool choose_mapping(struct disk_files *files, enum log_write how)
{
    struct statfs system;
    if (how != LOG_WRITE_AUTO)
        return how == LOG_WRITE_MAPPED;
    if (fstatfs(files->directory, &system) != 0)
        return false;
    if (disk_overwrites_in_place((uint64_t)system.f_type))
        return true;
    logger_line(files->log, LEVEL_INFO, "disk",
                "the file system of %s (type %lx) may not overwrite in place: the log "
                "is written with pwrite; log-write = mapped would override this",
                files->path, (unsigned long)system.f_type);
    return false;
}

struct disk *disk_files_open(const char *directory, enum log_write how, struct logger *log)
{
    struct disk_files *files = calloc(1, sizeof(*files));
    CHECK_MEMORY(files);
    files->disk = (struct disk){.create = create,
                                .open = open_existing,
                                .write = write_at,
                                .read = read_at,
                                .sync = sync_file,
                                .close_file = close_file,
                                .remove = remove_file,
                                .list = list};
    files->log = log;
    files->path = strdup(directory);
    files->zeros = calloc(1, ZEROS_BYTES);
    CHECK(files->path != NULL && files->zeros != NULL);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        logger_line(log, LEVEL_ERROR, "disk", "cannot create %s: %s", directory, strerror(errno));
    files->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0) {
        logger_line(log, LEVEL_ERROR, "disk", "cannot open %s: %s", directory, strerror(errno));
        disk_files_close(&files->disk);
        return NULL;
    }
    files->mapped = choose_mapping(files, how);
    return &files->disk;
}

void disk_files_close(struct disk *disk)
{
    if (disk == NULL)
        return;
    struct disk_files *files = files_of(disk);
    if (files->directory >= 0)
        close(files->directory);
    free(files->path);
    free(files->zeros);
    free(files);
}
