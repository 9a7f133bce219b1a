#include "server/connection.h"

#include "base/check.h"
#include "server/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(int fd, short what, void *context);

struct connection *connection_new(struct loop *loop, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->loop = loop;
    connection->fd = fd;
    connection->verdict = SESSION_READ;
    list_init(&connection->link);
    return connection;
}

/* Sets what the event waits for; the same again costs nothing. */
static void watch(struct connection *connection, short what)
{
    if (connection->watched == what)
        return;
    if (connection->watched != 0)
        event_del(&connection->event);
    connection->watched = (uint8_t)what;
    if (what == 0)
        return;
    event_assign(&connection->event, connection->loop->base, connection->fd, (short)(what | EV_PERSIST), on_event,
                 connection);
    CHECK(event_add(&connection->event, NULL) == 0);
}

static void watch_also(struct connection *connection, short what)
{
    watch(connection, (short)(connection->watched | what));
}

static void watch_no_more(struct connection *connection, short what)
{
    watch(connection, (short)(connection->watched & ~what));
}

static void touch(struct connection *connection)
{
    uint32_t now_s = (uint32_t)(loop_now(connection->loop).mono_ns / 1000000000);
    atomic_store_explicit(&connection->active_s, now_s, memory_order_relaxed);
}

void connection_begin(struct connection *connection)
{
    session_init(&connection->session, &connection->loop->frontend, connection);
    touch(connection);
    watch(connection, EV_READ);
}

/* Out of every queue and list, the session gone: nobody refers to it any more. */
static void connection_free(struct connection *connection)
{
    struct loop *loop = connection->loop;
    pthread_mutex_lock(&loop->connections_lock);
    list_remove(&connection->link);
    pthread_mutex_unlock(&loop->connections_lock);
    free(connection);
}

/* A queued connection is freed by whoever takes it out of its queue. */
static void free_unless_queued(struct connection *connection)
{
    if (!connection->in_work && !connection->in_unsent)
        connection_free(connection);
}

void connection_close(struct connection *connection)
{
    struct loop *loop = connection->loop;
    if (connection->fd < 0)
        return;
    watch(connection, 0);
    /* Under the lock, so that nobody who looks at the list meets a descriptor that has been reused. */
    pthread_mutex_lock(&loop->connections_lock);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&loop->connections_lock);
    loop->connection_closed(loop->host);
    connection->at_end = true;
    connection->verdict = SESSION_CLOSE;
    if (session_close(&connection->session))
        free_unless_queued(connection);
    else
        connection->verdict = SESSION_PAUSE;
}

static bool is_gone(const struct connection *connection)
{
    return connection->fd < 0;
}

static void queue_work(struct connection *connection, struct queue *queue)
{
    if (connection->in_work)
        return;
    connection->in_work = true;
    queue_push(queue, &connection->work);
}

void connection_ready(struct connection *connection)
{
    if (!is_gone(connection)) {
        queue_work(connection, &connection->loop->resumed);
    } else if (session_close(&connection->session)) {
        connection->verdict = SESSION_CLOSE;
        free_unless_queued(connection);
    }
}

static void queue_output(struct connection *connection)
{
    if (connection->in_unsent || (connection->watched & EV_WRITE) != 0)
        return;
    connection->in_unsent = true;
    queue_push(&connection->loop->unsent, &connection->output);
}

/* Has everything been said? Then a connection whose client sends no more is over. */
static void close_if_over(struct connection *connection)
{
    if (connection->at_end && connection->session.out.len == 0 && connection->session.inflight == 0
        && !connection->in_work)
        connection_close(connection);
}

static void obey(struct connection *connection, enum session_verdict verdict)
{
    connection->verdict = (uint8_t)verdict;
    switch (verdict) {
    case SESSION_READ:
        if (!connection->at_end)
            watch_also(connection, EV_READ);
        break;
    case SESSION_YIELD:
        queue_work(connection, &connection->loop->later);
        break;
    case SESSION_PAUSE:
        break; /* the event is left as it is until it fires: most pauses end before */
    case SESSION_CLOSE:
        connection->at_end = true;
        watch_no_more(connection, EV_READ);
        break;
    }
    if (connection->session.out.len != 0)
        queue_output(connection);
    else
        close_if_over(connection);
}

static void on_end(struct connection *connection)
{
    connection->at_end = true;
    watch_no_more(connection, EV_READ);
    if (connection->session.out.len != 0)
        queue_output(connection);
    close_if_over(connection);
}

/* One recv for an event: when there is more, the event comes again, and the others have their turn before. */
static void on_readable(struct connection *connection)
{
    struct loop *loop = connection->loop;
    struct session *session = &connection->session;
    if (connection->verdict != SESSION_READ) {
        if (connection->verdict != SESSION_YIELD)
            watch_no_more(connection, EV_READ);
        return;
    }
    size_t room = LOOP_READ_BYTES;
    uint8_t *at = session_value_room(session, &room);
    bool is_value = at != NULL;
    if (!is_value) {
        at = loop->buffer;
        room = LOOP_READ_BYTES;
    }
    ssize_t got = recv(connection->fd, at, room, 0);
    if (got > 0) {
        touch(connection);
        counter_add(&loop->counters.bytes_read, (uint64_t)got);
        struct instant now = loop_now(loop);
        obey(connection, is_value ? session_filled(session, now, (size_t)got)
                                  : session_feed(session, now, bytes_of(at, (size_t)got)));
    } else if (got == 0) {
        on_end(connection);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        connection_close(connection);
    }
}

static void on_event(int fd, short what, void *context)
{
    (void)fd;
    struct connection *connection = context;
    connection->loop->has_begun = true;
    if ((what & EV_WRITE) != 0) {
        watch_no_more(connection, EV_WRITE);
        queue_output(connection);
    }
    if ((what & EV_READ) != 0)
        on_readable(connection);
}

void connection_continue(struct connection *connection)
{
    connection->in_work = false;
    if (is_gone(connection)) {
        if (connection->verdict == SESSION_CLOSE)
            free_unless_queued(connection);
        return;
    }
    obey(connection, session_continue(&connection->session, loop_now(connection->loop)));
}

void connection_flush(struct connection *connection)
{
    connection->in_unsent = false;
    if (is_gone(connection)) {
        if (connection->verdict == SESSION_CLOSE)
            free_unless_queued(connection);
        return;
    }
    struct chain *out = &connection->session.out;
    while (out->len != 0) {
        ssize_t sent = send_chain(connection->fd, out);
        if (sent < 0) {
            connection_close(connection);
            return;
        }
        if (sent == 0) {
            watch_also(connection, EV_WRITE);
            return;
        }
        counter_add(&connection->loop->counters.bytes_written, (uint64_t)sent);
        chain_consume(out, (size_t)sent);
    }
    /* A session that had paused because its replies piled up goes on in the next turn. */
    if (connection->verdict == SESSION_PAUSE)
        queue_work(connection, &connection->loop->later);
    close_if_over(connection);
}
