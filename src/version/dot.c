#include "version/dot.h"

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

int actor_compare(const struct actor *a, const struct actor *b)
{
    if (a->node != b->node)
        return ORDER(a->node, b->node);
    if (a->incarnation != b->incarnation)
        return ORDER(a->incarnation, b->incarnation);
    return ORDER(a->birth, b->birth);
}

int dot_compare(const struct dot *a, const struct dot *b)
{
    int order = actor_compare(&a->actor, &b->actor);
    return order != 0 ? order : ORDER(a->counter, b->counter);
}
