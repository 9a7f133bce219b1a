/* The same checks for histories of real processes: what their clients asked and were told is read from a file (the
 * format is in docs/simulator.md, "Judging real processes") and each key's history becomes a small world, in which
 * nothing runs, whose checks are told of one answer after the other.
 *
 *   judge.c          one world for each key, its verdict
 *   judge_read.c     lines to operations
 *   judge_account.c  the oracle's part: no log was watched here, so what a write has replaced follows from what it says
 * of itself (a cart lists its items) or from when it was asked and answered
 *
 * Times are those of the machine on which all clients ran. Two operations that overlap may have come in either order,
 * so nothing is said of them that any order would explain. */
#ifndef SIMULATOR_JUDGE_H
#define SIMULATOR_JUDGE_H

#include "base/bytes.h"
#include "simulator/checks.h"

#include <stdbool.h>
#include <stdint.h>

enum { JUDGE_ERROR_MAX = 200, JUDGE_TEXT_MAX = CHECK_TEXT_MAX + 400 };

/* Only for the judge: in the simulator the oracle knows these things better. */
extern const struct check check_counted, check_agreed;

struct judge;

struct judge_result {
    uint64_t keys, operations;
    uint64_t failures;           /* keys with something wrong; of each the first is told */
    uint64_t judged[CHECKS_MAX]; /* in the order of judge_check */
};

/* Has read nothing yet. Aborts without memory. */
struct judge *judge_new(void);
/* Frees what it has read, too. */
void judge_free(struct judge *judge);

/* The next line of the file. false: `error` (JUDGE_ERROR_MAX bytes) says what is wrong with it. */
bool judge_line(struct judge *judge, struct bytes line, char *error);
/* After the last line. Each failure is told by `say`. false: the file is not whole, as `error` says. */
bool judge_decide(struct judge *judge, void (*say)(void *context, const char *text), void *context,
                  struct judge_result *result, char *error);
/* The checks that judge, in order; NULL ends. */
const struct check *judge_check(unsigned number);

#endif
