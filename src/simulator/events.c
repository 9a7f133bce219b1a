#include "simulator/events.h"

#include "base/check.h"
#include "simulator/parcel.h"

#include <stdlib.h>

void events_init(struct events *events)
{
    *events = (struct events){0};
}

void events_close(struct events *events)
{
    for (size_t i = 0; i < events->count; i++)
        parcel_release(events->heap[i].parcel);
    free(events->heap);
    events_init(events);
}

static bool comes_first(const struct event *a, const struct event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void swap(struct event *a, struct event *b)
{
    struct event kept = *a;
    *a = *b;
    *b = kept;
}

void events_add(struct events *events, struct event event)
{
    if (events->count == events->room) {
        events->room = events->room == 0 ? 256 : 2 * events->room;
        events->heap = realloc(events->heap, events->room * sizeof *events->heap);
        CHECK_MEMORY(events->heap);
    }
    event.sequence = events->next_sequence++;
    size_t at = events->count++;
    events->heap[at] = event;
    while (at > 0 && comes_first(&events->heap[at], &events->heap[(at - 1) / 2])) {
        swap(&events->heap[at], &events->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void sink(struct events *events)
{
    for (size_t at = 0;;) {
        size_t first = at, child = 2 * at + 1;
        for (size_t i = child; i < child + 2 && i < events->count; i++) {
            if (comes_first(&events->heap[i], &events->heap[first]))
                first = i;
        }
        if (first == at)
            return;
        swap(&events->heap[at], &events->heap[first]);
        at = first;
    }
}

bool events_take(struct events *events, struct event *out)
{
    if (events->count == 0)
        return false;
    *out = events->heap[0];
    events->heap[0] = events->heap[--events->count];
    sink(events);
    return true;
}
