#include "server/mesh.h"

#include "base/check.h"

#include <stdio.h>

static bool on_up(void *host, struct peer_link *link)
{
    struct mesh *mesh = host;
    if (link->target != NULL && !peer_dialer_on_up(link))
        return false;
    if (link->plane != PLANE_DATA) {
        snprintf(link->fault, sizeof(link->fault), "membership is not spoken here");
        return mesh->ports.on_member_frame != NULL;
    }
    if (!admissions_allow(mesh->settings->admissions, link->peer.node, link->peer.incarnation)) {
        snprintf(link->fault, sizeof(link->fault), "it is not known yet whether this process is node %s, or another is",
                 link->peer.node);
        return false;
    }
    if (!link->link.is_dialled)
        peer_dialer_hurry(&mesh->dialer, link->peer.node);
    if (!link->link.is_dialled && mesh->ports.deal != NULL && link->peer.loop != MESH_LOOP_REPAIRS) {
        mesh->ports.deal(mesh->ports.host, link);
        return false;
    }
    node_link_up(mesh->node, mesh->ports.begin(mesh->ports.host), &link->link);
    return true;
}

static bool on_frame(void *host, struct peer_link *link, const struct frame *frame)
{
    struct mesh *mesh = host;
    struct instant now = mesh->ports.begin(mesh->ports.host);
    if ((frame->type >= MESSAGE_OF_MEMBERSHIP) != (link->plane == PLANE_MEMBERSHIP))
        return false;
    return link->plane == PLANE_DATA ? node_receive(mesh->node, now, &link->link, frame)
                                     : mesh->ports.on_member_frame(mesh->ports.host, link, frame);
}

static void on_down(void *host, struct peer_link *link)
{
    struct mesh *mesh = host;
    struct instant now = mesh->ports.begin(mesh->ports.host);
    if (link->link.room != NULL) { /* the node knows it */
        node_link_down(mesh->node, now, &link->link);
        mesh->has_lost = true;
    }
    if (link->target != NULL)
        peer_dialer_on_down(link);
    else if (!link->was_up && !link->link.is_dialled && mesh->ports.on_refused != NULL)
        mesh->ports.on_refused(mesh->ports.host, link);
}

static void on_timer(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct mesh *mesh = context;
    mesh->armed_ns = UINT64_MAX;
    node_tick(mesh->node, mesh->ports.begin(mesh->ports.host));
}

void mesh_init(struct mesh *mesh, const struct mesh_settings *settings, struct node *node, struct event_base *base,
               const struct mesh_ports *ports, uint8_t *buffer, size_t buffer_bytes, uint16_t number, bool speaks)
{
    *mesh = (struct mesh){.settings = settings, .node = node, .ports = *ports, .armed_ns = UINT64_MAX};
    mesh->hub = (struct peer_hub){.base = base,
                                  .log = settings->log,
                                  .identity = settings->identity,
                                  .buffer = buffer,
                                  .buffer_bytes = buffer_bytes,
                                  .frame_max = settings->frame_max,
                                  .out_max = settings->out_max,
                                  .ports = {.on_up = on_up, .on_frame = on_frame, .on_down = on_down, .host = mesh}};
    peer_hub_init(&mesh->hub);
    peer_dialer_init(&mesh->dialer, &mesh->hub, settings->book, PLANE_DATA, number, speaks,
                     settings->identity->incarnation + number);
    event_assign(&mesh->timer, base, -1, 0, on_timer, mesh);
}

void mesh_close(struct mesh *mesh)
{
    if (mesh->settings == NULL)
        return;
    event_del(&mesh->timer);
    peer_dialer_close(&mesh->dialer);
    peer_hub_close(&mesh->hub);
    *mesh = (struct mesh){0};
}

/* Another process has become the node at their other end. */
static void expel(struct mesh *mesh)
{
    for (struct list *at = mesh->hub.links.next, *next; at != &mesh->hub.links; at = next) {
        struct peer_link *link = CONTAINER_OF(at, struct peer_link, place);
        next = at->next; /* a link that is closed moves to another list */
        if (link->was_up && link->plane == PLANE_DATA
            && !admissions_allow(mesh->settings->admissions, link->peer.node, link->peer.incarnation))
            peer_link_close(link, "another process has become this node");
    }
}

void mesh_follow(struct mesh *mesh)
{
    expel(mesh);
    if (mesh->settings->has_peers && node_loop_view(mesh->node)->epoch != 0)
        peer_dialer_follow(&mesh->dialer, node_loop_view(mesh->node), mesh->settings->self);
}

void mesh_drain(struct mesh *mesh)
{
    peer_hub_drain(&mesh->hub);
}

bool mesh_flush(struct mesh *mesh)
{
    struct link *link;
    mesh->has_lost = false;
    while ((link = node_next_flush(mesh->node)) != NULL)
        peer_link_flush(CONTAINER_OF(link, struct peer_link, link));
    return mesh->has_lost;
}

/* Deadlines move away with most turns; the timer is left to go off early then. */
static void arm(struct mesh *mesh, struct instant now)
{
    uint64_t at = node_wake_at(mesh->node);
    if (at >= mesh->armed_ns)
        return;
    uint64_t us = at > now.mono_ns ? (at - now.mono_ns) / 1000 + 1 : 1;
    us = us < 1000 ? 1000 : us;
    event_add(&mesh->timer,
              &(struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)});
    mesh->armed_ns = at;
}

void mesh_end_turn(struct mesh *mesh, struct instant now)
{
    peer_hub_bury(&mesh->hub);
    arm(mesh, now);
}
