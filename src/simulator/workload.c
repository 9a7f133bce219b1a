/* What free clients ask: drawn from the seed, but so that every checker gets something to judge. */
#include "base/check.h"
#include "simulator/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ITEMS_MAX = 512,        /* of a cart; then it begins anew */
    COUNTER_STEP = 1000000, /* a counter begins in the middle of its maker's range of so many */
    EXPTIME_MAX = 8,
    VALUE_LONG_MAX = 20000
};

/* Commands of one kind of keys and how often each is drawn. */
struct habit {
    enum op_kind kind;
    unsigned weight;
};

static const struct habit PLAIN[] = {{OP_GET, 20},   {OP_GETS, 15},   {OP_SET, 25},    {OP_ADD, 8},   {OP_REPLACE, 6},
                                     {OP_APPEND, 6}, {OP_PREPEND, 4}, {OP_DELETE, 10}, {OP_TOUCH, 3}, {OP_GAT, 3}};
static const struct habit CART[] = {{OP_GETS, 90}, {OP_GET, 10}};
static const struct habit COUNTER[] = {{OP_INCR, 50}, {OP_DECR, 15}, {OP_ADD, 15}, {OP_GET, 15}, {OP_DELETE, 3}};
static const struct habit LATEST[] = {{OP_GET, 30},    {OP_GETS, 10}, {OP_SET, 40},
                                      {OP_DELETE, 12}, {OP_ADD, 4},   {OP_APPEND, 4}};
static const struct habit EXPIRING[] = {{OP_GET, 40},   {OP_SET, 30}, {OP_ADD, 5},
                                        {OP_TOUCH, 12}, {OP_GAT, 8},  {OP_DELETE, 5}};

static enum op_kind draw_kind(struct world *world, enum key_kind keys)
{
    static const struct {
        const struct habit *list;
        unsigned count;
    } habits[KEY_KINDS] = {
        [KEYS_PLAIN] = {PLAIN, sizeof PLAIN / sizeof *PLAIN},
        [KEYS_CART] = {CART, sizeof CART / sizeof *CART},
        [KEYS_COUNTER] = {COUNTER, sizeof COUNTER / sizeof *COUNTER},
        [KEYS_LATEST] = {LATEST, sizeof LATEST / sizeof *LATEST},
        [KEYS_EXPIRING] = {EXPIRING, sizeof EXPIRING / sizeof *EXPIRING},
    };
    unsigned all = 0;
    for (unsigned i = 0; i < habits[keys].count; i++)
        all += habits[keys].list[i].weight;
    unsigned drawn = (unsigned)world_draw(world, all);
    for (unsigned i = 0;; i++) {
        if (drawn < habits[keys].list[i].weight)
            return habits[keys].list[i].kind;
        drawn -= habits[keys].list[i].weight;
    }
}

/* A value that no other operation writes; now and then a long one. */
static struct bytes own_value(struct world *world, size_t number)
{
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof text, "#%zu;", number);
    if (!world_draws(world, world->plan.long_permille))
        return history_keep(&world->history, bytes_of(text, len));
    size_t whole = len + world_draw(world, VALUE_LONG_MAX);
    uint8_t *at = malloc(whole);
    CHECK_MEMORY(at);
    memset(at, '-', whole);
    memcpy(at, text, len);
    struct bytes kept = history_keep(&world->history, bytes_of(at, whole));
    free(at);
    return kept;
}

static struct bytes counter_value(struct world *world, size_t number)
{
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof text, "%" PRIu64, (uint64_t)number * COUNTER_STEP + COUNTER_STEP / 2);
    return history_keep(&world->history, bytes_of(text, len));
}

