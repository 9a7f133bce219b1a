#include "server/peer_link.h"

#include "base/check.h"
#include "server/clock.h"
#include "server/send.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static void on_event(int fd, short what, void *context);
static void on_timeout(int fd, short what, void *context);

void peer_hub_init(struct peer_hub *hub)
{
    CHECK(hub->base != NULL && hub->buffer != NULL && hub->buffer_bytes >= 2 * HANDSHAKE_BYTES_MAX);
    pool_init(&hub->chunks, chain_chunk_size(), PEER_CHUNKS_KEPT);
    list_init(&hub->links);
    list_init(&hub->dead);
}

void peer_hub_close(struct peer_hub *hub)
{
    if (hub->base == NULL)
        return;
    while (!list_is_empty(&hub->links))
        peer_link_close(CONTAINER_OF(hub->links.next, struct peer_link, place), "this node stops");
    peer_hub_bury(hub);
    pool_close(&hub->chunks);
    *hub = (struct peer_hub){0};
}

void peer_hub_bury(struct peer_hub *hub)
{
    for (struct list *at; (at = list_pop_front(&hub->dead)) != NULL;) {
        struct peer_link *link = CONTAINER_OF(at, struct peer_link, place);
        free(link->partial); /* not before: a message in it may still be looked at when the link is closed */
        free(link);
    }
}

/* Sets what the event waits for; the same again costs nothing. */
static void watch(struct peer_link *link, short what)
{
    if (link->watched == what)
        return;
    if (link->watched != 0)
        event_del(&link->event);
    link->watched = (uint8_t)what;
    if (what == 0)
        return;
    event_assign(&link->event, link->hub->base, link->fd, (short)(what | EV_PERSIST), on_event, link);
    CHECK(event_add(&link->event, NULL) == 0);
}

/* Reads, and writes when the socket takes something, as far as that is wanted of this link now. */
static void watch_as_wanted(struct peer_link *link, bool writes)
{
    /* Who does not take our replies is asked for no more requests. */
    bool is_full = writes && link->link.out.len > link->link.out_max;
    bool reads = link->link.is_dialled || (!is_full && !link->hub->is_draining);
    watch(link, (short)((reads ? EV_READ : 0) | (writes ? EV_WRITE : 0)));
}

void peer_hub_drain(struct peer_hub *hub)
{
    hub->is_draining = true;
    for (struct list *at = hub->links.next; at != &hub->links; at = at->next) {
        struct peer_link *link = CONTAINER_OF(at, struct peer_link, place);
        watch_as_wanted(link, (link->watched & EV_WRITE) != 0);
    }
}

bool peer_hub_has_replies(const struct peer_hub *hub)
{
    for (const struct list *at = hub->links.next; at != &hub->links; at = at->next) {
        const struct peer_link *link = CONTAINER_OF(at, struct peer_link, place);
        if (!link->link.is_dialled && link->link.out.len != 0)
            return true;
    }
    return false;
}

static void drop_handshake(struct peer_link *link)
{
    if (link->handshake == NULL)
        return;
    free(link->handshake);
    link->handshake = NULL;
    link->hub->shaking--;
    event_del(&link->timeout);
}

/* Out of the hub's lists but for the dead; the socket is the caller's. */
static void retire(struct peer_link *link)
{
    watch(link, 0);
    drop_handshake(link);
    link->fd = -1;
    list_remove(&link->place);
    list_push_back(&link->hub->dead, &link->place);
}

void peer_link_close(struct peer_link *link, const char *why)
{
    struct peer_hub *hub = link->hub;
    if (link->fd < 0)
        return;
    if (why != link->fault)
        snprintf(link->fault, sizeof(link->fault), "%s", why);
    int fd = link->fd;
    retire(link);
    close(fd);
    if (link->was_up)
        atomic_fetch_sub(&hub->traffic.links_up, 1);
    hub->ports.on_down(hub->ports.host, link);
    chain_close(&link->link.out);
}

static void set_options(int fd)
{
    int on = 1, idle = PEER_KEEPALIVE_S, patience = PEER_UNACKNOWLEDGED_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

static struct peer_link *link_new(struct peer_hub *hub, int fd, const char *address)
{
    struct peer_link *link = calloc(1, sizeof(*link));
    CHECK_MEMORY(link);
    link->hub = hub;
    link->fd = fd;
    link->link.out_max = hub->out_max;
    snprintf(link->address, sizeof(link->address), "%s", address);
    chain_init(&link->link.out, &hub->chunks);
    list_push_back(&hub->links, &link->place);
    set_options(fd);
    return link;
}

static void begin_handshake(struct peer_link *link)
{
    struct peer_hub *hub = link->hub;
    link->handshake = calloc(1, sizeof(*link->handshake));
    CHECK_MEMORY(link->handshake);
    hub->shaking++;
    event_assign(&link->timeout, hub->base, -1, 0, on_timeout, link);
    event_add(&link->timeout,
              &(struct timeval){.tv_sec = HANDSHAKE_MS_MAX / 1000, .tv_usec = HANDSHAKE_MS_MAX % 1000 * 1000});
}

static void draw_nonce(uint8_t *nonce)
{
    size_t len = 0;
    while (len < HANDSHAKE_NONCE_BYTES) {
        ssize_t got = getrandom(nonce + len, HANDSHAKE_NONCE_BYTES - len, 0);
        len += got > 0 ? (size_t)got : 0;
    }
}

struct peer_link *peer_link_dial(struct peer_hub *hub, const struct sockaddr *to, socklen_t to_len, const char *address,
                                 enum handshake_plane plane, uint16_t loop)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    if (connect(fd, to, to_len) != 0 && errno != EINPROGRESS) {
        int code = errno;
        close(fd);
        errno = code;
        return NULL;
    }
    struct peer_link *link = link_new(hub, fd, address);
    link->link.is_dialled = true;
    link->plane = (uint8_t)plane;
    link->loop = loop;
    link->state = PEER_CONNECTING;
    begin_handshake(link);
    watch(link, EV_WRITE);
    return link;
}

