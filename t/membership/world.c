#include "membership/world.h"

#include "base/check.h"
#include "message/gossip.h"

#include <stdio.h>
#include <stdlib.h>

enum { SPINS_MAX = 100 };

struct instant world_now(const struct world *world)
{
    return (struct instant){.mono_ns = world->now_ns,
                            .wall_ms = 1700000000000u - world->wall_back_ms + world->now_ns / WORLD_MS};
}

struct instant world_now_at(const struct world *world, unsigned node)
{
    struct instant now = world_now(world);
    now.wall_ms = (uint64_t)((int64_t)now.wall_ms + world->nodes[node].wall_ahead_ms);
    return now;
}

void world_add(struct world *world, unsigned node)
{
    struct world_node *at = &world->nodes[node];
    struct ring_member *self = &at->settings.self;
    *at = (struct world_node){.world = world, .number = node};
    snprintf(at->address, sizeof at->address, "n%u:1", node);
    snprintf(self->name, sizeof self->name, "n%u", node);
    snprintf(self->peer, sizeof self->peer, "n%u:1", node);
    snprintf(self->client, sizeof self->client, "n%u:2", node);
    self->id = ring_node_id(self->name);
    self->weight = RING_WEIGHT_ONE;
    at->settings.ring = (struct ring_settings){
        .partition_count = 16, .strategy = RING_CLAIMED_PARTITIONS, .copies = 3, .tokens = RING_TOKENS_DEFAULT};
    at->settings.version = "1";
    bucket_table_init(&at->settings.buckets);
}

void world_init(struct world *world, uint64_t seed, unsigned count)
{
    *world = (struct world){.seed = seed, .count = count, .now_ns = WORLD_MS};
    prng_init(&world->prng, seed);
    for (unsigned i = 0; i < count; i++)
        world_add(world, i);
}

static void drop_messages(struct world *world)
{
    for (size_t i = 0; i < world->message_count; i++)
        free(world->messages[i].head);
    free(world->messages);
}

void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        membership_free(world->nodes[i].membership);
        free(world->nodes[i].saved);
        bucket_table_close(&world->nodes[i].settings.buckets);
        bucket_table_close(&world->nodes[i].buckets);
    }
    drop_messages(world);
}

void world_seeds(struct world *world, unsigned node, const int *seeds)
{
    struct world_node *at = &world->nodes[node];
    at->settings.seed_count = 0;
    for (; *seeds >= 0; seeds++) {
        unsigned n = at->settings.seed_count++;
        snprintf(at->seed_texts[n], sizeof at->seed_texts[n], "n%d:1", *seeds);
        at->settings.seeds[n] = at->seed_texts[n];
    }
}

static void enqueue(struct world *world, unsigned from, unsigned to, uint8_t type, struct bytes head)
{
    if (world->message_count == world->message_room) {
        world->message_room = world->message_room == 0 ? 64 : world->message_room * 2;
        world->messages = realloc(world->messages, world->message_room * sizeof *world->messages);
        CHECK_MEMORY(world->messages);
    }
    struct world_message *m = &world->messages[world->message_count++];
    *m = (struct world_message){.from = from, .to = to, .type = type, .len = head.len};
    m->at_ns = world->now_ns + WORLD_MS / 10 + prng_below(&world->prng, (world->delay_ms_max + 1) * WORLD_MS);
    m->head = malloc(head.len + 1);
    CHECK_MEMORY(m->head);
    memcpy(m->head, head.at, head.len);
}

static void on_send(void *host, const char *address, uint8_t type, struct bytes head)
{
    struct world_node *node = host;
    struct world *world = node->world;
    world->sent++;
    world->sent_bytes += head.len;
    if (type == MESSAGE_DIGEST) {
        world->digests++;
        if (head.len > world->digest_bytes_max)
            world->digest_bytes_max = head.len;
    }
    for (unsigned i = 0; i < world->count; i++) {
        bool is_alias = i == 0 && world->alias != NULL && strcmp(world->alias, address) == 0;
        if (strcmp(world->nodes[i].address, address) != 0 && !is_alias)
            continue;
        if (prng_below(&world->prng, 1000) >= world->loss)
            enqueue(world, node->number, i, type, head);
        if (prng_below(&world->prng, 1000) < world->twice)
            enqueue(world, node->number, i, type, head);
    }
}

