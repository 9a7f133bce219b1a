#include "node/once.h"

#include <string.h>

static void forget(struct once *once, uint64_t number)
{
    once->seen[number % ONCE_WINDOW / 64] &= ~((uint64_t)1 << number % 64);
}

/* Moves the window on: the places of the numbers up to `newest` are those of older ones that fall out. */
static void move_to(struct once *once, uint64_t newest)
{
    if (newest - once->newest >= ONCE_WINDOW) {
        memset(once->seen, 0, sizeof once->seen);
    } else {
        for (uint64_t number = once->newest; number != newest;)
            forget(once, ++number);
    }
    once->newest = newest;
}

bool once_take(struct once *once, uint64_t number)
{
    if (number == 0)
        return false;
    if (number > once->newest)
        move_to(once, number);
    else if (once->newest - number >= ONCE_WINDOW)
        return false;
    uint64_t *word = &once->seen[number % ONCE_WINDOW / 64], bit = (uint64_t)1 << number % 64;
    if ((*word & bit) != 0)
        return false;
    *word |= bit;
    return true;
}
