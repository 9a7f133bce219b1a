/* A disk that forgets: preloaded into a server, it keeps for every file of the data directory an image of what has been
 * synced. After the server is killed, image.py builds from this and from what is in the page cache a directory as a
 * loss of power could have left it.
 *
 *   POWERLOSS_DATA          the data directory
 *   POWERLOSS_SHADOW        where the images go; the same file system
 *   POWERLOSS_IGNORE_SYNC   if set, syncs are believed by the server but do nothing: the negative control
 *
 * In the shadow directory `i<inode>` is what is durable of a file, `keep.<inode>` a second name of each file that was
 * unlinked, and `operations` lists what happened to names: create, mkdir, unlink, rename, and sync where a
 * directory was synced. What is there when the process starts counts as durable.
 *
 * fsync, fdatasync and msync copy what the file holds at the time of the call; writes to descriptors with O_SYNC or
 * O_DSYNC are copied alone. Nothing is really synced, which also makes the tests fast. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, MAPPINGS_MAX = 4096 };

struct mapping {
    uint8_t *at;
    size_t len;
    off_t offset;
    int fd; /* a duplicate, so that the mapping can be copied after the server closed its own */
};

static struct {
    pthread_mutex_t lock;
    char data[PATH_MAX], shadow[PATH_MAX];
    dev_t device;
    bool on, ignore_sync;
    struct mapping mappings[MAPPINGS_MAX];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void must(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "powerloss: %s: %s\n", what, strerror(errno));
        abort();
    }
}

static void note(const char *format, ...)
{
    char line[4 * PATH_MAX], path[PATH_MAX + 32];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    snprintf(path, sizeof(path), "%s/operations", state.shadow);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    must(fd >= 0 && syscall(SYS_write, fd, line, (size_t)len) == len, "noting an operation");
    close(fd);
}

/* Is this a file of the data directory? All regular files on its device are taken for such: the server opens no other
 * there but its configuration, which it does not write. */
static bool is_ours(int fd, struct stat *about)
{
    return state.on && fstat(fd, about) == 0 && S_ISREG(about->st_mode) && about->st_dev == state.device;
}

/* A path below the data directory, from there on; "." for the directory itself; NULL for everything else. */
static const char *name_in_data(const char *path)
{
    size_t len = strlen(state.data);
    if (!state.on || path == NULL || strncmp(path, state.data, len) != 0)
        return NULL;
    return path[len] == '\0' ? "." : path[len] == '/' ? path + len + 1 : NULL;
}

/* The path behind a descriptor. */
static const char *path_of(int fd, char *buffer)
{
    char link_name[64];
    snprintf(link_name, sizeof(link_name), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link_name, buffer, PATH_MAX - 1);
    buffer[len < 0 ? 0 : len] = '\0';
    return buffer;
}

/* The whole path of a name relative to a directory's descriptor. */
static const char *path_at(int directory, const char *name, char *buffer)
{
    char base[PATH_MAX];
    if (name[0] == '/' || directory == AT_FDCWD)
        snprintf(buffer, 2 * PATH_MAX, "%s", name);
    else
        snprintf(buffer, 2 * PATH_MAX, "%s/%s", path_of(directory, base), name);
    return buffer;
}

static int open_shadow(ino_t inode)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/i%lu", state.shadow, (unsigned long)inode);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0, path);
    return fd;
}

/* Copies len bytes from offset (len 0: the whole file, and its size) into the image. The descriptor may be write-only,
 * so the file is opened again for reading. */
static void copy_durable(int fd, ino_t inode, off_t offset, size_t len)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int from = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    int to = open_shadow(inode);
    must(from >= 0, "reading a file that is synced");
    struct stat about;
    must(fstat(from, &about) == 0, "fstat");
    off_t end = len == 0 || offset + (off_t)len > about.st_size ? about.st_size : offset + (off_t)len;
    uint8_t now[PAGE], then[PAGE];
    for (off_t at = offset; at < end;) {
        size_t want = (size_t)(end - at) < PAGE ? (size_t)(end - at) : PAGE;
        ssize_t got = pread(from, now, want, at), had = pread(to, then, want, at);
        if (got <= 0)
            break;
        if (got != had || memcmp(now, then, (size_t)got) != 0)
            must(syscall(SYS_pwrite64, to, now, (size_t)got, at) == got, "writing an image");
        at += got;
    }
    if (len == 0)
        must(syscall(SYS_ftruncate, to, about.st_size) == 0, "sizing an image");
    close(from);
    close(to);
}