static bool on_save(void *host, struct bytes state)
{
    struct world_node *node = host;
    if (node->disk_fails)
        return false;
    if (node->disk_lies)
        return true;
    free(node->saved);
    node->saved = malloc(state.len);
    CHECK_MEMORY(node->saved);
    memcpy(node->saved, state.at, state.len);
    node->saved_len = state.len;
    return true;
}

/* A table with a member more than the one before comes into force somewhere. */
static void check_growth(struct world *world, const struct world_node *publisher, const struct ring_view *view)
{
    for (unsigned i = 0; i < world->table_count; i++) {
        const struct world_table *table = &world->tables[i];
        if (table->cluster == view->settings.cluster && table->epoch + 1 == view->epoch
            && table->member_count >= view->member_count)
            return;
    }
    for (unsigned i = 0; view->epoch > 1 && i < world->count; i++) {
        const struct world_node *node = &world->nodes[i];
        if (node == publisher || node->cluster != view->settings.cluster || node->epoch >= view->epoch)
            continue;
        world->unheld = world->unheld || (node->membership != NULL && node->life_epoch != 0 && !node->holds);
        world->grown_over = world->grown_over || (node->has_data && node->data_epoch < view->epoch);
    }
}

static void on_publish(void *host, struct ring_view *view)
{
    struct world_node *node = host;
    struct world *world = node->world;
    uint64_t cluster = view->settings.cluster, fingerprint = ring_fingerprint(view);
    CHECK(cluster != 0);
    CHECK(view->epoch >= node->life_epoch); /* the host takes no older one */
    node->life_epoch = view->epoch;
    check_growth(world, node, view);
    node->cluster = cluster;
    node->epoch = view->epoch;
    node->publications++;
    bool known = false;
    for (unsigned i = 0; i < world->table_count; i++) {
        const struct world_table *table = &world->tables[i];
        if (table->cluster != cluster || table->epoch != view->epoch)
            continue;
        known = true;
        world->two_tables = world->two_tables || table->fingerprint != fingerprint;
    }
    if (!known) {
        CHECK(world->table_count < WORLD_TABLES_MAX);
        world->tables[world->table_count++] = (struct world_table){
            .cluster = cluster, .epoch = view->epoch, .fingerprint = fingerprint, .member_count = view->member_count};
    }
    ring_view_free(view);
}

static void on_publish_buckets(void *host, const struct bucket_table *buckets)
{
    struct world_node *node = host;
    bucket_table_close(&node->buckets);
    bucket_table_copy(&node->buckets, buckets);
}

static void on_hold(void *host, bool held)
{
    struct world_node *node = host;
    CHECK(node->holds != held);
    node->holds = held;
}

static bool on_is_empty(void *host)
{
    struct world_node *node = host;
    return !node->has_data;
}

static void on_describe(void *host, hybrid_time *clock, uint64_t *records, uint64_t *bytes,
                        struct flush_registers *flush)
{
    struct world_node *node = host;
    *clock = hybrid_of_ms(world_now_at(node->world, node->number).wall_ms);
    *records = node->records;
    *bytes = 0;
    *flush = node->flush;
}

static void on_learn(void *host, hybrid_time clock, const struct flush_registers *flush)
{
    struct world_node *node = host;
    CHECK(clock != 0);
    if (flush->flushed > node->flush.flushed)
        node->flush.flushed = flush->flushed;
}

static void on_report(void *host, enum membership_severity severity, const char *text)
{
    struct world_node *node = host;
    CHECK(text[0] != '\0');
    if (getenv("WORLD_TRACE") != NULL)
        printf("%8llu n%u: %s\n", (unsigned long long)(node->world->now_ns / WORLD_MS), node->number, text);
    if (severity > node->worst)
        node->worst = severity;
    if (severity >= MEMBERSHIP_WARNING)
        snprintf(node->report, sizeof node->report, "%s", text);
}

