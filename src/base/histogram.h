/* A histogram of durations or sizes with a relative error of at most 1/16, in constant memory.
 * One thread writes it; others may read it meanwhile and see each count whole. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 4, /* 16 buckets for each power of two */
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS
};

struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
    _Atomic uint64_t max;
};

/* Counts one value. The one writer only. */
void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds the counts of `from` to `to`. */
void histogram_add(struct histogram *to, const struct histogram *from);

/* How many values have been recorded. */
uint64_t histogram_total(const struct histogram *histogram);

/* The upper end of the bucket below which `fraction` (0..1) of the recorded values lie; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

/* Forgets everything. The one writer only. */
void histogram_reset(struct histogram *histogram);

#endif
