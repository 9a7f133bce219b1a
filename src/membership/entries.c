#include "membership/entries.h"

#include "base/check.h"
#include "base/wire.h"

#include <stdlib.h>

enum { ENTRIES_FIRST = 16 };

void entries_close(struct entries *entries)
{
    free(entries->all);
    *entries = (struct entries){0};
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_bytes(const struct gossip_entry *a, const struct gossip_entry *b)
{
    struct gossip_entry left = *a, right = *b;
    left.removed = right.removed = 0;
    struct draft first = {0}, second = {0};
    message_write_entry(&first, &left);
    message_write_entry(&second, &right);
    int order = bytes_compare(draft_written(&first), draft_written(&second));
    draft_close(&first);
    draft_close(&second);
    return order;
}

int entry_compare(const struct gossip_entry *a, const struct gossip_entry *b)
{
    int order = compare_numbers(a->epoch, b->epoch);
    if (order == 0)
        order = compare_numbers(a->version, b->version);
    if (order == 0)
        order = compare_numbers(a->incarnation, b->incarnation);
    /* One writer gives a version once; a damaged or restored one may not, and even then all must end up with the same.
     */
    return order != 0 || a->epoch == 0 ? order : compare_bytes(a, b);
}

static void bury(struct gossip_entry *entry)
{
    *entry = (struct gossip_entry){.id = entry->id, .removed = entry->removed};
}

bool entry_merge(struct gossip_entry *into, const struct gossip_entry *from)
{
    CHECK(into->id == from->id);
    uint64_t removed = into->removed > from->removed ? into->removed : from->removed;
    bool news = entry_compare(from, into) > 0;
    if (news)
        *into = *from;
    into->removed = removed;
    if (into->epoch == 0 || into->epoch >= removed)
        return news;
    bury(into);
    return false;
}

/* The place of the first entry whose id is not below `id`. */
static uint32_t place_of(const struct entries *entries, uint32_t id)
{
    uint32_t low = 0, high = entries->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entries->all[middle].entry.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct heard_entry *entries_find(const struct entries *entries, uint32_t id)
{
    uint32_t place = place_of(entries, id);
    return place < entries->count && entries->all[place].entry.id == id ? &entries->all[place] : NULL;
}

static struct heard_entry *insert(struct entries *entries, uint32_t id, uint64_t now_ns)
{
    if (entries->count == entries->room) {
        entries->room = entries->room == 0 ? ENTRIES_FIRST : entries->room * 2;
        entries->all = realloc(entries->all, entries->room * sizeof *entries->all);
        CHECK_MEMORY(entries->all);
    }
    uint32_t place = place_of(entries, id);
    struct heard_entry *at = &entries->all[place];
    memmove(at + 1, at, (entries->count - place) * sizeof *at);
    entries->count++;
    *at = (struct heard_entry){.entry.id = id, .heard_ns = now_ns};
    return at;
}

struct heard_entry *entries_merge(struct entries *entries, const struct gossip_entry *entry, uint64_t now_ns,
                                  bool *news)
{
    *news = false;
    struct heard_entry *known = entries_find(entries, entry->id);
    if (known == NULL) {
        if (entries->strangers >= ENTRIES_STRANGERS_MAX)
            return NULL;
        known = insert(entries, entry->id, now_ns);
        entries->strangers++;
    }
    *news = entry_merge(&known->entry, entry);
    if (*news)
        known->heard_ns = now_ns;
    return known;
}

void entries_follow(struct entries *entries, const struct ring_view *view, uint64_t now_ns)
{
    for (uint32_t i = 0; i < entries->count; i++) {
        struct heard_entry *known = &entries->all[i];
        bool is_member = ring_member_index(view, known->entry.id) >= 0;
        if (known->is_member && !is_member && known->entry.removed < view->epoch) {
            known->entry.removed = view->epoch;
            if (known->entry.epoch < view->epoch)
                bury(&known->entry);
        }
        known->is_member = is_member;
    }
    for (uint32_t i = 0; i < view->member_count; i++)
        if (entries_find(entries, view->members[i].id) == NULL)
            insert(entries, view->members[i].id, now_ns)->is_member = true;
    entries->strangers = 0;
    for (uint32_t i = 0; i < entries->count; i++)
        entries->strangers += !entries->all[i].is_member;
}
