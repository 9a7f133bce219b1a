#include "base/check.h"
#include "server/address.h"
#include "server/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All addresses: nothing that others could dial. */
static bool is_any(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* The first address of -l where it is one, else the machine's name; others resolve it. */
static void client_host(const struct config *config, char *host, size_t room)
{
    char list[256];
    const char *first = NULL;
    int port = 0;
    snprintf(list, sizeof(list), "%s", config->listen != NULL ? config->listen : "");
    list[strcspn(list, ",;")] = '\0';
    if (config->listen != NULL && listen_split_address(list, &first, &port) && first != NULL && !is_any(first)) {
        snprintf(host, room, "%s", first);
        return;
    }
    if (gethostname(host, room - 1) != 0)
        snprintf(host, room, "localhost");
}

static bool too_long(struct cluster *cluster, const char *what)
{
    logger_line(cluster->log, LEVEL_ERROR, "start", "the %s is longer than %d bytes", what, RING_ADDRESS_MAX);
    return false;
}

/* Opens the peer port; `host` is where clients reach this node. */
static bool open_peer_port(struct cluster *cluster, const char *host, int client_port)
{
    const struct config *config = cluster->config;
    struct address peer = {.port = (uint16_t)(client_port + PEER_PORT_ABOVE)};
    bool listens_where_told = config->listen != NULL;
    if (config->peer != NULL)
        CHECK(address_split(config->peer, &peer)); /* config_finish has looked at it */
    else if (listens_where_told)
        snprintf(peer.host, sizeof(peer.host), "%.*s", RING_ADDRESS_MAX, host);
    if (!listeners_open_peers(&cluster->listeners, peer.host, peer.port, config, cluster->log))
        return false;
    cluster->peer_port = cluster->listeners.tcp_port;
    if (config->peer_announce != NULL) {
        CHECK(address_split(config->peer_announce, &peer)); /* as above */
        return address_join(peer.host, peer.port, cluster->self.peer) || too_long(cluster, "announced peer address");
    }
    return address_join(is_any(peer.host) ? host : peer.host, (unsigned)cluster->peer_port, cluster->self.peer)
           || too_long(cluster, "peer address");
}

bool cluster_describe_self(struct cluster *cluster, const struct listeners *clients)
{
    const struct config *config = cluster->config;
    struct ring_member *self = &cluster->self;
    char host[256] = "";
    client_host(config, host, sizeof(host));
    *self = (struct ring_member){.id = ring_node_id(cluster->dir->node), .weight = (uint32_t)config->weight};
    snprintf(self->name, sizeof(self->name), "%s", cluster->dir->node);
    snprintf(self->rack, sizeof(self->rack), "%s", config->rack != NULL ? config->rack : "");
    snprintf(self->datacenter, sizeof(self->datacenter), "%s", config->datacenter != NULL ? config->datacenter : "");
    if (clients->tcp_port != 0 && !address_join(host, (unsigned)clients->tcp_port, self->client))
        return too_long(cluster, "address for clients");
    return !config_has_peers(config) || open_peer_port(cluster, host, clients->tcp_port);
}

char *cluster_list_members(const struct ring_view *view)
{
    char *list = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&list, &len);
    CHECK_MEMORY(out);
    for (uint32_t i = 0; i < view->member_count; i++) {
        struct address client;
        if (!address_split(view->members[i].client, &client) || client.host[0] == '\0')
            continue;
        bool is_number = client.host[strspn(client.host, "0123456789.")] == '\0' || strchr(client.host, ':') != NULL;
        fprintf(out, "%s%s|%s|%u", ftell(out) > 0 ? " " : "", client.host, is_number ? client.host : "", client.port);
    }
    fclose(out);
    CHECK_MEMORY(list);
    return list;
}