struct peer_link *peer_link_accept(struct peer_hub *hub, int fd, const char *address)
{
    uint8_t nonce[HANDSHAKE_NONCE_BYTES];
    struct peer_link *link = link_new(hub, fd, address);
    link->state = PEER_SHAKING;
    begin_handshake(link);
    draw_nonce(nonce);
    handshake_accept(link->handshake, hub->identity, nonce);
    watch(link, EV_READ);
    return link;
}

/* The connection stands: say HELLO. */
static void on_connected(struct peer_link *link)
{
    uint8_t nonce[HANDSHAKE_NONCE_BYTES];
    int code = 0;
    socklen_t len = sizeof(code);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
        code = errno;
    if (code != 0) {
        peer_link_close(link, strerror(code));
        return;
    }
    link->state = PEER_SHAKING;
    draw_nonce(nonce);
    handshake_dial(link->handshake, link->hub->identity, (enum handshake_plane)link->plane, link->loop, nonce,
                   &link->link.out);
    watch(link, EV_READ);
    peer_link_flush(link);
}

static void on_timeout(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct peer_link *link = context;
    peer_link_close(link, link->state == PEER_CONNECTING ? "no connection within 3 s" : "no handshake within 3 s");
}

static void fill_link(struct peer_link *link)
{
    link->state = PEER_UP;
    link->plane = link->peer.plane;
    link->link.peer = ring_node_id(link->peer.node);
    link->link.peer_incarnation = link->peer.incarnation;
}

/* The owner takes the link, or refuses it, or has sent it away. */
static void come_up(struct peer_link *link)
{
    struct peer_hub *hub = link->hub;
    uint8_t plane = link->plane;
    link->peer = link->handshake->peer;
    if (link->link.is_dialled)
        link->peer.plane = plane; /* the acceptor's WELCOME need not repeat it */
    drop_handshake(link);
    fill_link(link);
    peer_link_flush(link);
    if (!peer_link_is_open(link))
        return;
    atomic_fetch_add(&hub->traffic.links_up, 1);
    link->was_up = true;
    if (hub->ports.on_up(hub->ports.host, link))
        return;
    if (peer_link_is_open(link)) {
        link->was_up = false;
        atomic_fetch_sub(&hub->traffic.links_up, 1);
        peer_link_close(link, link->fault);
    }
}

struct peer_arrival *peer_link_depart(struct peer_link *link)
{
    if (link->link.out.len != 0)
        return NULL;
    struct peer_arrival *arrival = calloc(1, sizeof(*arrival));
    CHECK_MEMORY(arrival);
    arrival->fd = link->fd;
    arrival->peer = link->peer;
    memcpy(arrival->address, link->address, sizeof(arrival->address));
    list_init(&arrival->place);
    retire(link);
    atomic_fetch_sub(&link->hub->traffic.links_up, 1);
    chain_close(&link->link.out);
    return arrival;
}

void peer_link_arrive(struct peer_hub *hub, struct peer_arrival *arrival)
{
    struct peer_link *link = link_new(hub, arrival->fd, arrival->address);
    link->peer = arrival->peer;
    free(arrival);
    fill_link(link);
    atomic_fetch_add(&hub->traffic.links_up, 1);
    link->was_up = true;
    watch_as_wanted(link, false);
    if (!hub->ports.on_up(hub->ports.host, link))
        peer_link_close(link, link->fault);
}

void peer_arrival_free(struct peer_arrival *arrival)
{
    close(arrival->fd);
    free(arrival);
}

/* Returns how many bytes belonged to the handshake. */
static size_t shake(struct peer_link *link, struct bytes in)
{
    size_t used = 0;
    switch (handshake_feed(link->handshake, in, &used, &link->link.out)) {
    case HANDSHAKE_MORE:
        peer_link_flush(link);
        if (peer_link_is_open(link) && in.len - used > HANDSHAKE_BYTES_MAX)
            peer_link_close(link, "a handshake that is too long");
        break;
    case HANDSHAKE_DONE:
        /* A dialler says nothing before it has our READY: so a link that goes to another thread carries no bytes. */
        if (!link->link.is_dialled && used < in.len)
            peer_link_close(link, "bytes before the end of the handshake");
        else
            come_up(link);
        break;
    case HANDSHAKE_REFUSED:
        snprintf(link->fault, sizeof(link->fault), "%s", link->handshake->fault);
        peer_link_flush(link);
        peer_link_close(link, link->fault);
        break;
    }
    link->wanted = in.len - used + 1;
    return used;
}