static uint64_t on_stored(void *host)
{
    return ((struct world_node *)host)->stored;
}

static void on_stand(void *host, bool confirmed, bool doubtful)
{
    struct world_node *node = host;
    node->confirmed = confirmed;
    node->doubts += doubtful;
}

static void on_admit(void *host, const char *name, uint64_t incarnation)
{
    struct world_node *node = host;
    for (unsigned i = 0; i < node->world->count; i++)
        if (strcmp(node->world->nodes[i].settings.self.name, name) == 0)
            node->admitted[i] = incarnation;
}

static void on_quarantine(void *host, const uint32_t *ids, unsigned count)
{
    struct world_node *node = host;
    CHECK(count <= WORLD_NODES_MAX);
    node->off_count = count;
    node->off_changes++;
    for (unsigned i = 0; i < count; i++) {
        CHECK(i == 0 || ids[i] > ids[i - 1]);
        node->off[i] = ids[i];
    }
}

bool world_start(struct world *world, unsigned node)
{
    struct world_node *at = &world->nodes[node];
    CHECK(at->membership == NULL);
    struct membership_ports ports = {.send = on_send,
                                     .save = on_save,
                                     .publish = on_publish,
                                     .publish_buckets = on_publish_buckets,
                                     .hold_writes = on_hold,
                                     .is_empty = on_is_empty,
                                     .describe_self = on_describe,
                                     .learn = on_learn,
                                     .report = on_report,
                                     .stored = on_stored,
                                     .stand = on_stand,
                                     .admit = on_admit,
                                     .quarantine = on_quarantine,
                                     .host = at};
    at->settings.incarnation = prng_next(&world->prng);
    at->settings.seed = prng_next(&world->prng);
    at->holds = at->confirmed = false;
    at->life_epoch = at->doubts = 0;
    memset(at->admitted, 0, sizeof at->admitted);
    at->membership = membership_new(&at->settings, &ports, bytes_of(at->saved, at->saved_len), at->report);
    return at->membership != NULL;
}

void world_crash(struct world *world, unsigned node)
{
    membership_free(world->nodes[node].membership);
    world->nodes[node].membership = NULL;
}

struct world_copy world_copy(const struct world *world, unsigned node)
{
    const struct world_node *at = &world->nodes[node];
    struct world_copy copy = {.saved_len = at->saved_len, .stored = at->stored};
    copy.saved = malloc(at->saved_len + 1);
    CHECK_MEMORY(copy.saved);
    memcpy(copy.saved, at->saved, at->saved_len);
    return copy;
}

void world_restore(struct world *world, unsigned node, struct world_copy *copy)
{
    struct world_node *at = &world->nodes[node];
    world_crash(world, node);
    free(at->saved);
    at->saved = copy->saved;
    at->saved_len = copy->saved_len;
    at->stored = copy->stored;
    *copy = (struct world_copy){0};
}

void world_name(struct world *world, unsigned node, unsigned as)
{
    struct ring_member *self = &world->nodes[node].settings.self;
    memcpy(self->name, world->nodes[as].settings.self.name, sizeof self->name);
    self->id = ring_node_id(self->name);
}

void world_wipe(struct world *world, unsigned node)
{
    struct world_node *at = &world->nodes[node];
    world_crash(world, node);
    free(at->saved);
    at->saved = NULL;
    at->saved_len = 0;
    at->has_data = false;
    at->cluster = at->epoch = at->stored = 0;
}

static void deliver(struct world *world, size_t index)
{
    struct world_message m = world->messages[index];
    world->messages[index] = world->messages[--world->message_count];
    struct world_node *to = &world->nodes[m.to], *from = &world->nodes[m.from];
    if (to->membership != NULL && !to->is_cut_off && !from->is_cut_off) {
        struct frame frame = {.type = m.type, .head = bytes_of(m.head, m.len)};
        bool good =
            membership_receive(to->membership, world_now_at(world, to->number), from->settings.self.name, &frame);
        CHECK(good);
    }
    free(m.head);
}

