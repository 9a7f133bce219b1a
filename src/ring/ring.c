#include "ring/ring.h"

#include "base/check.h"
#include "base/hash.h"
#include "ring/strategy.h"
#include "ring/view.h"

#include <stdlib.h>
#include <string.h>

struct ring_view *view_of_owners(const struct ring_settings *settings, uint64_t epoch, const struct places *places,
                                 const struct ring_member *members, const uint16_t *owners)
{
    uint32_t partition_count = settings->partition_count, count = places->member_count;
    struct ring_view *view = calloc(1, sizeof *view);
    struct ring_member *own_members = calloc(count, sizeof *own_members);
    uint16_t *rows = calloc((size_t)partition_count * count, sizeof *rows);
    CHECK_MEMORY(view);
    CHECK_MEMORY(own_members);
    CHECK_MEMORY(rows);
    memcpy(own_members, members, count * sizeof *members);
    struct standins *standins = standins_new(places, own_members);
    for (uint32_t partition = 0; partition < partition_count; partition++) {
        uint16_t *list = &rows[(size_t)partition * count];
        memcpy(list, &owners[(size_t)partition * places->owner_count], places->owner_count * sizeof *owners);
        standins_append(standins, partition, list);
    }
    standins_free(standins);
    *view = (struct ring_view){.settings = *settings,
                               .epoch = epoch,
                               .partition_count = partition_count,
                               .member_count = count,
                               .owner_count = places->owner_count,
                               .members = own_members,
                               .rows = rows};
    return view;
}

/* Finds owners for the members of a new epoch; `owners` holds those so far, which only strategy 3 considers. */
static void place_partitions(const struct ring_settings *settings, uint64_t epoch, const struct places *places,
                             const struct ring_member *members, uint16_t *owners)
{
    if (settings->strategy != RING_CLAIMED_PARTITIONS) {
        strategy_walk(places, members, settings->partition_count, settings->tokens,
                      settings->strategy == RING_RANDOM_TOKENS, owners);
        return;
    }
    strategy_claim(places, members, settings->partition_count, hash_mix(settings->cluster ^ hash_mix(epoch)), owners);
    strategy_balance_first(places, settings->partition_count, owners);
}

static int compare_ids(const void *left, const void *right)
{
    const struct ring_member *a = left, *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Members sorted by id, or NULL. Texts are copied without what may lie behind their ends. */
static struct ring_member *members_sorted(const struct ring_member *members, uint32_t count)
{
    if (count < 1 || count > RING_MEMBERS_MAX)
        return NULL;
    struct ring_member *sorted = calloc(count, sizeof *sorted);
    CHECK_MEMORY(sorted);
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++) {
        good = ring_member_fault(&members[i]) == NULL;
        if (!good)
            break;
        sorted[i].id = members[i].id;
        sorted[i].weight = members[i].weight;
        strcpy(sorted[i].name, members[i].name);
        strcpy(sorted[i].peer, members[i].peer);
        strcpy(sorted[i].client, members[i].client);
        strcpy(sorted[i].rack, members[i].rack);
        strcpy(sorted[i].datacenter, members[i].datacenter);
    }
    if (good)
        qsort(sorted, count, sizeof *sorted, compare_ids);
    for (uint32_t i = 1; i < count && good; i++)
        good = sorted[i - 1].id != sorted[i].id;
    if (good)
        return sorted;
    free(sorted);
    return NULL;
}

/* Rows in which nobody owns anything. */
static uint16_t *free_places(const struct places *places, uint32_t partition_count)
{
    size_t count = (size_t)partition_count * places->owner_count;
    uint16_t *owners = calloc(count, sizeof *owners);
    CHECK_MEMORY(owners);
    for (size_t i = 0; i < count; i++)
        owners[i] = (uint16_t)places->member_count;
    return owners;
}

struct ring_view *ring_view_new(const struct ring_settings *settings, const struct ring_member *members,
                                uint32_t member_count)
{
    if (ring_settings_fault(settings) != NULL)
        return NULL;
    struct ring_member *sorted = members_sorted(members, member_count);
    if (sorted == NULL)
        return NULL;
    struct places places;
    places_init(&places, sorted, member_count, view_owner_count(settings, member_count));
    uint16_t *owners = free_places(&places, settings->partition_count);
    place_partitions(settings, 1, &places, sorted, owners);
    struct ring_view *view = view_of_owners(settings, 1, &places, sorted, owners);
    free(owners);
    places_close(&places);
    free(sorted);
    return view;
}

struct ring_view *ring_view_new_single(const char *name, uint32_t partition_count)
{
    struct ring_settings settings = {.cluster = 1,
                                     .partition_count = partition_count,
                                     .strategy = RING_CLAIMED_PARTITIONS,
                                     .copies = RING_COPIES_DEFAULT,
                                     .tokens = RING_TOKENS_DEFAULT};
    size_t name_len = strlen(name);
    if (ring_settings_fault(&settings) != NULL || name_len == 0 || name_len > RING_NAME_MAX)
        return NULL;

