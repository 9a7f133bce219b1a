#include "server/data_dir.h"

#include "base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDENTITY_BYTES_MAX = 512, PATH_BYTES_MAX = 4096 };

static const char IDENTITY[] = "identity";
static const char MAGIC[] = "ringcached-data";

static bool refuse(struct logger *log, const char *path, const char *what)
{
    logger_line(log, LEVEL_ERROR, "data-directory", "data directory %s %s", path, what);
    return false;
}

static bool refuse_errno(struct logger *log, const char *path, const char *what)
{
    int code = errno;
    const char *advice = code == EACCES || code == EPERM ? "; check its owner and permissions"
                         : code == EROFS                 ? "; it must be writeable"
                         : code == ENOENT                ? "; its parent directory does not exist"
                                                         : "";
    logger_line(log, LEVEL_ERROR, "data-directory", "data directory %s cannot be %s: %s%s", path, what, strerror(code),
                advice);
    return false;
}

static const char *path_in(const struct data_dir *dir, const char *name, char *buffer)
{
    snprintf(buffer, PATH_BYTES_MAX, "%s/%s", dir->path, name);
    return buffer;
}

static bool sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static bool lock(struct data_dir *dir, struct logger *log)
{
    char path[PATH_BYTES_MAX], holder[32] = "";
    dir->lock = open(path_in(dir, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dir->lock < 0)
        return refuse_errno(log, dir->path, "locked");
    if (flock(dir->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return refuse_errno(log, dir->path, "locked");
        ssize_t got = pread(dir->lock, holder, sizeof(holder) - 1, 0);
        holder[got > 0 ? got : 0] = '\0';
        holder[strcspn(holder, "\n")] = '\0';
        logger_line(log, LEVEL_ERROR, "data-directory",
                    "data directory %s is in use by another process%s%s; stop it or name another directory with --data",
                    dir->path, holder[0] != '\0' ? ", pid " : "", holder);
        return false;
    }
    int len = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    if (ftruncate(dir->lock, 0) != 0 || pwrite(dir->lock, holder, (size_t)len, 0) != len)
        return refuse_errno(log, dir->path, "written");
    return true;
}

/* A directory that holds anything but what we make before the identity is somebody else's. */
static bool is_empty(const struct data_dir *dir)
{
    DIR *entries = opendir(dir->path);
    if (entries == NULL)
        return true; /* unreadable: the next step says so */
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lock") != 0
            && strcmp(name, "lost+found") != 0 && strcmp(name, "identity.new") != 0)
            empty = false;
    }
    closedir(entries);
    return empty;
}

