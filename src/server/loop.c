#include "server/loop.h"

#include "base/check.h"
#include "server/clock.h"
#include "server/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct instant loop_read_clock(struct loop *loop)
{
    loop->now = clock_now();
    loop->now_is_known = true;
    return loop->now;
}

static struct connection *work_pop(struct queue *queue)
{
    struct queue_node *node = queue_pop(queue);
    return node == NULL ? NULL : CONTAINER_OF(node, struct connection, work);
}

/* Moves newly accepted connections from the inbox into the loop. */
static void take_inbox(struct loop *loop)
{
    for (;;) {
        pthread_mutex_lock(&loop->connections_lock);
        struct list *node = list_pop_front(&loop->inbox);
        if (node != NULL)
            list_push_back(&loop->connections, node);
        pthread_mutex_unlock(&loop->connections_lock);
        if (node == NULL)
            return;
        connection_begin(CONTAINER_OF(node, struct connection, link));
    }
}

static void take_arrivals(struct loop *loop)
{
    for (;;) {
        pthread_mutex_lock(&loop->connections_lock);
        struct list *node = list_pop_front(&loop->arrivals);
        pthread_mutex_unlock(&loop->connections_lock);
        if (node == NULL)
            return;
        peer_link_arrive(&loop->mesh.hub, CONTAINER_OF(node, struct peer_arrival, place));
    }
}

static void on_wake(int fd, short what, void *context)
{
    (void)what;
    struct loop *loop = context;
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    (void)got;
    /* Before looking: what comes after it wakes again. An exchange, because whoever found it set and wrote nothing must
     * be seen: a store would not be ordered after his work. */
    (void)atomic_exchange(&loop->woken, false);
    loop->has_begun = true;
    take_inbox(loop);
    take_arrivals(loop);
    if (atomic_exchange(&loop->ring_is_new, false))
        mesh_follow(&loop->mesh);
}

/* mesh_ports.begin */
static struct instant begin(void *host)
{
    struct loop *loop = host;
    loop->has_begun = true;
    return loop_now(loop);
}

static void on_idle_check(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct loop *loop = context;
    uint32_t now_s = (uint32_t)(loop_now(loop).mono_ns / 1000000000);
    for (struct list *at = loop->connections.next, *next; at != &loop->connections; at = next) {
        next = at->next;
        struct connection *connection = CONTAINER_OF(at, struct connection, link);
        uint32_t active_s = atomic_load_explicit(&connection->active_s, memory_order_relaxed);
        if (connection->fd < 0 || now_s - active_s <= loop->idle_timeout_s)
            continue;
        counter_add(&loop->counters.idle_kicks, 1);
        connection_close(connection);
    }
}

static bool make_base(struct loop *loop)
{
    struct event_config *config = event_config_new();
    CHECK_MEMORY(config);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    return loop->base != NULL;
}

bool loop_init(struct loop *loop, const struct loop_options *options)
{
    *loop = (struct loop){.log = options->log,
                          .idle_timeout_s = options->idle_timeout_s,
                          .patience_ms = options->patience_ms,
                          .connection_closed = options->connection_closed,
                          .host = options->closed_host};
    queue_init(&loop->later);
    queue_init(&loop->resumed);
    queue_init(&loop->unsent);
    list_init(&loop->connections);
    list_init(&loop->inbox);
    list_init(&loop->arrivals);
    CHECK(pthread_mutex_init(&loop->connections_lock, NULL) == 0);
    loop->buffer = malloc(LOOP_READ_BYTES);
    CHECK_MEMORY(loop->buffer);
    node_init(&loop->node, options->shared, options->store, options->hint_store);
    frontend_init(&loop->frontend, &loop->node, options->settings, options->host);
    loop->frontend.prefixes = options->prefixes;
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0 || !make_base(loop)) {
        logger_line(loop->log, LEVEL_ERROR, "start", "cannot make an event loop: %s", strerror(errno));
        loop_close(loop);
        return false;
    }
    const struct mesh_ports ports = {.begin = begin, .host = loop};
    mesh_init(&loop->mesh, options->mesh, &loop->node, loop->base, &ports, loop->buffer, LOOP_READ_BYTES,
              options->number, false);
    event_assign(&loop->wake_event, loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    event_add(&loop->wake_event, NULL);
    if (loop->idle_timeout_s != 0) {
        event_assign(&loop->idle_event, loop->base, -1, EV_PERSIST, on_idle_check, loop);
        event_add(&loop->idle_event, &(struct timeval){.tv_sec = 1});
    }
    return true;
}

void loop_close(struct loop *loop)
{
    CHECK(!loop->is_running && list_is_empty(&loop->connections));
    for (struct list *at; (at = list_pop_front(&loop->arrivals)) != NULL;)
        peer_arrival_free(CONTAINER_OF(at, struct peer_arrival, place));
    mesh_close(&loop->mesh);
    if (loop->base != NULL)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    frontend_close(&loop->frontend);
    if (node_pending(&loop->node) == 0)
        node_close(&loop->node); /* else something waits for a disk that does not answer; the process ends anyway */
    free(loop->buffer);
    free(loop->cluster_text);
    pthread_mutex_destroy(&loop->connections_lock);
    *loop = (struct loop){.wake_fd = -1};
}

