#include "server/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* The parent's side: the child's byte, or its exit status when it died without a word. */
static _Noreturn void await_child(int report, pid_t child)
{
    uint8_t status = EX_SOFTWARE;
    ssize_t got;
    do {
        got = read(report, &status, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(status);
    int exited = 0;
    waitpid(child, &exited, 0);
    _exit(WIFEXITED(exited) && WEXITSTATUS(exited) != 0 ? WEXITSTATUS(exited) : EX_SOFTWARE);
}

int daemon_begin(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child > 0) {
        close(ends[1]);
        await_child(ends[0], child);
    }
    close(ends[0]);
    setsid();
    return ends[1];
}

void daemon_report(int report, int status, bool keep_errors)
{
    if (report < 0)
        return;
    int null = status == 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        if (!keep_errors)
            dup2(null, STDERR_FILENO);
        close(null);
    }
    uint8_t byte = (uint8_t)status;
    ssize_t written = write(report, &byte, 1);
    (void)written; /* a parent that is gone needs no report */
    close(report);
}

bool process_drop_root(const char *user, struct logger *log)
{
    if (getuid() != 0 && geteuid() != 0)
        return true;
    if (user == NULL) {
        logger_line(log, LEVEL_NOTICE, "user", "running as root; -u USER gives root up");
        return true;
    }
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL) {
        logger_line(log, LEVEL_ERROR, "user", "can't find the user %s to switch to", user);
        return false;
    }
    if (entry->pw_uid == 0)
        return true;
    if (initgroups(user, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0) {
        logger_line(log, LEVEL_ERROR, "user", "failed to assume identity of user %s: %s", user, strerror(errno));
        return false;
    }
    return true;
}

uint64_t process_raise_files(uint64_t connections, uint64_t own, struct logger *log)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return connections;
    rlim_t needed = connections + own;
    if (limit.rlim_cur >= needed)
        return connections;
    struct rlimit raised = {.rlim_cur = needed, .rlim_max = limit.rlim_max < needed ? needed : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return connections;
    raised = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit.rlim_cur = limit.rlim_max;
    /* `own` allows for many other nodes: where it takes everything, half is still for clients. */
    uint64_t fit = limit.rlim_cur > 2 * own ? limit.rlim_cur - own : limit.rlim_cur / 2;
    if (fit >= connections)
        return connections;
    logger_line(log, LEVEL_WARNING, "limits",
                "the limit of open files allows %" PRIu64 " connections instead of %" PRIu64 "; raise it (ulimit -n, "
                "LimitNOFILE=) or lower -c",
                fit, connections);
    return fit;
}

bool process_allow_core(struct logger *log)
{
    struct rlimit limit, raised = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    if (getrlimit(RLIMIT_CORE, &limit) == 0 && setrlimit(RLIMIT_CORE, &raised) != 0) {
        raised = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        (void)setrlimit(RLIMIT_CORE, &raised);
    }
    if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur != 0)
        return true;
    logger_line(log, LEVEL_ERROR, "limits", "failed to ensure corefile creation: the hard limit is 0");
    return false;
}

/* What mlockall has locked of the file's mapping is unlocked again. */
static void unlock_mapping_of(const char *name)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;
    while (maps != NULL && getline(&line, &room, maps) >= 0) {
        uintptr_t from, to;
        line[strcspn(line, "\n")] = '\0';
        const char *base = strrchr(line, '/');
        if (base != NULL && strcmp(base + 1, name) == 0 && sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2)
            munlock((void *)from, to - from);
    }
    free(line);
    if (maps != NULL)
        fclose(maps);
}

void process_lock_memory(const char *except, struct logger *log)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    /* With a finite limit later allocations would fail, which is worse than memory that can be swapped. */
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) {
        logger_line(log, LEVEL_WARNING, "limits", "memory is not locked (-k): the limit of locked memory is finite");
        return;
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        logger_line(log, LEVEL_WARNING, "limits", "memory is not locked (-k): %s", strerror(errno));
    unlock_mapping_of(except);
}

bool pid_file_write(const char *path, struct logger *log)
{
    long old = 0;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%ld", &old) == 1 && old > 0 && old != (long)getpid() && kill((pid_t)old, 0) == 0)
            logger_line(log, LEVEL_WARNING, "pid-file", "%s named the running process %ld", path, old);
        fclose(file);
    }
    char draft[4096];
    snprintf(draft, sizeof(draft), "%s.tmp", path);
    file = fopen(draft, "we");
    bool good = file != NULL && fprintf(file, "%ld\n", (long)getpid()) > 0;
    if (file != NULL)
        good = fclose(file) == 0 && good;
    good = good && rename(draft, path) == 0;
    if (!good)
        logger_line(log, LEVEL_ERROR, "pid-file", "cannot write %s: %s", path, strerror(errno));
    return good;
}

void pid_file_remove(const char *path)
{
    unlink(path);
}
