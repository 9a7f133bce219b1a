#include "version/dot.h"

int dot_compare(const struct dot *a, const struct dot *b)
{
    int order = actor_compare(&a->actor, &b->actor);
    if (order != 0)
        return order;
    return a->counter < b->counter ? -1 : a->counter > b->counter;
}
