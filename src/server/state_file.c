#include "server/state_file.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096 };

static bool fail(struct logger *log, const char *path, const char *what, int code)
{
    logger_line(log, LEVEL_ERROR, "data-directory", "cannot %s %s: %s", what, path, strerror(code));
    return false;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len != 0) {
        ssize_t written = write(fd, content.at, content.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        content = bytes_of(content.at + written, content.len - (size_t)written);
    }
    return true;
}

static bool sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

bool state_file_write(const char *directory, const char *name, struct bytes content, struct logger *log)
{
    char path[PATH_BYTES_MAX], draft[PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    snprintf(draft, sizeof(draft), "%s/%s.new", directory, name);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(log, draft, "write", errno);
    bool good = write_all(fd, content) && fsync(fd) == 0;
    int code = errno;
    close(fd);
    if (!good)
        return fail(log, draft, "write", code);
    if (rename(draft, path) != 0 || !sync_directory(directory))
        return fail(log, path, "replace", errno);
    return true;
}

static bool read_all(int fd, uint8_t **content, size_t *len)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return false;
    if (facts.st_size > STATE_FILE_BYTES_MAX) {
        errno = EFBIG;
        return false;
    }
    *content = malloc((size_t)facts.st_size + 1);
    CHECK_MEMORY(*content);
    while (*len < (size_t)facts.st_size) {
        ssize_t got = read(fd, *content + *len, (size_t)facts.st_size - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    return true;
}

bool state_file_read(const char *directory, const char *name, uint8_t **content, size_t *len, struct logger *log)
{
    char path[PATH_BYTES_MAX];
    *content = NULL;
    *len = 0;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || fail(log, path, "read", errno);
    bool good = read_all(fd, content, len);
    int code = errno;
    close(fd);
    if (good && *len != 0)
        return true;
    free(*content);
    *content = NULL;
    *len = 0;
    if (!good)
        return fail(log, path, "read", code);
    /* Nobody wrote it so: taken for no file at all, it would let a member begin anew. */
    logger_line(log, LEVEL_ERROR, "data-directory", "%s is damaged: it is empty", path);
    return false;
}
