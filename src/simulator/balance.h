/* Load-balancing efficiency of the three strategies, as in Fig. 8 of the Dynamo paper (6.2): `ringsim balance`. */
#ifndef SIMULATOR_BALANCE_H
#define SIMULATOR_BALANCE_H

#include <stddef.h>
#include <stdint.h>

enum { BALANCE_TEXT_MAX = 512, BALANCE_SEEDS_DEFAULT = 100 };

struct balance_options {
    uint32_t strategy;   /* 1, 2 or 3 */
    uint32_t nodes;      /* S, of equal weight */
    uint32_t copies;     /* N */
    uint32_t partitions; /* Q */
    uint32_t tokens;     /* T, for strategies 1 and 2 */
    uint32_t seeds;      /* how many rings to measure; names, and so tokens, differ */
};

/* Means over all seeds, except where another word says what. A copy is a partition kept by one of its owners. */
struct balance_result {
    struct balance_options options;
    double efficiency;     /* copies of a node, mean over nodes divided by the largest */
    double efficiency_min; /* of the worst seed */
    double metadata_bytes; /* of a view as members send it */
    /* Copies that get another owner when a node joins, when one leaves, as a part of all; and what cannot be avoided:
     * the newcomer's share, the share of the one who goes. */
    double join_moved, join_ideal;
    double leave_moved, leave_ideal;
    uint64_t p5_violations; /* of all seeds: rows of fewer than min(N, S) different nodes */
};

/* NULL, or a static text that says which option is at fault; *result is not written then. */
const char *balance_measure(const struct balance_options *options, struct balance_result *result);

/* The result in some lines for people, NUL-terminated; BALANCE_TEXT_MAX bytes are enough. Returns what snprintf would.
 */
int balance_print(const struct balance_result *result, char *text, size_t size);

#endif