static void tick(struct world *world, struct world_node *node)
{
    node->spins = node->spin_ns == world->now_ns ? node->spins + 1 : 0;
    node->spin_ns = world->now_ns;
    CHECK(node->spins < SPINS_MAX); /* it wants to be woken at once, again and again */
    membership_tick(node->membership, world_now_at(world, node->number));
}

/* The next event: a node to be woken, or a message. */
static bool step(struct world *world, uint64_t end_ns)
{
    uint64_t first = end_ns;
    struct world_node *woken = NULL;
    size_t message = SIZE_MAX;
    for (unsigned i = 0; i < world->count; i++) {
        struct world_node *node = &world->nodes[i];
        uint64_t at = node->membership == NULL || node->is_frozen ? UINT64_MAX : membership_wake_at(node->membership);
        if (at < first) {
            first = at;
            woken = node;
        }
    }
    for (size_t i = 0; i < world->message_count; i++)
        if (world->messages[i].at_ns < first && !world->nodes[world->messages[i].to].is_frozen) {
            first = world->messages[i].at_ns;
            message = i;
        }
    if (first > world->now_ns)
        world->now_ns = first;
    if (message != SIZE_MAX)
        deliver(world, message);
    else if (woken != NULL)
        tick(world, woken);
    return message != SIZE_MAX || woken != NULL;
}

bool world_run(struct world *world, uint64_t ms, bool (*until)(struct world *world))
{
    uint64_t end_ns = world->now_ns + ms * WORLD_MS;
    do {
        if (until != NULL && until(world))
            return true;
    } while (step(world, end_ns));
    return until != NULL && until(world);
}

void world_write(struct world *world, unsigned node)
{
    struct world_node *at = &world->nodes[node];
    if (at->membership == NULL || at->holds || membership_view(at->membership) == NULL)
        return;
    if (!at->has_data)
        at->data_epoch = at->epoch;
    at->has_data = true;
    at->records = 1;
    at->stored++;
}

static void on_joined(void *owner, bool good, const char *text)
{
    struct world *world = owner;
    if (good)
        world->joins_good++;
    else
        world->joins_bad++;
    snprintf(world->told, sizeof world->told, "%s", text);
}

void world_invite(struct world *world, unsigned node, const char *address)
{
    membership_join(world->nodes[node].membership, world_now(world), address, on_joined, world);
}

bool world_is_sound(const struct world *world)
{
    return !world->two_tables && !world->unheld && !world->grown_over;
}

bool world_is_one_ring(struct world *world)
{
    uint64_t fingerprint = 0;
    for (unsigned i = 0; i < world->count; i++) {
        const struct world_node *node = &world->nodes[i];
        const struct ring_view *view = node->membership == NULL ? NULL : membership_view(node->membership);
        if (view == NULL || ring_member_index(view, node->settings.self.id) < 0)
            return false;
        if (i > 0 && ring_fingerprint(view) != fingerprint)
            return false;
        fingerprint = ring_fingerprint(view);
    }
    return true;
}

unsigned world_rings(const struct world *world)
{
    unsigned count = 0;
    for (unsigned i = 0; i < world->table_count; i++) {
        bool seen = false;
        for (unsigned k = 0; k < i; k++)
            seen = seen || world->tables[k].cluster == world->tables[i].cluster;
        count += !seen;
    }
    return count;
}

void world_tell(const struct world *world)
{
    printf("seed %llu, %u rings%s%s%s\n", (unsigned long long)world->seed, world_rings(world),
           world->two_tables ? ", two tables of one epoch" : "", world->unheld ? ", writes not held" : "",
           world->grown_over ? ", grown over data" : "");
    for (unsigned i = 0; i < world->count; i++) {
        const struct world_node *node = &world->nodes[i];
        if (node->membership == NULL)
            printf("  n%u is down\n", i);
        else
            printf("  n%u: epoch %llu, holds %d, waits for: %s; reported: %s\n", i, (unsigned long long)node->epoch,
                   node->holds, membership_waits_for(node->membership), node->report);
    }
}
