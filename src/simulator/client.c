#include "simulator/client.h"

#include "base/check.h"
#include "simulator/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PATIENCE_MS = 2000, /* beyond the nodes' own deadline, before a client gives a silent node up */
    RETRY_MS = 20,      /* before another node is tried */
    PIECES_MAX = 4
};

void client_init(struct client *client, struct world *world, unsigned index)
{
    *client = (struct client){.world = world, .index = index};
}

void client_close(struct client *client)
{
    CHECK(client->caller == NULL);
    free(client->heard);
    client->heard = NULL;
}

static void act_later(struct client *client, uint64_t delay_ns);

bool client_connect(struct client *client, unsigned machine, unsigned loop)
{
    struct world *world = client->world;
    CHECK(client->caller == NULL);
    client->generation = ++world->generations;
    client->caller = machine_accept(&world->machines[machine], loop, client, client->generation);
    if (client->caller == NULL)
        return false;
    client->machine = machine;
    client->loop = client->caller->loop->number;
    client->heard_len = 0;
    client->last_arrival_ns = world->now_ns;
    client->last_end.ns = client->last_write_end.ns = world->now_ns;
    client->last_end.moment = client->last_write_end.moment = world->history.moments;
    return true;
}

/* What has not been answered never will be. */
static void lose_waiting(struct client *client)
{
    for (unsigned i = 0; i < client->waiting_count; i++) {
        struct op *op = history_op(&client->world->history, client->waiting[i]);
        if (op->outcome != OP_PENDING)
            continue;
        op->outcome = OP_LOST;
        WORLD_SAY(client->world, op->key, "client %u: operation %zu is lost", client->index, client->waiting[i]);
    }
    client->waiting_count = 0;
    client->follows = false;
}

void client_leave(struct client *client)
{
    if (client->caller == NULL)
        return;
    struct caller *caller = client->caller;
    client->caller = NULL;
    lose_waiting(client);
    machine_hang_up(caller);
}

void client_on_closed(struct client *client)
{
    client->caller = NULL;
    lose_waiting(client);
    if (client->is_free)
        act_later(client, (1 + world_draw(client->world, RETRY_MS)) * WORLD_MS_NS);
}

/* Sending. */

size_t client_command(const struct world *world, const struct op *op, uint8_t *at)
{
    char *text = (char *)at;
    const char *name = op_name(op->kind), *quiet = op->noreply ? " noreply" : "";
    int len;
    if (op->kind == OP_FLUSH)
        return (size_t)snprintf(text, COMMAND_TEXT_MAX, "flush_all%s\r\n", quiet);
    const char *key = world->keys.list[op->key].text;
    switch (op->kind) {
    case OP_GET:
    case OP_GETS:
        return (size_t)snprintf(text, COMMAND_TEXT_MAX, "%s %s\r\n", name, key);
    case OP_GAT:
        return (size_t)snprintf(text, COMMAND_TEXT_MAX, "gat %" PRIu32 " %s\r\n", op->exptime, key);
    case OP_TOUCH:
        return (size_t)snprintf(text, COMMAND_TEXT_MAX, "touch %s %" PRIu32 "%s\r\n", key, op->exptime, quiet);
    case OP_DELETE:
        return (size_t)snprintf(text, COMMAND_TEXT_MAX, "delete %s%s\r\n", key, quiet);
    case OP_INCR:
    case OP_DECR:
        return (size_t)snprintf(text, COMMAND_TEXT_MAX, "%s %s %" PRIu64 "%s\r\n", name, key, op->number, quiet);
    case OP_CAS:
        len = snprintf(text, COMMAND_TEXT_MAX, "cas %s 0 %" PRIu32 " %zu %" PRIu64 "%s\r\n", key, op->exptime,
                       op->value.len, op->token, quiet);
        break;
    default:
        len = snprintf(text, COMMAND_TEXT_MAX, "%s %s 0 %" PRIu32 " %zu%s\r\n", name, key, op->exptime, op->value.len,
                       quiet);
        break;
    }
    uint8_t *end = at + len;
    memcpy(end, op->value.at, op->value.len);
    memcpy(end + op->value.len, "\r\n", 2);
    return (size_t)len + op->value.len + 2;
}

static void on_arrival(struct world *world, const struct event *event)
{
    struct client *client = event->object;
    bool is_lost = tamper_drops_request(world);
    if (client->caller != NULL && client->generation == event->generation && !is_lost)
        machine_hear(client->caller, parcel_retain(event->parcel));
    parcel_release(event->parcel);
}

