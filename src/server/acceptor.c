#include "server/acceptor.h"

#include "server/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void resume(struct acceptor *acceptor)
{
    atomic_store(&acceptor->accepting, true);
    for (unsigned i = 0; i < acceptor->listeners.count; i++)
        event_add(&acceptor->events[i], NULL);
}

/* With the events away, waiting clients do not keep the loop spinning. */
static void suspend(struct acceptor *acceptor)
{
    if (!atomic_exchange(&acceptor->accepting, false))
        return;
    atomic_fetch_add(&acceptor->disabled, 1);
    for (unsigned i = 0; i < acceptor->listeners.count; i++)
        event_del(&acceptor->events[i]);
}

static bool is_at_limit(const struct acceptor *acceptor)
{
    return atomic_load(&acceptor->current) >= acceptor->connections_max;
}

static void on_retry(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct acceptor *acceptor = context;
    acceptor->retrying = false;
    if (!atomic_load(&acceptor->accepting) && !(acceptor->waits && is_at_limit(acceptor)))
        resume(acceptor);
}

static void on_resume(int fd, short what, void *context)
{
    (void)what;
    struct acceptor *acceptor = context;
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    (void)got;
    if (!atomic_load(&acceptor->accepting) && !acceptor->retrying && !is_at_limit(acceptor))
        resume(acceptor);
}

void acceptor_on_closed(void *context)
{
    struct acceptor *acceptor = context;
    atomic_fetch_sub(&acceptor->current, 1);
    if (atomic_load(&acceptor->accepting))
        return;
    uint64_t one = 1;
    ssize_t written = write(acceptor->resume_fd, &one, sizeof(one));
    (void)written;
}

/* The system is short of something; trying again at once would only spin. */
static void back_off(struct acceptor *acceptor, int code)
{
    logger_line(acceptor->log, LEVEL_WARNING, "accept", "cannot accept connections: %s; trying again every %d ms",
                strerror(code), ACCEPT_RETRY_MS);
    suspend(acceptor);
    acceptor->retrying = true;
    event_add(&acceptor->retry_event, &(struct timeval){.tv_usec = ACCEPT_RETRY_MS * 1000});
}

static void reject(struct acceptor *acceptor, int fd)
{
    static const char TEXT[] = "ERROR Too many open connections\r\n";
    ssize_t sent = send(fd, TEXT, sizeof(TEXT) - 1, MSG_NOSIGNAL);
    (void)sent;
    close(fd);
    atomic_fetch_add(&acceptor->rejected, 1);
}

/* The system gives the lowest number that is free, so a high one means that few are left. */
static bool is_scarce(const struct acceptor *acceptor, int fd)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return false;
    uint64_t most = limit.rlim_cur / FILES_KEPT_SHARE;
    uint64_t kept = acceptor->files_wanted < most ? acceptor->files_wanted : most;
    return (uint64_t)fd >= limit.rlim_cur - kept;
}

static void reject_for_files(struct acceptor *acceptor, int fd)
{
    uint64_t held;
    char left_out[LOGGER_GATE_TEXT_MAX];
    reject(acceptor, fd);
    if (logger_gate_pass(&acceptor->scarce, clock_now().mono_ns / 1000000, &held))
        logger_line(acceptor->log, LEVEL_WARNING, "accept",
                    "refused a connection: the process's limit of open files leaves no more for clients beside its own "
                    "files and the links to other nodes; raise it (ulimit -n, LimitNOFILE=) or lower -c%s",
                    logger_gate_text(held, left_out));
}

static void reject_for_limit(struct acceptor *acceptor, int fd)
{
    reject(acceptor, fd);
    logger_line(acceptor->log, LEVEL_INFO, "accept", "refused a connection: %llu are open (-c)",
                (unsigned long long)acceptor->connections_max);
}

static void deal(struct acceptor *acceptor, int fd)
{
    atomic_fetch_add(&acceptor->current, 1);
    atomic_fetch_add(&acceptor->total, 1);
    logger_line(acceptor->log, LEVEL_DEBUG, "accept", "connection %d goes to worker %u", fd, acceptor->next);
    loop_adopt(&acceptor->loops[acceptor->next], fd);
    acceptor->next = (acceptor->next + 1) % acceptor->loop_count;
}

static void on_acceptable(int fd, short what, void *context)
{
    (void)what;
    struct acceptor *acceptor = context;
    for (unsigned i = 0; i < ACCEPTS_PER_EVENT; i++) {
        if (acceptor->waits && is_at_limit(acceptor)) {
            suspend(acceptor);
            /* One may have closed just before accepting was switched off: then nobody would wake us. */
            if (!is_at_limit(acceptor))
                resume(acceptor);
            return;
        }
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                back_off(acceptor, errno);
            else if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return;
        }
        if (is_at_limit(acceptor))
            reject_for_limit(acceptor, client);
        else if (is_scarce(acceptor, client))
            reject_for_files(acceptor, client);
        else
            deal(acceptor, client);
    }
}

bool acceptor_init(struct acceptor *acceptor, struct event_base *base, const struct listeners *listeners,
                   struct logger *log)
{
    *acceptor = (struct acceptor){.base = base, .listeners = *listeners, .log = log};
    acceptor->resume_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (acceptor->resume_fd < 0) {
        logger_line(log, LEVEL_ERROR, "start", "cannot make an eventfd: %s", strerror(errno));
        *acceptor = (struct acceptor){0}; /* the listeners stay the caller's */
        return false;
    }
    for (unsigned i = 0; i < listeners->count; i++)
        event_assign(&acceptor->events[i], base, listeners->fds[i], EV_READ | EV_PERSIST, on_acceptable, acceptor);
    event_assign(&acceptor->retry_event, base, -1, 0, on_retry, acceptor);
    event_assign(&acceptor->resume_event, base, acceptor->resume_fd, EV_READ | EV_PERSIST, on_resume, acceptor);
    event_add(&acceptor->resume_event, NULL);
    return true;
}

void acceptor_start(struct acceptor *acceptor, struct loop *loops, unsigned loop_count, uint64_t connections_max,
                    uint64_t files, bool waits)
{
    acceptor->loops = loops;
    acceptor->loop_count = loop_count;
    acceptor->connections_max = connections_max;
    acceptor->files_wanted = files;
    acceptor->waits = waits;
    resume(acceptor);
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (acceptor->base == NULL)
        return;
    for (unsigned i = 0; i < acceptor->listeners.count; i++)
        event_del(&acceptor->events[i]);
    event_del(&acceptor->retry_event);
    event_del(&acceptor->resume_event);
    acceptor->base = NULL;
    atomic_store(&acceptor->accepting, false);
}

void acceptor_close(struct acceptor *acceptor)
{
    acceptor_stop(acceptor);
    if (acceptor->resume_fd > 0)
        close(acceptor->resume_fd);
    acceptor->resume_fd = 0;
    listeners_close(&acceptor->listeners);
}