static void fill(struct client *client, struct op *op, size_t number)
{
    struct world *world = client->world;
    enum key_kind keys = world->keys.list[op->key].kind;
    op->kind = draw_kind(world, keys);
    if (op_stores(op))
        op->value = keys == KEYS_COUNTER ? counter_value(world, number) : own_value(world, number);
    if (op->kind == OP_INCR || op->kind == OP_DECR)
        op->number = 1 + world_draw(world, 5);
    if (keys == KEYS_EXPIRING && op->kind != OP_GET)
        op->exptime = (uint32_t)world_draw(world, EXPTIME_MAX);
    if (op_writes(op))
        op->noreply = world_draws(world, world->plan.noreply_permille);
}

/* Every item of every sibling, once, and one's own. */
struct cart {
    uint64_t items[ITEMS_MAX];
    unsigned count;
};

static void put_in(struct cart *cart, uint64_t item)
{
    for (unsigned i = 0; i < cart->count; i++) {
        if (cart->items[i] == item)
            return;
    }
    if (cart->count < ITEMS_MAX)
        cart->items[cart->count++] = item;
}

static struct bytes cart_value(struct world *world, const struct op *read, size_t number)
{
    struct cart cart = {0};
    for (unsigned i = 0; read != NULL && i < read->seen_count; i++) {
        uint64_t item;
        for (size_t at = 0; value_next(read->seen[i].value, '.', &at, &item);)
            put_in(&cart, item);
    }
    put_in(&cart, number);
    size_t room = 32 + cart.count * 22, len;
    char *text = malloc(room);
    CHECK_MEMORY(text);
    len = (size_t)snprintf(text, room, "#%zu;", number);
    for (unsigned i = 0; i < cart.count; i++)
        len += (size_t)snprintf(text + len, room - len, ".%" PRIu64, cart.items[i]);
    struct bytes kept = history_keep(&world->history, bytes_of(text, len));
    free(text);
    return kept;
}

/* A value for the operation of this number, as its key wants it. */
struct bytes workload_value(struct world *world, int key, size_t number)
{
    enum key_kind keys = world->keys.list[key].kind;
    return keys == KEYS_COUNTER ? counter_value(world, number)
           : keys == KEYS_CART  ? cart_value(world, NULL, number)
                                : own_value(world, number);
}

/* What follows a gets: a cas with its token, or the first value where there was none. */
static bool follow(struct client *client, size_t *out)
{
    struct world *world = client->world;
    const struct op *read = history_op(&world->history, client->follows_op);
    client->follows = false;
    enum key_kind keys = world->keys.list[read->key].kind;
    if (read->outcome != OP_DONE && read->outcome != OP_MISS)
        return false;
    if (keys != KEYS_CART && (read->outcome == OP_MISS || world_draws(world, 400)))
        return false;
    int key = read->key;
    struct op *op = history_add(&world->history);
    *out = world->history.count - 1;
    op->key = key;
    op->kind = read->outcome == OP_MISS ? OP_ADD : OP_CAS;
    op->value = keys == KEYS_CART ? cart_value(world, read, *out) : own_value(world, *out);
    if (op->kind == OP_CAS) {
        op->token = read->seen[0].token;
        if (read->seen_count == 1)
            op->expected = read->seen[0].value;
    }
    return true;
}

unsigned workload_next(struct client *client, size_t *ops, unsigned max)
{
    struct world *world = client->world;
    unsigned count = 0, wanted = max <= 1 ? 1 : 1 + (unsigned)world_draw(world, max);
    if (client->follows && follow(client, &ops[0]))
        count = 1;
    while (count < wanted && count < CLIENT_BATCH_MAX && world->ops_left > 0) {
        size_t number = world->history.count;
        struct op *op = history_add(&world->history);
        world->ops_left--;
        ops[count++] = number;
        if (world->plan.flushes && world_draws(world, 5)) {
            op->kind = OP_FLUSH;
            op->key = -1;
            continue;
        }
        op->key = (int)world_draw(world, world->keys.count);
        fill(client, op, number);
        if (op->kind == OP_GETS) /* its answer decides what comes next */
            break;
    }
    if (count > 0) /* so that the client knows when all has been carried out */
        history_op(&world->history, ops[count - 1])->noreply = false;
    return count;
}
