/* A ledger of dots: no dot may ever name two values [R1]. */
#ifndef T_REPLICA_DOTS_H
#define T_REPLICA_DOTS_H

#include "version/dot.h"

#include <stdlib.h>

struct dot_ledger {
    struct dot *dots;
    size_t count, room;
};

static inline void dot_ledger_close(struct dot_ledger *ledger)
{
    free(ledger->dots);
    *ledger = (struct dot_ledger){0};
}

/* Enters the dot of a new value. */
static inline void dot_ledger_enter(struct dot_ledger *ledger, struct dot dot)
{
    if (ledger->count == ledger->room) {
        ledger->room = ledger->room * 2 + 1024;
        ledger->dots = realloc(ledger->dots, ledger->room * sizeof *ledger->dots);
    }
    ledger->dots[ledger->count++] = dot;
}

static inline int dot_ledger_order(const void *a, const void *b)
{
    return dot_compare(a, b);
}

/* Has any dot been entered twice? Sorts the ledger. */
static inline bool dot_ledger_has_twins(struct dot_ledger *ledger)
{
    if (ledger->count > 1)
        qsort(ledger->dots, ledger->count, sizeof *ledger->dots, dot_ledger_order);
    for (size_t i = 1; i < ledger->count; i++) {
        if (dot_equal(&ledger->dots[i - 1], &ledger->dots[i]))
            return true;
    }
    return false;
}

#endif