static void send_piece(struct client *client, struct bytes piece)
{
    struct world *world = client->world;
    uint64_t at =
        world->now_ns + (world->plan.delay_us_min + world_draw(world, world->plan.delay_us_spread)) * WORLD_US_NS;
    if (at <= client->last_arrival_ns)
        at = client->last_arrival_ns + 1;
    client->last_arrival_ns = at;
    world_after(world, at - world->now_ns,
                (struct event){.run = on_arrival,
                               .object = client,
                               .generation = client->generation,
                               .parcel = parcel_new(piece),
                               .machine = (int)client->machine});
}

static void send_bytes(struct client *client, struct bytes data)
{
    struct world *world = client->world;
    unsigned pieces = world_draws(world, world->plan.split_permille) ? PIECES_MAX : 1;
    for (; pieces > 1 && data.len > 1; pieces--) {
        size_t len = 1 + world_draw(world, data.len - 1);
        send_piece(client, bytes_of(data.at, len));
        data = bytes_after(data, len);
    }
    send_piece(client, data);
}

/* A client library waits for so long; the nodes' own deadline is well before it, for each command that waited. */
static uint64_t patience_ns(const struct client *client, unsigned count)
{
    return (uint64_t)(client->world->plan.timeout_ms + PATIENCE_MS) * count * WORLD_MS_NS;
}

static void on_patience_end(struct world *world, const struct event *event)
{
    struct client *client = event->object;
    if (client->caller == NULL || client->generation != event->generation || client->waiting_count == 0)
        return;
    size_t oldest = client->waiting[0];
    if (oldest > (size_t)event->detail) /* those that this event was for have been answered */
        return;
    checks_on_silence(world, oldest);
    client_leave(client);
    if (client->is_free)
        act_later(client, world_draw(world, RETRY_MS) * WORLD_MS_NS);
}

void client_send(struct client *client, const size_t *ops, unsigned count)
{
    struct world *world = client->world;
    size_t room = 0, len = 0;
    for (unsigned i = 0; i < count; i++)
        room += COMMAND_TEXT_MAX + history_op(&world->history, ops[i])->value.len;
    uint8_t *text = malloc(room);
    CHECK_MEMORY(text);
    for (unsigned i = 0; i < count; i++) {
        struct op *op = history_op(&world->history, ops[i]);
        op->client = client->index;
        op->machine = client->machine;
        op->sent_ns = op->began_ns = world->now_ns;
        op->began = ++world->history.moments;
        len += client_command(world, op, text + len);
        CHECK(client->waiting_count < CLIENT_BATCH_MAX);
        client->waiting[client->waiting_count++] = ops[i];
        WORLD_SAY(world, op->key, "client %u to %s: operation %zu: %s %.*s%s", client->index,
                  world->machines[client->machine].name, ops[i], op_name(op->kind), (int)op->value.len,
                  (const char *)op->value.at, op->noreply ? " noreply" : "");
    }
    send_bytes(client, bytes_of(text, len));
    free(text);
    world_after(world, patience_ns(client, count),
                (struct event){.run = on_patience_end,
                               .object = client,
                               .generation = client->generation,
                               .machine = EVENT_OF_NOBODY,
                               .detail = (int)ops[count - 1]});
}

/* Hearing. */

static void end_op(struct client *client, size_t number, bool was_told)
{
    struct world *world = client->world;
    struct op *op = history_op(&world->history, number);
    op->ended_ns = world->now_ns;
    op->ended = ++world->history.moments;
    /* A write waits for everything before it on its connection, a read for the writes. */
    bool changes = !op_is_read(op) || op->kind == OP_GAT;
    uint64_t before_ns = changes ? client->last_end.ns : client->last_write_end.ns;
    uint64_t before = changes ? client->last_end.moment : client->last_write_end.moment;
    op->began_ns = op->began_ns < before_ns ? before_ns : op->began_ns;
    op->began = op->began < before ? before : op->began;
    if (was_told) { /* when a quiet one was over is not known */
        client->last_end.ns = world->now_ns;
        client->last_end.moment = op->ended;
    }
    if (was_told && changes)
        client->last_write_end.ns = world->now_ns, client->last_write_end.moment = op->ended;
    if (was_told) {
        WORLD_SAY(world, op->key, "client %u: operation %zu: %s %s, %u values %.*s", client->index, number,
                  op_outcome_name(op->outcome), op->error, op->seen_count,
                  op->seen_count > 0 ? (int)op->seen[0].value.len : 0,
                  op->seen_count > 0 ? (const char *)op->seen[0].value.at : "");
        trace_mix(&world->trace, number << 8 | op->outcome);
    }
    checks_on_end(world, number);
}

