#include "base/histogram.h"

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS };

/* Values below 16 have a bucket each; above, the top bit chooses the row and the next four the bucket. */
static unsigned bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS)
        return (unsigned)value;
    unsigned top = 63U - (unsigned)__builtin_clzll(value);
    unsigned shift = top - HISTOGRAM_SUB_BITS;
    return ((shift + 1) << HISTOGRAM_SUB_BITS) + (unsigned)((value >> shift) & (SUB_BUCKETS - 1));
}

static uint64_t bucket_end(unsigned bucket)
{
    unsigned row = bucket >> HISTOGRAM_SUB_BITS;
    uint64_t within = bucket & (SUB_BUCKETS - 1);
    if (row == 0)
        return within;
    unsigned shift = row - 1;
    return ((within + SUB_BUCKETS + 1) << shift) - 1;
}

static uint64_t load(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void store(_Atomic uint64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    _Atomic uint64_t *count = &histogram->counts[bucket_of(value)];
    store(count, load(count) + 1); /* one writer: no need for a locked add */
    if (value > load(&histogram->max))
        store(&histogram->max, value);
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        store(&to->counts[i], load(&to->counts[i]) + load(&from->counts[i]));
    if (load(&from->max) > load(&to->max))
        store(&to->max, load(&from->max));
}

uint64_t histogram_total(const struct histogram *histogram)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += load(&histogram->counts[i]);
    return total;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
    uint64_t total = histogram_total(histogram);
    double wanted = fraction * (double)total;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += load(&histogram->counts[i]);
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t end = bucket_end(i), max = load(&histogram->max);
            return end < max ? end : max;
        }
    }
    return 0;
}

void histogram_reset(struct histogram *histogram)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        store(&histogram->counts[i], 0);
    store(&histogram->max, 0);
}