/* Everything that is in the directory now is on the disk. */
static void note_all(const char *folder)
{
    DIR *directory = opendir(folder);
    must(directory != NULL, folder);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[PATH_MAX + NAME_MAX + 2];
        struct stat about;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        must(lstat(path, &about) == 0, path);
        if (S_ISDIR(about.st_mode)) {
            note("mkdir %s\n", name_in_data(path));
            note_all(path);
        } else if (S_ISREG(about.st_mode)) {
            int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
            must(fd >= 0, path);
            note("create %s %lu\n", name_in_data(path), (unsigned long)about.st_ino);
            copy_durable(fd, about.st_ino, 0, 0);
            close(fd);
        }
    }
    closedir(directory);
    note("sync %s\n", name_in_data(folder));
}

__attribute__((constructor)) static void begin(void)
{
    const char *data = getenv("POWERLOSS_DATA"), *shadow = getenv("POWERLOSS_SHADOW");
    if (data == NULL || shadow == NULL)
        return;
    struct stat about;
    must(stat(data, &about) == 0, data);
    snprintf(state.data, sizeof(state.data), "%s", data);
    snprintf(state.shadow, sizeof(state.shadow), "%s", shadow);
    state.device = about.st_dev;
    state.ignore_sync = getenv("POWERLOSS_IGNORE_SYNC") != NULL;
    state.on = true;
    note_all(state.data);
}

static int sync_file(int fd)
{
    struct stat about;
    char path[PATH_MAX];
    if (!state.on || fstat(fd, &about) != 0 || about.st_dev != state.device)
        return (int)syscall(SYS_fsync, fd);
    if (state.ignore_sync)
        return 0;
    pthread_mutex_lock(&state.lock);
    if (S_ISREG(about.st_mode))
        copy_durable(fd, about.st_ino, 0, 0);
    else if (S_ISDIR(about.st_mode) && name_in_data(path_of(fd, path)) != NULL)
        note("sync %s\n", name_in_data(path));
    pthread_mutex_unlock(&state.lock);
    return 0;
}

int fsync(int fd)
{
    return sync_file(fd);
}

int fdatasync(int fd)
{
    return sync_file(fd);
}

int msync(void *at, size_t len, int flags)
{
    if (!state.on)
        return (int)syscall(SYS_msync, at, len, flags);
    if (state.ignore_sync || (flags & MS_SYNC) == 0)
        return 0;
    pthread_mutex_lock(&state.lock);
    for (struct mapping *m = state.mappings; m < state.mappings + MAPPINGS_MAX; m++) {
        struct stat about;
        uint8_t *from = (uint8_t *)at;
        if (m->len != 0 && from >= m->at && from < m->at + m->len && fstat(m->fd, &about) == 0)
            copy_durable(m->fd, about.st_ino, m->offset + (from - m->at), len);
    }
    pthread_mutex_unlock(&state.lock);
    return 0;
}