static void pop_waiting(struct client *client)
{
    client->waiting_count--;
    memmove(client->waiting, client->waiting + 1, client->waiting_count * sizeof *client->waiting);
}

/* Commands without a reply are over when a later one is answered. */
static void end_quiet_ones(struct client *client)
{
    while (client->waiting_count > 0 && history_op(&client->world->history, client->waiting[0])->noreply) {
        size_t number = client->waiting[0];
        pop_waiting(client);
        end_op(client, number, false);
    }
}

static bool hear_one(struct client *client, size_t *at)
{
    struct world *world = client->world;
    struct bytes in = bytes_of(client->heard + *at, client->heard_len - *at);
    unsigned first = 0;
    while (first < client->waiting_count && history_op(&world->history, client->waiting[first])->noreply)
        first++;
    if (in.len == 0)
        return false;
    if (first == client->waiting_count) {
        checks_on_wrong_reply(world, SIZE_MAX, in);
        return false;
    }
    size_t number = client->waiting[first], used = 0;
    struct op *op = history_op(&world->history, number);
    struct bytes key = op->key < 0 ? bytes_of(NULL, 0) : key_bytes(&world->keys.list[op->key]);
    enum reply_status status = reply_take(&world->history, op, key, in, &used);
    if (status == REPLY_WRONG)
        checks_on_wrong_reply(world, number, in);
    if (status != REPLY_OK)
        return false;
    end_quiet_ones(client);
    pop_waiting(client);
    *at += used;
    end_op(client, number, true);
    if (client->is_free && op->kind == OP_GETS && op->key >= 0) {
        client->follows = true;
        client->follows_op = number;
    }
    return true;
}

void client_hear(struct client *client, struct bytes data)
{
    struct world *world = client->world;
    trace_mix_bytes(&world->trace, data);
    if (client->heard_len + data.len > client->heard_room) {
        client->heard_room = 2 * (client->heard_len + data.len);
        client->heard = realloc(client->heard, client->heard_room);
        CHECK_MEMORY(client->heard);
    }
    memcpy(client->heard + client->heard_len, data.at, data.len);
    client->heard_len += data.len;
    size_t at = 0;
    while (hear_one(client, &at))
        continue;
    memmove(client->heard, client->heard + at, client->heard_len - at);
    client->heard_len -= at;
    if (client->is_free && client->waiting_count == 0)
        act_later(client, (1 + world_draw(world, world->plan.think_us)) * WORLD_US_NS);
}

/* Acting. */

static void find_machine(struct client *client)
{
    struct world *world = client->world;
    unsigned machine = (unsigned)world_draw(world, world->plan.nodes);
    if (client_connect(client, machine, (unsigned)world_draw(world, world->plan.loops)))
        act_later(client, world_draw(world, 1000) * WORLD_US_NS);
    else
        act_later(client, (1 + world_draw(world, RETRY_MS)) * WORLD_MS_NS);
}

static void on_act(struct world *world, const struct event *event)
{
    struct client *client = event->object;
    size_t ops[CLIENT_BATCH_MAX];
    client->is_acting = false;
    if (world->is_ending || (world->ops_left == 0 && client->waiting_count == 0)) {
        client_leave(client);
        return;
    }
    if (client->caller == NULL) {
        find_machine(client);
        return;
    }
    if (client->waiting_count > 0)
        return;
    unsigned count = workload_next(client, ops, world->plan.pipeline_max);
    if (count > 0)
        client_send(client, ops, count);
    else
        client_leave(client);
}

static void act_later(struct client *client, uint64_t delay_ns)
{
    if (client->is_acting)
        return;
    client->is_acting = true;
    world_after(client->world, delay_ns, (struct event){.run = on_act, .object = client, .machine = EVENT_OF_NOBODY});
}

void client_begin(struct client *client, uint64_t delay_ns)
{
    client->is_free = true;
    act_later(client, delay_ns);
}
