#include "server/peer_dialer.h"

#include "base/check.h"
#include "server/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void dial(struct peer_target *target);

uint32_t dial_pause_ms(unsigned failures, uint32_t chance)
{
    CHECK(failures > 0);
    uint32_t bound = failures < 6 ? (uint32_t)DIAL_PAUSE_MS_MIN << failures : DIAL_PAUSE_MS_MAX;
    bound = bound < DIAL_PAUSE_MS_MAX ? bound : DIAL_PAUSE_MS_MAX;
    return DIAL_PAUSE_MS_MIN + chance % (bound - DIAL_PAUSE_MS_MIN + 1);
}

void peer_dialer_init(struct peer_dialer *dialer, struct peer_hub *hub, struct address_book *book,
                      enum handshake_plane plane, uint16_t loop, bool speaks, uint64_t seed)
{
    *dialer = (struct peer_dialer){.hub = hub, .book = book, .plane = plane, .loop = loop, .speaks = speaks};
    prng_init(&dialer->chance, seed);
    list_init(&dialer->targets);
}

static void forget(struct peer_target *target, const char *why)
{
    struct peer_link *link = target->link;
    event_del(&target->retry);
    list_remove(&target->place);
    target->dialer->count--;
    chain_close(&target->waiting);
    if (link != NULL) {
        link->target = NULL;
        peer_link_close(link, why);
    }
    free(target);
}

void peer_dialer_close(struct peer_dialer *dialer)
{
    if (dialer->hub == NULL)
        return;
    while (!list_is_empty(&dialer->targets))
        forget(CONTAINER_OF(dialer->targets.next, struct peer_target, place), "this node stops");
    *dialer = (struct peer_dialer){0};
}

static void on_retry(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct peer_target *target = context;
    target->pausing = false;
    if (target->dialer->plane == PLANE_DATA)
        dial(target);
}

