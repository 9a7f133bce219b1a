#include "server/cluster.h"

#include "base/check.h"
#include "server/clock.h"
#include "server/cluster_links.h"
#include "server/state_file.h"
#include "server/version.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* Not 0. */
static uint64_t draw(void)
{
    uint64_t number = 0;
    while (number == 0) {
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            number = 0;
    }
    return number;
}

static void split_seeds(struct cluster *cluster)
{
    char *rest = NULL;
    if (cluster->config->seeds == NULL)
        return;
    cluster->seeds_text = strdup(cluster->config->seeds);
    CHECK_MEMORY(cluster->seeds_text);
    for (char *one = strtok_r(cluster->seeds_text, ";, ", &rest);
         one != NULL && cluster->seed_count < MEMBERSHIP_SEEDS_MAX; one = strtok_r(NULL, ";, ", &rest))
        cluster->seeds[cluster->seed_count++] = one;
}

bool cluster_prepare(struct cluster *cluster, const struct config *config, const struct data_dir *dir,
                     const struct listeners *clients, struct event_base *base, struct logger *log)
{
    *cluster = (struct cluster){.config = config, .dir = dir, .base = base, .log = log, .wake_fd = -1};
    cluster->book = address_book_new();
    cluster->admissions = admissions_new();
    split_seeds(cluster);
    if (!secret_load(&cluster->secret, config->secret_file, log) || !cluster_describe_self(cluster, clients))
        return false;
    const char *fault = ring_member_fault(&cluster->self);
    if (fault != NULL) {
        logger_line(log, LEVEL_ERROR, "start", "this node cannot be a member of a ring: %s", fault);
        return false;
    }
    cluster->identity = (struct handshake_identity){.cluster = config->cluster,
                                                    .node = cluster->self.name,
                                                    .incarnation = draw(),
                                                    .secret = secret_bytes(&cluster->secret)};
    /* Each owner may have added siblings up to the limit before the copies met. */
    size_t object_max = RING_COPIES_MAX * config_object_max(config);
    cluster->mesh_settings = (struct mesh_settings){.has_peers = config_has_peers(config),
                                                    .identity = &cluster->identity,
                                                    .book = cluster->book,
                                                    .admissions = cluster->admissions,
                                                    .self = cluster->self.id,
                                                    .frame_max = object_max + PEER_FRAME_BEYOND_OBJECT,
                                                    .out_max = config->peer_queue_bytes,
                                                    .log = log};
    return true;
}

/* The main thread's node and its links. */

static struct instant begin(void *host)
{
    (void)host;
    return clock_now();
}

/* A worker's loop serves who dialled; equal numbers meet each other, so that the load of many spreads. */
static void deal(void *host, struct peer_link *link)
{
    struct cluster *cluster = host;
    unsigned number = link->peer.loop % cluster->loop_count;
    struct peer_arrival *arrival = peer_link_depart(link);
    if (arrival != NULL)
        loop_adopt_peer(&cluster->loops[number], arrival);
    else
        snprintf(link->fault, sizeof(link->fault), "the end of the handshake could not be sent at once");
}

static bool on_member_frame(void *host, struct peer_link *link, const struct frame *frame)
{
    struct cluster *cluster = host;
    return membership_receive(cluster->membership, clock_now(), link->peer.node, frame);
}

static void on_refused(void *host, struct peer_link *link)
{
    struct cluster *cluster = host;
    if (cluster->acceptor.hub != NULL) /* else the end has come, and nobody is refused for a fault of his own */
        peer_acceptor_on_refused(&cluster->acceptor, link);
}

static void open_node(struct cluster *cluster, struct store_loop *hint_store)
{
    const struct mesh_ports ports = {
        .begin = begin, .deal = deal, .on_member_frame = on_member_frame, .on_refused = on_refused, .host = cluster};
    uint16_t number = (uint16_t)(cluster->loop_count + 1);
    cluster->buffer = malloc(CLUSTER_READ_BYTES);
    CHECK_MEMORY(cluster->buffer);
    node_init(&cluster->node, cluster->shared, store_loop_of(cluster->store, number), hint_store);
    node_begin_repair(&cluster->node);
    mesh_init(&cluster->mesh, &cluster->mesh_settings, &cluster->node, cluster->base, &ports, cluster->buffer,
              CLUSTER_READ_BYTES, MESH_LOOP_REPAIRS, false);
    peer_dialer_init(&cluster->messenger, &cluster->mesh.hub, cluster->book, PLANE_MEMBERSHIP, number, true, draw());
    cluster->is_open = true;
}

/* Membership. */

