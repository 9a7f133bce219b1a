/* The throttled checker [R11]: rebuilds the leaves of some partitions from the records and compares them with those
 * that are kept. A leaf that was changed meanwhile is left out, so nothing has to stand still; the next pass sees it.
 *
 * A mismatch is a defect or damage: two owners may then take different copies for identical ones. After the partition
 * has been looked at a second time it is counted and reported. Records may be missing here, so the copy becomes
 * doubtful and loses its horizon; when that is durable the leaves are summed up anew, and the next comparison with the
 * other owners brings what was lost. */
#ifndef ANTIENTROPY_CHECKER_H
#define ANTIENTROPY_CHECKER_H

#include "antientropy/antientropy.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

enum checker_phase { CHECKER_REST, CHECKER_MARK, CHECKER_SCAN };

struct checker {
    enum checker_phase phase;
    uint32_t partition; /* the first one of the batch, or the next one's */
    uint32_t count;     /* partitions in the batch */
    uint32_t scanned;   /* of them, those whose records have been seen */
    uint64_t mark;
    uint64_t *before; /* the leaves as they were kept before the mark, partition by partition */
    uint64_t *sums;   /* the leaves as the records give them */
    bool *unreadable; /* some record of the leaf cannot be read */
    struct store_cursor cursor;
    bool is_second_look;
    int mends;          /* the partition whose tree is to be put right when the standing has been kept, -1: none */
    uint64_t damage_ns; /* until then no partition is compared for a damaged record once more */
    uint64_t next_ns;
    struct antientropy_checker counts;
};

/* At rest, nothing counted. */
void checker_init(struct checker *checker);
/* Gives back what it holds. */
void checker_close(struct checker *checker);
/* Drops what is under way: the view changes. */
void checker_reset(struct checker *checker, struct instant now);
/* Goes on; checker->next_ns says when it wants to do so again. */
void checker_go_on(struct antientropy *a, struct instant now);

#endif