static void pause_target(struct peer_target *target)
{
    struct peer_dialer *dialer = target->dialer;
    target->failures++;
    target->pausing = true;
    chain_close(&target->waiting); /* late news is worse than none */
    uint32_t ms = dial_pause_ms(target->failures, (uint32_t)prng_next(&dialer->chance));
    event_add(&target->retry, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

/* Once for each kind of trouble, and again after a while. */
static void complain(struct peer_target *target, const char *what, const char *why)
{
    struct peer_dialer *dialer = target->dialer;
    uint64_t now_ms = clock_now().mono_ns / 1000000;
    if (target->complained_ms != 0 && strcmp(target->complaint, why) == 0
        && now_ms - target->complained_ms < DIAL_COMPLAINT_S * 1000)
        return;
    target->complained_ms = now_ms;
    snprintf(target->complaint, sizeof(target->complaint), "%s", why);
    logger_line(dialer->hub->log, dialer->speaks ? LEVEL_NOTICE : LEVEL_DEBUG, "peer", "%s to %s%s%s: %s", what,
                target->address, target->name[0] != '\0' ? ", node " : "", target->name, why);
}

void peer_dialer_troubles(const struct peer_dialer *dialer, char *text, size_t room)
{
    size_t len = 0;
    text[0] = '\0';
    for (struct list *at = dialer->targets.next; at != &dialer->targets; at = at->next) {
        const struct peer_target *target = CONTAINER_OF(at, struct peer_target, place);
        if (target->complained_ms != 0 && len < room)
            len += (size_t)snprintf(text + len, room - len, "%s%s: %s", len == 0 ? "" : "; ", target->address,
                                    target->complaint);
    }
}

static void dial(struct peer_target *target)
{
    struct peer_dialer *dialer = target->dialer;
    struct sockaddr_storage to;
    socklen_t len = 0;
    if (!address_book_find(dialer->book, target->address, &to, &len)) {
        if (target->failures > 2) /* a look-up takes its time */
            complain(target, "no connection", "its host name is not known");
        pause_target(target);
        return;
    }
    target->link =
        peer_link_dial(dialer->hub, (const struct sockaddr *)&to, len, target->address, dialer->plane, dialer->loop);
    if (target->link == NULL) {
        complain(target, "no connection", strerror(errno));
        address_book_doubt(dialer->book, target->address);
        pause_target(target);
        return;
    }
    target->link->target = target;
}

static struct peer_target *find(struct peer_dialer *dialer, const char *address, const char *name)
{
    for (struct list *at = dialer->targets.next; at != &dialer->targets; at = at->next) {
        struct peer_target *target = CONTAINER_OF(at, struct peer_target, place);
        if (strcmp(target->address, address) == 0 && strcmp(target->name, name) == 0)
            return target;
    }
    return NULL;
}

static struct peer_target *take(struct peer_dialer *dialer, const char *address, const char *name)
{
    struct peer_target *target = find(dialer, address, name);
    if (target != NULL || dialer->count == DIAL_TARGETS_MAX)
        return target;
    target = calloc(1, sizeof(*target));
    CHECK_MEMORY(target);
    target->dialer = dialer;
    snprintf(target->address, sizeof(target->address), "%s", address);
    snprintf(target->name, sizeof(target->name), "%s", name);
    chain_init(&target->waiting, &dialer->hub->chunks);
    event_assign(&target->retry, dialer->hub->base, -1, 0, on_retry, target);
    list_push_back(&dialer->targets, &target->place);
    dialer->count++;
    return target;
}

void peer_dialer_follow(struct peer_dialer *dialer, const struct ring_view *view, uint32_t self)
{
    for (struct list *at = dialer->targets.next; at != &dialer->targets; at = at->next)
        CONTAINER_OF(at, struct peer_target, place)->followed = false;
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct ring_member *member = &view->members[i];
        struct peer_target *target = member->id == self ? NULL : take(dialer, member->peer, member->name);
        if (target == NULL)
            continue;
        target->followed = true;
        if (target->link == NULL && !target->pausing)
            dial(target);
    }
    for (struct list *at = dialer->targets.next, *next; at != &dialer->targets; at = next) {
        next = at->next;
        struct peer_target *target = CONTAINER_OF(at, struct peer_target, place);
        if (!target->followed)
            forget(target, "the ring has changed");
    }
}

void peer_dialer_send(struct peer_dialer *dialer, const char *address, uint8_t type, struct bytes head)
{
    struct peer_target *target = take(dialer, address, "");
    if (target == NULL)
        return;
    target->used_ns = clock_now().mono_ns;
    if (target->link == NULL && !target->pausing)
        dial(target);
    if (target->link == NULL)
        return;
    bool is_up = target->link->was_up;
    struct chain *out = is_up ? &target->link->link.out : &target->waiting;
    size_t out_max = is_up ? (size_t)DIAL_WAITING_BYTES_MAX : (size_t)DIAL_WAITING_BYTES_MAX / 2;
    if (out->len + head.len > out_max)
        return;
    frame_append(out, type, head);
    if (is_up)
        peer_link_flush(target->link);
}

void peer_dialer_tidy(struct peer_dialer *dialer)
{
    uint64_t now_ns = clock_now().mono_ns;
    for (struct list *at = dialer->targets.next, *next; at != &dialer->targets; at = next) {
        next = at->next;
        struct peer_target *target = CONTAINER_OF(at, struct peer_target, place);
        if (now_ns - target->used_ns > (uint64_t)DIAL_IDLE_S * 1000000000)
            forget(target, "not used");
    }
}

static void move_waiting(struct peer_target *target)
{
    struct bytes slice;
    while (target->waiting.len != 0) {
        chain_slices(&target->waiting, &slice, 1);
        chain_append(&target->link->link.out, slice);
        chain_consume(&target->waiting, slice.len);
    }
}

void peer_dialer_hurry(struct peer_dialer *dialer, const char *node)
{
    for (struct list *at = dialer->targets.next; at != &dialer->targets; at = at->next) {
        struct peer_target *target = CONTAINER_OF(at, struct peer_target, place);
        if (target->pausing && strcmp(target->name, node) == 0)
            event_add(&target->retry, &(struct timeval){0}); /* its failures stay: it may still refuse us */
    }
}

bool peer_dialer_on_up(struct peer_link *link)
{
    struct peer_target *target = link->target;
    if (target->name[0] != '\0' && strcmp(target->name, link->peer.node) != 0) {
        snprintf(link->fault, sizeof(link->fault), "node %s answers there", link->peer.node);
        return false;
    }
    if (target->complained_ms != 0)
        logger_line(link->hub->log, target->dialer->speaks ? LEVEL_NOTICE : LEVEL_DEBUG, "peer",
                    "connected to node %s at %s", link->peer.node, link->address);
    target->up_ns = clock_now().mono_ns;
    target->complained_ms = 0;
    move_waiting(target);
    peer_link_flush(link);
    return peer_link_is_open(link);
}

void peer_dialer_on_down(struct peer_link *link)
{
    struct peer_target *target = link->target;
    link->target = NULL;
    target->link = NULL;
    if (!link->was_up)
        address_book_doubt(target->dialer->book, target->address);
    else if (clock_now().mono_ns - target->up_ns >= (uint64_t)DIAL_STEADY_MS * 1000000)
        target->failures = 0;
    complain(target, link->was_up ? "lost the connection" : "no connection", link->fault);
    pause_target(target);
}