static void complain(struct peer_link *link, const char *what)
{
    uint64_t held;
    char left_out[LOGGER_GATE_TEXT_MAX];
    char fault[PEER_FAULT_MAX];
    struct peer_hub *hub = link->hub;
    snprintf(fault, sizeof(fault), "%s", what);
    if (logger_gate_pass(&hub->malformed, clock_now().mono_ns / 1000000, &held))
        logger_line(hub->log, LEVEL_WARNING, "peer", "node %s at %s sent %s; the connection is closed%s",
                    link->peer.node, link->address, what, logger_gate_text(held, left_out));
    peer_link_close(link, fault);
}

/* Hands on the whole frames of `in`; returns how many bytes they had. */
static size_t take_frames(struct peer_link *link, struct bytes in)
{
    struct peer_hub *hub = link->hub;
    size_t frame_max = link->plane == PLANE_DATA ? hub->frame_max : (size_t)FRAME_HEAD_MAX + FRAME_HEADER_BYTES;
    size_t at = 0;
    while (peer_link_is_open(link)) {
        struct frame frame;
        size_t used = 0;
        enum frame_status status =
            at == in.len ? FRAME_MORE : frame_next(bytes_of(in.at + at, in.len - at), frame_max, &frame, &used);
        if (status == FRAME_MORE) {
            link->wanted = used;
            break;
        }
        if (status == FRAME_BAD) {
            complain(link, "a damaged frame");
            break;
        }
        at += used;
        counter_add(&hub->traffic.frames_read, 1);
        if (!hub->ports.on_frame(hub->ports.host, link, &frame) && peer_link_is_open(link)) {
            char what[48];
            snprintf(what, sizeof(what), "a malformed message of type %u", frame.type);
            complain(link, what);
        }
    }
    return at;
}

static void reserve(struct peer_link *link, size_t room)
{
    if (link->partial_room >= room)
        return;
    link->partial = realloc(link->partial, room);
    CHECK_MEMORY(link->partial);
    link->partial_room = room;
}

/* The bytes behind the last whole frame wait in the link's own buffer. */
static void keep(struct peer_link *link, struct bytes rest)
{
    if (rest.len != 0) {
        reserve(link, rest.len);
        memmove(link->partial, rest.at, rest.len);
    } else if (link->partial_room > PEER_PARTIAL_KEPT) {
        free(link->partial);
        link->partial = NULL;
        link->partial_room = 0;
    }
    link->partial_len = rest.len;
}

/* One recv for an event. A frame that is larger than the common buffer collects in memory of its own. */
static void on_readable(struct peer_link *link)
{
    struct peer_hub *hub = link->hub;
    size_t have = link->partial_len, room = hub->buffer_bytes;
    uint8_t *at = hub->buffer;
    if (link->wanted > room) {
        room = link->wanted;
        reserve(link, room);
        at = link->partial;
    } else if (have != 0) {
        memcpy(at, link->partial, have);
    }
    ssize_t got = recv(link->fd, at + have, room - have, 0);
    if (got <= 0) {
        if (got == 0)
            peer_link_close(link, "closed by the other side");
        else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            peer_link_close(link, strerror(errno));
        return;
    }
    counter_add(&hub->traffic.bytes_read, (uint64_t)got);
    struct bytes in = bytes_of(at, have + (size_t)got);
    size_t used = 0;
    if (link->state == PEER_SHAKING)
        used = shake(link, in);
    if (peer_link_is_open(link) && link->state == PEER_UP)
        used += take_frames(link, bytes_of(in.at + used, in.len - used));
    if (peer_link_is_open(link))
        keep(link, bytes_of(in.at + used, in.len - used));
}

static void on_event(int fd, short what, void *context)
{
    (void)fd;
    struct peer_link *link = context;
    if (link->state == PEER_CONNECTING) {
        on_connected(link);
        return;
    }
    if ((what & EV_WRITE) != 0) {
        watch_as_wanted(link, false);
        peer_link_flush(link);
    }
    if ((what & EV_READ) != 0 && peer_link_is_open(link))
        on_readable(link);
}

void peer_link_flush(struct peer_link *link)
{
    struct chain *out = &link->link.out;
    if (!peer_link_is_open(link) || link->state == PEER_CONNECTING)
        return;
    if ((link->watched & EV_WRITE) != 0) {
        watch_as_wanted(link, true); /* what waits has grown */
        return;
    }
    while (out->len != 0) {
        ssize_t sent = send_chain(link->fd, out);
        if (sent < 0) {
            peer_link_close(link, strerror(errno));
            return;
        }
        if (sent == 0) {
            watch_as_wanted(link, true);
            return;
        }
        counter_add(&link->hub->traffic.bytes_written, (uint64_t)sent);
        counter_add(&link->hub->traffic.writes, 1);
        chain_consume(out, (size_t)sent);
    }
}