    struct ring_member *member = calloc(1, sizeof *member);
    uint16_t *rows = calloc(partition_count, sizeof *rows); /* every partition: member 0 */
    struct ring_view *view = calloc(1, sizeof *view);
    CHECK_MEMORY(member);
    CHECK_MEMORY(rows);
    CHECK_MEMORY(view);

    member->id = ring_node_id(name);
    member->weight = RING_WEIGHT_ONE;
    memcpy(member->name, name, name_len);
    *view = (struct ring_view){.settings = settings,
                               .epoch = 1,
                               .partition_count = partition_count,
                               .member_count = 1,
                               .owner_count = 1,
                               .members = member,
                               .rows = rows};
    return view;
}

void ring_view_free(struct ring_view *view)
{
    if (view == NULL)
        return;
    free((void *)(uintptr_t)view->members);
    free((void *)(uintptr_t)view->rows);
    free(view);
}

/* The members after a change (in a new array, sorted) and their number, or NULL. */
static struct ring_member *members_after(const struct ring_view *view, const struct ring_change *change,
                                         uint32_t *member_count)
{
    int at = ring_member_index(view, change->member.id);
    bool joins = change->kind == RING_CHANGE_JOIN;
    if (change->kind < RING_CHANGE_JOIN || change->kind > RING_CHANGE_MEMBER || joins != (at < 0))
        return NULL;
    struct ring_member *members = calloc(view->member_count + 1U, sizeof *members);
    CHECK_MEMORY(members);
    memcpy(members, view->members, view->member_count * sizeof *members);
    *member_count = view->member_count;
    if (joins)
        members[(*member_count)++] = change->member;
    else if (change->kind == RING_CHANGE_LEAVE)
        members[at] = members[--*member_count];
    else
        members[at] = change->member;
    struct ring_member *sorted = members_sorted(members, *member_count);
    free(members);
    return sorted;
}

/* The owners so far, as indexes of the members now. Those who have left leave their place to the next in the row, who
 * has the data; what is free then is at the end. */
static uint16_t *owners_so_far(const struct ring_view *view, const struct places *places,
                               const struct ring_member *members)
{
    uint16_t *owners = free_places(places, view->partition_count);
    uint16_t *now = calloc(view->member_count, sizeof *now);
    CHECK_MEMORY(now);
    for (uint32_t old = 0, at = 0; old < view->member_count; old++) {
        while (at < places->member_count && members[at].id < view->members[old].id)
            at++;
        bool stays = at < places->member_count && members[at].id == view->members[old].id;
        now[old] = (uint16_t)(stays ? at : places->member_count);
    }
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        uint16_t *row = &owners[(size_t)partition * places->owner_count];
        for (uint32_t i = 0; i < view->owner_count; i++) {
            if (now[list[i]] != places->member_count)
                *row++ = now[list[i]];
        }
    }
    free(now);
    return owners;
}

struct ring_view *ring_view_after(const struct ring_view *view, const struct ring_change *change)
{
    uint32_t member_count;
    struct ring_member *members = members_after(view, change, &member_count);
    if (members == NULL)
        return NULL;
    struct places places;
    places_init(&places, members, member_count, view_owner_count(&view->settings, member_count));
    uint16_t *owners = owners_so_far(view, &places, members);
    place_partitions(&view->settings, view->epoch + 1, &places, members, owners);
    struct ring_view *after = view_of_owners(&view->settings, view->epoch + 1, &places, members, owners);
    free(owners);
    places_close(&places);
    free(members);
    return after;
}

int ring_member_index(const struct ring_view *view, uint32_t id)
{
    uint32_t low = 0, high = view->member_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (view->members[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->member_count && view->members[low].id == id ? (int)low : -1;
}

int ring_owner_place(const struct ring_view *view, uint16_t partition, uint32_t member)
{
    const uint16_t *list = ring_preference_list(view, partition);
    for (uint32_t i = 0; i < view->owner_count; i++) {
        if (list[i] == member)
            return (int)i;
    }
    return -1;
}

static uint64_t mix_text(uint64_t print, const char *text)
{
    return hash_mix(print ^ hash_fingerprint(bytes_of_text(text), 3)) + 1;
}

uint64_t ring_fingerprint(const struct ring_view *view)
{
    const struct ring_settings *settings = &view->settings;
    uint64_t print = hash_mix(view->epoch) ^ settings->cluster;
    print = hash_mix(print
                     ^ ((uint64_t)view->partition_count << 32 | (uint64_t)settings->tokens << 16
                        | (uint64_t)settings->copies << 8 | (uint64_t)settings->strategy));
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct ring_member *member = &view->members[i];
        print = hash_mix(print ^ ((uint64_t)member->id << 32 | member->weight));
        print = mix_text(mix_text(print, member->name), member->peer);
        print = mix_text(mix_text(print, member->client), member->rack);
        print = mix_text(print, member->datacenter);
    }
    size_t places = (size_t)view->partition_count * view->member_count;
    for (size_t i = 0; i < places; i++)
        print = hash_mix(print ^ view->rows[i]) + 1;
    return print;
}
