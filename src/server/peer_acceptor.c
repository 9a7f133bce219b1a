#include "server/peer_acceptor.h"

#include "base/check.h"
#include "server/address.h"
#include "server/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void resume(struct peer_acceptor *acceptor)
{
    acceptor->accepting = true;
    for (unsigned i = 0; i < acceptor->listeners.count; i++)
        CHECK(event_add(&acceptor->events[i], NULL) == 0);
}

/* With the events away, those who wait do not keep the loop spinning. */
static void suspend(struct peer_acceptor *acceptor)
{
    acceptor->accepting = false;
    for (unsigned i = 0; i < acceptor->listeners.count; i++)
        event_del(&acceptor->events[i]);
    event_add(&acceptor->retry, &(struct timeval){.tv_usec = PEER_ACCEPT_RETRY_MS * 1000});
}

static void on_retry(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    resume(context);
}

static void describe(const struct sockaddr_storage *from, socklen_t len, char *text)
{
    char host[64], port[8];
    if (getnameinfo((const struct sockaddr *)from, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)
        != 0)
        snprintf(text, RING_ADDRESS_MAX + 1, "an unknown address");
    else
        snprintf(text, RING_ADDRESS_MAX + 1, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static void give_up(struct peer_acceptor *acceptor, int code)
{
    suspend(acceptor);
    if (!acceptor->failing)
        logger_line(acceptor->hub->log, LEVEL_WARNING, "peer", "cannot accept connections of other nodes: %s",
                    strerror(code));
    acceptor->failing = true;
}

static void on_acceptable(int fd, short what, void *context)
{
    (void)what;
    struct peer_acceptor *acceptor = context;
    for (unsigned i = 0; i < PEER_ACCEPTS_PER_EVENT; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        char address[RING_ADDRESS_MAX + 1];
        if (acceptor->hub->shaking >= PEER_HANDSHAKES_MAX) {
            suspend(acceptor);
            return;
        }
        int peer = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                give_up(acceptor, errno);
            return;
        }
        acceptor->failing = false;
        acceptor->accepted++;
        describe(&from, len, address);
        peer_link_accept(acceptor->hub, peer, address);
    }
}

void peer_acceptor_init(struct peer_acceptor *acceptor, struct peer_hub *hub, const struct listeners *listeners)
{
    *acceptor = (struct peer_acceptor){.hub = hub, .listeners = *listeners};
    for (unsigned i = 0; i < listeners->count; i++)
        event_assign(&acceptor->events[i], hub->base, listeners->fds[i], EV_READ | EV_PERSIST, on_acceptable, acceptor);
    event_assign(&acceptor->retry, hub->base, -1, 0, on_retry, acceptor);
    resume(acceptor);
}

void peer_acceptor_close(struct peer_acceptor *acceptor)
{
    if (acceptor->hub == NULL)
        return;
    for (unsigned i = 0; i < acceptor->listeners.count; i++)
        event_del(&acceptor->events[i]);
    event_del(&acceptor->retry);
    listeners_close(&acceptor->listeners);
    *acceptor = (struct peer_acceptor){0};
}

void peer_acceptor_on_refused(struct peer_acceptor *acceptor, const struct peer_link *link)
{
    uint64_t held;
    char left_out[LOGGER_GATE_TEXT_MAX];
    acceptor->refusals++;
    if (logger_gate_pass(&acceptor->refused, clock_now().mono_ns / 1000000, &held))
        logger_line(acceptor->hub->log, LEVEL_WARNING, "peer", "refused a connection from %s: %s%s", link->address,
                    link->fault, logger_gate_text(held, left_out));
}