static bool open_membership(struct cluster *cluster, const struct cluster_parts *parts)
{
    const struct config *config = cluster->config;
    char fault[192] = "";
    uint8_t *saved = NULL;
    size_t saved_len = 0;
    struct membership_settings settings = {.self = cluster->self,
                                           .seed_count = cluster->seed_count,
                                           .ring = {.partition_count = cluster->dir->partitions,
                                                    .strategy = (enum ring_strategy)config->strategy,
                                                    .copies = (uint8_t)config->copies,
                                                    .tokens = (uint16_t)config->tokens},
                                           .buckets = config->buckets,
                                           .incarnation = cluster->identity.incarnation,
                                           .version = SERVER_VERSION,
                                           .seed = draw(),
                                           .is_copied = parts->is_copied,
                                           .clock_bound_ms = (uint32_t)config->clock_bound_ms};
    struct membership_ports ports = CLUSTER_PORTS;
    ports.host = cluster;
    memcpy(settings.seeds, cluster->seeds, sizeof(settings.seeds));
    if (cluster->dir->path != NULL
        && !state_file_read(cluster->dir->path, "membership", &saved, &saved_len, cluster->log))
        return false;
    if (saved_len == 0 && parts->has_run && !node_is_empty(cluster->shared)) {
        logger_line(
            cluster->log, LEVEL_ERROR, "ring",
            "data directory %s has data, but its file membership is missing, which says to which ring they belong: "
            "restore it, or start with an empty data directory, which the ring fills again",
            cluster->dir->path);
        return false;
    }
    cluster->membership = membership_new(&settings, &ports, bytes_of(saved, saved_len), fault);
    free(saved);
    if (cluster->membership == NULL)
        logger_line(cluster->log, LEVEL_ERROR, "ring", "the file membership in data directory %s cannot be used: %s",
                    cluster->dir->path != NULL ? cluster->dir->path : "", fault);
    return cluster->membership != NULL;
}

static void on_wake(int fd, short what, void *context)
{
    (void)what;
    struct cluster *cluster = context;
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    (void)got;
    (void)atomic_exchange(&cluster->woken, false); /* as in loop.c */
}

static void on_timer(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context; /* cluster_turn follows */
}

static void on_patience(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct cluster *cluster = context;
    cluster->waits = false; /* say it again */
    if (!data_dir_is_there(cluster->dir))
        logger_line(cluster->log, LEVEL_ERROR, "data-directory",
                    "data directory %s has been deleted while this process works in it: what it stores is lost when it "
                    "ends; restart it, and its ring fills it again",
                    cluster->dir->path);
    peer_dialer_tidy(&cluster->messenger);
}

bool cluster_open(struct cluster *cluster, const struct cluster_parts *parts)
{
    cluster->shared = parts->shared;
    cluster->store = parts->store;
    cluster->keeper = parts->keeper;
    cluster->loops = parts->loops;
    cluster->loop_count = parts->loop_count;
    cluster->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (cluster->wake_fd < 0) {
        logger_line(cluster->log, LEVEL_ERROR, "start", "cannot make an eventfd: %s", strerror(errno));
        return false;
    }
    event_assign(&cluster->wake_event, cluster->base, cluster->wake_fd, EV_READ | EV_PERSIST, on_wake, cluster);
    event_add(&cluster->wake_event, NULL);
    event_assign(&cluster->timer, cluster->base, -1, 0, on_timer, cluster);
    event_assign(&cluster->patience, cluster->base, -1, EV_PERSIST, on_patience, cluster);
    event_add(&cluster->patience, &(struct timeval){.tv_sec = CLUSTER_WAIT_SAID_S});
    node_hold_forwards(cluster->shared, true);
    open_node(cluster, parts->hint_store);
    return open_membership(cluster, parts);
}

void cluster_start(struct cluster *cluster)
{
    if (cluster->listeners.count == 0)
        return;
    peer_acceptor_init(&cluster->acceptor, &cluster->mesh.hub, &cluster->listeners);
    cluster->listeners = (struct listeners){0};
}

void cluster_wake(struct cluster *cluster)
{
    if (cluster->wake_fd < 0 || atomic_exchange(&cluster->woken, true))
        return;
    uint64_t one = 1;
    ssize_t written = write(cluster->wake_fd, &one, sizeof(one));
    (void)written; /* it can only be full, and then the main thread is woken anyway */
}

void cluster_hear_of_epoch(void *context, uint64_t epoch)
{
    struct cluster *cluster = context;
    uint64_t known = atomic_load(&cluster->heard_epoch);
    while (known < epoch && !atomic_compare_exchange_weak(&cluster->heard_epoch, &known, epoch))
        continue;
    cluster_wake(cluster);
}

/* Once, and again when the patience is over. */
static void say_why_waiting(struct cluster *cluster)
{
    if (cluster->waits || cluster_is_member(cluster))
        return;
    cluster->waits = true;
    logger_line(cluster->log, LEVEL_NOTICE, "ring", "no client is served yet: %s",
                membership_waits_for(cluster->membership));
}

static void settle(struct cluster *cluster, struct instant now)
{
    do {
        node_settle(&cluster->node, now);
    } while (mesh_flush(&cluster->mesh));
}

static void arm(struct cluster *cluster, struct instant now)
{
    uint64_t at = membership_wake_at(cluster->membership);
    if (at == UINT64_MAX)
        return;
    uint64_t us = at > now.mono_ns ? (at - now.mono_ns) / 1000 + 1 : 1;
    event_add(&cluster->timer,
              &(struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)});
}

