#include "version/sorted.h"

#include <stdlib.h>

/* Nearly every object has one live version and nearly all others a handful. */
enum { FEW = 16 };

static int newest_first(const void *a, const void *b)
{
    return version_compare(b, a);
}

void versions_sort(struct version *versions, uint32_t count)
{
    if (count > FEW) {
        qsort(versions, count, sizeof *versions, newest_first);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        struct version moving = versions[i];
        uint32_t k = i;
        for (; k > 0 && version_compare(&versions[k - 1], &moving) < 0; k--)
            versions[k] = versions[k - 1];
        versions[k] = moving;
    }
}

static int by_dot(const void *a, const void *b)
{
    const struct version *const *left = a, *const *right = b;
    return dot_compare(&(*left)->dot, &(*right)->dot);
}

const struct version **versions_by_dot(const struct version *versions, uint32_t count, struct arena *arena)
{
    const struct version **sorted = arena_alloc(arena, count * sizeof *sorted);
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &versions[i];
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, by_dot);
    return sorted;
}

const struct version *versions_find(const struct version *const *sorted, uint32_t count, const struct dot *dot)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = dot_compare(&sorted[middle]->dot, dot);
        if (order == 0)
            return sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