static bool write_identity(struct data_dir *dir, struct logger *log)
{
    char text[IDENTITY_BYTES_MAX], draft[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    int len =
        snprintf(text, sizeof(text), "%s %d\nnode %s\npartitions %u\n", MAGIC, DATA_FORMAT, dir->node, dir->partitions);
    int fd = open(path_in(dir, "identity.new", draft), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse_errno(log, dir->path, "written");
    bool good = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    close(fd);
    if (!good || rename(draft, path_in(dir, IDENTITY, path)) != 0 || !sync_path(dir->path))
        return refuse_errno(log, dir->path, "written");
    return true;
}

static bool parse_identity(struct data_dir *dir, const char *text, struct logger *log)
{
    char magic[32], node[RING_NAME_MAX + 1];
    unsigned format = 0, partitions = 0;
    _Static_assert(RING_NAME_MAX == 63, "the width in the format below");
    if (sscanf(text, "%31s %u", magic, &format) != 2 || strcmp(magic, MAGIC) != 0)
        return refuse(log, dir->path, "has a damaged identity file; restore it or name another directory");
    if (format > DATA_FORMAT)
        return refuse(log, dir->path, "was written by a later release; install that release or name another one");
    if (sscanf(text, "%*s %*u node %63s partitions %u", node, &partitions) != 2)
        return refuse(log, dir->path, "has a damaged identity file; restore it or name another directory");
    memcpy(dir->node, node, sizeof(node));
    dir->partitions = partitions;
    return true;
}

static bool read_identity(struct data_dir *dir, int fd, struct logger *log)
{
    char text[IDENTITY_BYTES_MAX];
    ssize_t got = read(fd, text, sizeof(text) - 1);
    if (got < 0)
        return refuse_errno(log, dir->path, "read");
    text[got] = '\0';
    return parse_identity(dir, text, log);
}

static bool match(const struct data_dir *dir, const struct data_dir_wish *wish, struct logger *log)
{
    if (wish->node != NULL && strcmp(wish->node, dir->node) != 0) {
        logger_line(log, LEVEL_ERROR, "data-directory",
                    "data directory %s belongs to node %s, not to %s; drop --node or name another directory", dir->path,
                    dir->node, wish->node);
        return false;
    }
    if (wish->partitions != 0 && wish->partitions != dir->partitions)
        logger_line(log, LEVEL_NOTICE, "data-directory",
                    "data directory %s was founded with %u partitions, which stay; partitions = %u has no effect",
                    dir->path, dir->partitions, wish->partitions);
    return true;
}

/* Looked at before the lock file is made: a foreign directory stays as it was. */
static bool is_foreign(const struct data_dir *dir)
{
    char path[PATH_BYTES_MAX];
    return access(path_in(dir, IDENTITY, path), F_OK) != 0 && errno == ENOENT && !is_empty(dir);
}

static bool identify(struct data_dir *dir, const struct data_dir_wish *wish, struct logger *log)
{
    char path[PATH_BYTES_MAX];
    int fd = open(path_in(dir, IDENTITY, path), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        bool good = read_identity(dir, fd, log);
        close(fd);
        return good && match(dir, wish, log);
    }
    if (errno != ENOENT)
        return refuse_errno(log, dir->path, "read");
    dir->fresh = true;
    dir->partitions = wish->partitions != 0 ? wish->partitions : RING_PARTITIONS_DEFAULT;
    snprintf(dir->node, sizeof(dir->node), "%s", wish->node != NULL ? wish->node : wish->node_default);
    return write_identity(dir, log);
}

bool data_dir_open(struct data_dir *dir, const struct data_dir_wish *wish, struct logger *log)
{
    *dir = (struct data_dir){.lock = -1, .path = strdup(wish->path)};
    CHECK_MEMORY(dir->path);
    bool good = strlen(wish->path) < PATH_BYTES_MAX - 32;
    if (!good)
        refuse(log, "", "has too long a path");
    if (good && mkdir(dir->path, 0700) != 0 && errno != EEXIST)
        good = refuse_errno(log, dir->path, "made");
    if (good && is_foreign(dir))
        good = refuse(log, dir->path,
                      "is not empty and has not been made by ringcached; name an empty or a new directory with --data");
    good = good && lock(dir, log) && identify(dir, wish, log);
    if (!good)
        data_dir_close(dir);
    return good;
}

bool data_dir_make(const struct data_dir *dir, const char *name, char *path, size_t room, struct logger *log)
{
    snprintf(path, room, "%s/%s", dir->path, name);
    if (mkdir(path, 0700) == 0)
        return data_dir_sync(dir, log);
    return errno == EEXIST || refuse_errno(log, dir->path, "written");
}

bool data_dir_sync(const struct data_dir *dir, struct logger *log)
{
    char parent[PATH_BYTES_MAX];
    snprintf(parent, sizeof(parent), "%s/..", dir->path);
    if (dir->fresh)
        (void)sync_path(parent); /* it may belong to somebody else and not be ours to read */
    return sync_path(dir->path) || refuse_errno(log, dir->path, "synced");
}

bool data_dir_is_there(const struct data_dir *dir)
{
    struct stat facts;
    return dir->lock < 0 || fstat(dir->lock, &facts) != 0 || facts.st_nlink > 0;
}

void data_dir_close(struct data_dir *dir)
{
    if (dir->path != NULL && dir->lock >= 0)
        close(dir->lock);
    dir->lock = -1;
    free(dir->path);
    dir->path = NULL;
}
