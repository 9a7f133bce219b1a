#include "node/forward_legs.h"

#include "base/check.h"
#include "base/hash.h"
#include "node/forward.h"

#include <stdlib.h>

enum { POOLED_MAX = 4096 /* unused ones that are kept */ };

struct forward_table *forward_table_new(void)
{
    struct forward_table *table = calloc(1, sizeof *table);
    CHECK_MEMORY(table);
    pool_init(&table->pool, sizeof(struct forward), POOLED_MAX);
    list_init(&table->all);
    table->wake_at_ns = UINT64_MAX;
    return table;
}

void forward_table_free(struct forward_table *table)
{
    CHECK(list_is_empty(&table->all));
    pool_close(&table->pool);
    free(table);
}

static struct leg **bucket_of(struct forward_table *table, const struct node_link *via, uint64_t number)
{
    return &table->buckets[hash_mix(number ^ via->serial << 40) & (FORWARD_BUCKETS - 1)];
}

struct leg *legs_find(struct forward_table *table, const struct node_link *via, uint64_t number)
{
    struct leg *at = *bucket_of(table, via, number);
    while (at != NULL && (at->number != number || at->via != via))
        at = at->next;
    return at;
}

void leg_give_up(struct forward_table *table, struct leg *leg)
{
    if (leg->via == NULL)
        return;
    struct leg **at = bucket_of(table, leg->via, leg->number);
    while (*at != leg)
        at = &(*at)->next;
    *at = leg->next;
    list_remove(&leg->of_link);
    leg->via = NULL;
    if (leg->forward->newest == leg)
        leg->forward->newest = NULL;
}

void forward_wake_by(struct forward_table *table, uint64_t at_ns)
{
    if (at_ns < table->wake_at_ns)
        table->wake_at_ns = at_ns;
}

/* An unused leg, or the oldest. */
static struct leg *take_leg(struct forward_table *table, struct forward *forward)
{
    struct leg *oldest = &forward->legs[0];
    for (unsigned i = 0; i < FORWARD_LEGS; i++) {
        struct leg *leg = &forward->legs[i];
        if (leg->via == NULL)
            return leg;
        if (leg->sent_ns < oldest->sent_ns)
            oldest = leg;
    }
    leg_give_up(table, oldest);
    return oldest;
}

struct leg *leg_attach(struct forward_table *table, struct instant now, struct forward *forward, struct node_link *via)
{
    struct leg *leg = take_leg(table, forward);
    *leg = (struct leg){.forward = forward, .via = via, .number = ++via->forwards_numbered, .sent_ns = now.mono_ns};
    list_push_back(&via->forwards, &leg->of_link);
    struct leg **bucket = bucket_of(table, via, leg->number);
    leg->next = *bucket;
    *bucket = leg;
    forward->newest = leg;
    forward_wake_by(table, forward->request->deadline_ns);
    return leg;
}

struct forward *forward_begin(struct node *node, struct request *request)
{
    struct forward_table *table = node->forwards;
    struct forward *forward = pool_borrow(&table->pool);
    *forward = (struct forward){.request = request, .pause_ms = FORWARD_PAUSE_MS_MIN, .tried_epoch = node->view->epoch};
    list_push_back(&table->all, &forward->all);
    table->count++;
    return forward;
}

void forward_end(struct node *node, struct forward *forward)
{
    struct forward_table *table = node->forwards;
    for (unsigned i = 0; i < FORWARD_LEGS; i++)
        leg_give_up(table, &forward->legs[i]);
    list_remove(&forward->all);
    table->count--;
    pool_return(&table->pool, forward);
}

bool forward_has_legs(const struct forward *forward)
{
    for (unsigned i = 0; i < FORWARD_LEGS; i++) {
        if (forward->legs[i].via != NULL)
            return true;
    }
    return false;
}

uint64_t forward_waits_since(const struct node_link *link)
{
    return list_is_empty(&link->forwards) ? UINT64_MAX
                                          : CONTAINER_OF(link->forwards.next, struct leg, of_link)->sent_ns;
}
