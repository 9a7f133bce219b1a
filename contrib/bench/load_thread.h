/* A thread of the load generator with its share of the connections and one epoll for them. */
#ifndef LOAD_THREAD_H
#define LOAD_THREAD_H

#include "load_client.h"

struct load_thread {
    const struct load_options *options;
    unsigned number;
    struct load_client *clients; /* connections number, number + threads, number + 2 * threads ... */
    unsigned client_count;
    int epoll;
    unsigned connections_lost;
    struct load_counts counts;
    uint64_t duration_ns; /* of the last phase, until its last reply */
};

enum load_phase { LOAD_PREFILL, LOAD_MIX };

/* Nanoseconds of the monotonic clock. */
uint64_t load_clock_ns(void);

/* Opens the thread's connections. False, with the reason on standard error, when one cannot be had; what was opened
 * is then left to load_thread_close(). */
bool load_thread_open(struct load_thread *thread, const struct load_options *options, unsigned number);

/* Runs one phase to its end in the calling thread. `counts` starts from zero. */
void load_thread_run(struct load_thread *thread, enum load_phase phase);

void load_thread_close(struct load_thread *thread);

#endif