static void *map(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    void *result = (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
    struct stat about;
    if (result == MAP_FAILED || fd < 0 || (flags & MAP_SHARED) == 0 || (protection & PROT_WRITE) == 0
        || !is_ours(fd, &about))
        return result;
    pthread_mutex_lock(&state.lock);
    struct mapping *free_one = state.mappings;
    while (free_one < state.mappings + MAPPINGS_MAX && free_one->len != 0)
        free_one++;
    must(free_one < state.mappings + MAPPINGS_MAX, "too many mappings");
    *free_one = (struct mapping){.at = result, .len = len, .offset = offset, .fd = dup(fd)};
    pthread_mutex_unlock(&state.lock);
    return result;
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return map(at, len, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
    return map(at, len, protection, flags, fd, offset);
}

int munmap(void *at, size_t len)
{
    if (state.on) {
        pthread_mutex_lock(&state.lock);
        for (struct mapping *m = state.mappings; m < state.mappings + MAPPINGS_MAX; m++) {
            if (m->len != 0 && m->at == (uint8_t *)at) {
                close(m->fd);
                m->len = 0;
            }
        }
        pthread_mutex_unlock(&state.lock);
    }
    return (int)syscall(SYS_munmap, at, len);
}

/* After a write of `done` bytes that ended at `end` through a descriptor that syncs each write. */
static void written(int fd, ssize_t done, off_t begin_at)
{
    struct stat about;
    if (done <= 0 || !state.on || state.ignore_sync || (fcntl(fd, F_GETFL) & O_DSYNC) == 0 || !is_ours(fd, &about))
        return;
    pthread_mutex_lock(&state.lock);
    copy_durable(fd, about.st_ino, begin_at, (size_t)done);
    pthread_mutex_unlock(&state.lock);
}

ssize_t write(int fd, const void *from, size_t len)
{
    ssize_t done = syscall(SYS_write, fd, from, len);
    if (done > 0)
        written(fd, done, lseek(fd, 0, SEEK_CUR) - done);
    return done;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    ssize_t done = syscall(SYS_writev, fd, pieces, count);
    if (done > 0)
        written(fd, done, lseek(fd, 0, SEEK_CUR) - done);
    return done;
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t offset)
{
    ssize_t done = syscall(SYS_pwrite64, fd, from, len, offset);
    written(fd, done, offset);
    return done;
}

ssize_t pwrite64(int fd, const void *from, size_t len, off64_t offset)
{
    ssize_t done = syscall(SYS_pwrite64, fd, from, len, offset);
    written(fd, done, offset);
    return done;
}

/* The kernel takes this offset in two halves, of which a 64-bit machine needs the first. */
static ssize_t write_pieces(int fd, const struct iovec *pieces, int count, off_t offset)
{
    return syscall(SYS_pwritev, fd, pieces, count, offset, 0);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    ssize_t done = write_pieces(fd, pieces, count, offset);
    written(fd, done, offset);
    return done;
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t offset)
{
    ssize_t done = write_pieces(fd, pieces, count, offset);
    written(fd, done, offset);
    return done;
}

/* Opening a name in the data directory: notes it when it is a new one. */
static int open_at(int directory, const char *path, int flags, mode_t mode)
{
    struct stat about;
    char full[2 * PATH_MAX];
    const char *name = state.on && (flags & O_CREAT) != 0 ? name_in_data(path_at(directory, path, full)) : NULL;
    if (name == NULL)
        return (int)syscall(SYS_openat, directory, path, flags, mode);
    pthread_mutex_lock(&state.lock);
    bool is_new = lstat(full, &about) != 0;
    int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
    int failure = errno;
    if (fd >= 0 && is_new && fstat(fd, &about) == 0)
        note("create %s %lu\n", name, (unsigned long)about.st_ino);
    pthread_mutex_unlock(&state.lock);
    errno = failure;
    return fd;
}

#define WITH_MODE(flags, last)                                                                                         \
    mode_t mode = 0;                                                                                                   \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                                                      \
        va_list arguments;                                                                                             \
        va_start(arguments, last);                                                                                     \
        mode = va_arg(arguments, mode_t);                                                                              \
        va_end(arguments);                                                                                             \
    }

int open(const char *path, int flags, ...)
{
    WITH_MODE(flags, flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    WITH_MODE(flags, flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    WITH_MODE(flags, flags)
    return open_at(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...)
{
    WITH_MODE(flags, flags)
    return open_at(directory, path, flags, mode);
}

/* A second name keeps what the file held, and keeps its inode from being given to another. */
static void keep(const char *path)
{
    struct stat about;
    char second[PATH_MAX + 64];
    if (lstat(path, &about) != 0)
        return;
    snprintf(second, sizeof(second), "%s/keep.%lu", state.shadow, (unsigned long)about.st_ino);
    must(link(path, second) == 0 || errno == EEXIST, second);
}

int unlinkat(int directory, const char *path, int flags)
{
    char full[2 * PATH_MAX];
    const char *name = state.on && flags == 0 ? name_in_data(path_at(directory, path, full)) : NULL;
    if (name == NULL)
        return (int)syscall(SYS_unlinkat, directory, path, flags);
    pthread_mutex_lock(&state.lock);
    keep(full);
    int result = (int)syscall(SYS_unlinkat, directory, path, flags), failure = errno;
    if (result == 0)
        note("unlink %s\n", name);
    pthread_mutex_unlock(&state.lock);
    errno = failure;
    return result;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int renameat(int old_directory, const char *from, int new_directory, const char *to)
{
    char old_path[2 * PATH_MAX], new_path[2 * PATH_MAX];
    const char *old_name = state.on ? name_in_data(path_at(old_directory, from, old_path)) : NULL;
    const char *new_name = state.on ? name_in_data(path_at(new_directory, to, new_path)) : NULL;
    if (old_name == NULL || new_name == NULL)
        return (int)syscall(SYS_renameat2, old_directory, from, new_directory, to, 0);
    pthread_mutex_lock(&state.lock);
    keep(new_path);
    int result = (int)syscall(SYS_renameat2, old_directory, from, new_directory, to, 0), failure = errno;
    if (result == 0)
        note("rename %s %s\n", old_name, new_name);
    pthread_mutex_unlock(&state.lock);
    errno = failure;
    return result;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    char full[2 * PATH_MAX];
    int result = (int)syscall(SYS_mkdirat, directory, path, mode), failure = errno;
    if (result == 0 && state.on && name_in_data(path_at(directory, path, full)) != NULL) {
        pthread_mutex_lock(&state.lock);
        note("mkdir %s\n", name_in_data(full));
        pthread_mutex_unlock(&state.lock);
    }
    errno = failure;
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