void cluster_turn(struct cluster *cluster)
{
    struct instant now = clock_now();
    uint64_t heard = atomic_exchange(&cluster->heard_epoch, 0);
    if (heard != 0)
        membership_hear_of_epoch(cluster->membership, now, heard);
    if (now.mono_ns >= membership_wake_at(cluster->membership))
        membership_tick(cluster->membership, now);
    if (cluster->is_new) {
        cluster->is_new = false;
        mesh_follow(&cluster->mesh);
    }
    settle(cluster, now);
    mesh_end_turn(&cluster->mesh, now);
    say_why_waiting(cluster);
    arm(cluster, now);
}

bool cluster_has_others(const struct cluster *cluster)
{
    const struct ring_view *view = cluster->membership != NULL ? membership_view(cluster->membership) : NULL;
    return view != NULL && view->member_count > 1;
}

uint32_t cluster_missing(const struct cluster *cluster)
{
    uint32_t others = membership_view(cluster->membership)->member_count - 1, fewest = others;
    for (unsigned i = 0; i < cluster->loop_count; i++) {
        uint64_t links = atomic_load_explicit(&cluster->loops[i].node.counters.links, memory_order_relaxed);
        fewest = links < fewest ? (uint32_t)links : fewest;
    }
    return others - fewest;
}

bool cluster_is_linked(const struct cluster *cluster, uint64_t waited_ms)
{
    return links_suffice(membership_view(cluster->membership), node_buckets(cluster->shared), cluster_missing(cluster),
                         waited_ms);
}

/* The ring's buckets were set when it was founded, or by whoever changed them since. */
static void compare_buckets(const struct cluster *cluster)
{
    if (!bucket_table_equal(node_buckets(cluster->shared), &cluster->config->buckets))
        logger_line(cluster->log, LEVEL_NOTICE, "ring",
                    "the buckets of the ring are in force, which differ from those of this node's settings; SIGHUP "
                    "makes these the ring's");
}

void cluster_serve(struct cluster *cluster)
{
    uint32_t missing = cluster_missing(cluster);
    cluster->serves = true;
    node_hold_forwards(cluster->shared, false);
    compare_buckets(cluster);
    if (missing != 0)
        logger_line(cluster->log, LEVEL_NOTICE, "ring",
                    "clients are served although %" PRIu32 " of the other members cannot be reached yet", missing);
}

const char *cluster_waits_for(struct cluster *cluster)
{
    const char *text = membership_waits_for(cluster->membership);
    if (cluster_is_member(cluster))
        return cluster->serves ? text : "its connections to the other members are being made";
    char troubles[CLUSTER_WAITS_FOR_BYTES / 2];
    peer_dialer_troubles(&cluster->messenger, troubles, sizeof(troubles));
    if (text[0] == '\0' || troubles[0] == '\0')
        return text;
    snprintf(cluster->waits_for, sizeof(cluster->waits_for), "%.500s (%s)", text, troubles);
    return cluster->waits_for;
}

bool cluster_has_buffered(const struct cluster *cluster)
{
    const struct bucket_table *buckets = membership_buckets(cluster->membership);
    for (uint32_t i = 0; i < buckets->count; i++) {
        if (buckets->buckets[i].durability == DURABILITY_BUFFERED)
            return true;
    }
    return false;
}

void cluster_set_buckets(struct cluster *cluster, const struct bucket_table *buckets)
{
    membership_set_buckets(cluster->membership, clock_now(), buckets);
}

void cluster_stop(struct cluster *cluster)
{
    peer_acceptor_close(&cluster->acceptor);
}

void cluster_leave(struct cluster *cluster)
{
    if (!cluster->is_open)
        return;
    node_stop_repair(&cluster->node);
    peer_dialer_close(&cluster->messenger);
    mesh_close(&cluster->mesh);
    for (unsigned i = 0; i < CLUSTER_SETTLE_ROUNDS && node_pending(&cluster->node) > 0; i++) {
        struct instant now = clock_now();
        node_tick(&cluster->node, now);
        node_settle(&cluster->node, now);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

void cluster_close(struct cluster *cluster)
{
    if (cluster->config == NULL)
        return;
    cluster_stop(cluster);
    cluster_leave(cluster);
    if (cluster->wake_fd >= 0) {
        event_del(&cluster->wake_event);
        event_del(&cluster->timer);
        event_del(&cluster->patience);
        close(cluster->wake_fd);
    }
    membership_free(cluster->membership);
    if (cluster->is_open && node_pending(&cluster->node) == 0)
        node_close(&cluster->node);
    listeners_close(&cluster->listeners);
    address_book_free(cluster->book);
    admissions_free(cluster->admissions);
    secret_forget(&cluster->secret);
    free(cluster->seeds_text);
    free(cluster->buffer);
    *cluster = (struct cluster){.wake_fd = -1};
}