void loop_wake(struct loop *loop)
{
    if (atomic_exchange(&loop->woken, true))
        return;
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof(one));
    (void)written; /* it can only be full, and then the loop is woken anyway */
}

void loop_adopt(struct loop *loop, int fd)
{
    struct connection *connection = connection_new(loop, fd);
    if (connection == NULL) {
        close(fd);
        loop->connection_closed(loop->host);
        return;
    }
    pthread_mutex_lock(&loop->connections_lock);
    list_push_back(&loop->inbox, &connection->link);
    pthread_mutex_unlock(&loop->connections_lock);
    loop_wake(loop);
}

void loop_adopt_peer(struct loop *loop, struct peer_arrival *arrival)
{
    pthread_mutex_lock(&loop->connections_lock);
    list_push_back(&loop->arrivals, &arrival->place);
    pthread_mutex_unlock(&loop->connections_lock);
    loop_wake(loop);
}

void loop_follow_ring(struct loop *loop)
{
    atomic_store(&loop->ring_is_new, true);
    loop_wake(loop);
}

/* Requests that have ended let sessions go on, which may end more requests; each session does at most its share (-R)
 * before it yields to the next turn. A link to another node that breaks while it is written to ends requests, too. */
static void settle(struct loop *loop)
{
    struct connection *connection;
    do {
        node_settle(&loop->node, loop_now(loop));
        while ((connection = work_pop(&loop->resumed)) != NULL)
            connection_continue(connection);
    } while (!queue_is_empty(&loop->resumed) || mesh_flush(&loop->mesh));
}

static void send_replies(struct loop *loop)
{
    for (struct queue_node *node; (node = queue_pop(&loop->unsent)) != NULL;)
        connection_flush(CONTAINER_OF(node, struct connection, output));
}

/* Those that yielded in the last turn. Who yields again waits for the next. */
static void go_on_later(struct loop *loop)
{
    struct queue now;
    struct connection *connection;
    queue_init(&now);
    queue_append(&now, &loop->later);
    while ((connection = work_pop(&now)) != NULL)
        connection_continue(connection);
}

static void turn(struct loop *loop)
{
    bool waits = queue_is_empty(&loop->later);
    loop->now_is_known = loop->has_begun = false;
    event_base_loop(loop->base, waits ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (!waits) {
        loop->has_begun = true;
        go_on_later(loop);
    }
    if (!loop->has_begun)
        return;
    settle(loop);
    send_replies(loop);
    mesh_end_turn(&loop->mesh, loop_now(loop));
    frontend_end_turn(&loop->frontend, loop_now(loop), clock_now());
}

static void close_all(struct loop *loop)
{
    take_inbox(loop);
    for (struct list *at = loop->connections.next, *next; at != &loop->connections; at = next) {
        next = at->next;
        connection_close(CONTAINER_OF(at, struct connection, link));
    }
}

static void on_patience(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    ((struct loop *)context)->has_begun = true;
}

/* Do other nodes still wait for answers? */
static bool is_asked(const struct loop *loop)
{
    return node_pending(&loop->node) > 0 || peer_hub_has_replies(&loop->mesh.hub);
}

/* What clients and other nodes have asked is finished, the latter within the loop's patience. */
static void finish(struct loop *loop)
{
    uint64_t ms = loop->patience_ms, until_ns = clock_now().mono_ns + ms * 1000000;
    struct event patience;
    event_assign(&patience, loop->base, -1, 0, on_patience, loop);
    event_add(&patience, &(struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)});
    mesh_drain(&loop->mesh);
    close_all(loop);
    while (!list_is_empty(&loop->connections) || (is_asked(loop) && clock_now().mono_ns < until_ns))
        turn(loop);
    event_del(&patience);
}

static void *run(void *context)
{
    struct loop *loop = context;
    while (!atomic_load_explicit(&loop->stopping, memory_order_acquire))
        turn(loop);
    finish(loop);
    return NULL;
}

bool loop_start(struct loop *loop, unsigned number)
{
    char name[16];
    int code = pthread_create(&loop->thread, NULL, run, loop);
    if (code != 0) {
        logger_line(loop->log, LEVEL_ERROR, "start", "cannot start a thread: %s", strerror(code));
        return false;
    }
    loop->is_running = true;
    snprintf(name, sizeof(name), "worker-%u", number % 1000);
    pthread_setname_np(loop->thread, name);
    return true;
}

void loop_stop(struct loop *loop)
{
    atomic_store_explicit(&loop->stopping, true, memory_order_release);
    if (loop->is_running)
        loop_wake(loop);
}

void loop_join(struct loop *loop)
{
    if (loop->is_running)
        pthread_join(loop->thread, NULL);
    loop->is_running = false;
}
