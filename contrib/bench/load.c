/* ringcached-load: a load generator for memcached servers, so that the figures of docs/performance.md can be
 * repeated where memtier_benchmark is missing. */
#include "load_options.h"
#include "load_report.h"
#include "load_thread.h"

#include "base/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct worker {
    struct load_thread thread;
    enum load_phase phase;
    pthread_t handle;
};

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    load_thread_run(&worker->thread, worker->phase);
    return NULL;
}

static struct load_report run_phase(struct worker *workers, unsigned count, enum load_phase phase)
{
    for (unsigned i = 0; i < count; i++) {
        workers[i].phase = phase;
        CHECK(pthread_create(&workers[i].handle, NULL, worker_main, &workers[i]) == 0);
    }
    struct load_report report = {0};
    for (unsigned i = 0; i < count; i++) {
        pthread_join(workers[i].handle, NULL);
        const struct load_thread *thread = &workers[i].thread;
        report.counts.sets += thread->counts.sets;
        report.counts.hits += thread->counts.hits;
        report.counts.misses += thread->counts.misses;
        report.counts.refused += thread->counts.refused;
        report.counts.lost += thread->counts.lost;
        histogram_add(&report.counts.latency_ns, &thread->counts.latency_ns);
        report.connections_lost += thread->connections_lost;
        if (thread->duration_ns > report.duration_ns)
            report.duration_ns = thread->duration_ns;
    }
    return report;
}

/* Runs what `options` ask for; true when the server did all of it right. */
static bool run(const struct load_options *options, struct worker *workers)
{
    bool ok = true, measures = options->seconds > 0 || options->requests > 0;
    struct load_report report = {0};
    if (options->prefill) {
        report = run_phase(workers, options->threads, LOAD_PREFILL);
        ok = report.connections_lost == 0 && report.counts.sets == options->keys;
        if (!ok)
            fputs("ringcached-load: not every key could be set\n", stderr);
    }
    if (ok && measures) {
        report = run_phase(workers, options->threads, LOAD_MIX);
        ok = report.connections_lost == 0 && load_report_errors(&report) == 0;
    }
    load_report_print(&report, options->json);
    return ok;
}

int main(int argc, char **argv)
{
    struct load_options options;
    enum load_options_result result = load_options_read(&options, argc, argv);
    if (result != LOAD_OPTIONS_RUN)
        return result == LOAD_OPTIONS_HELP ? EXIT_SUCCESS : EXIT_FAILURE;
    struct worker *workers = calloc(options.threads, sizeof *workers);
    CHECK_MEMORY(workers);
    unsigned opened = 0;
    bool ok = true;
    while (ok && opened < options.threads) {
        ok = load_thread_open(&workers[opened].thread, &options, opened);
        opened++;
    }
    ok = ok && run(&options, workers);
    for (unsigned i = 0; i < opened; i++)
        load_thread_close(&workers[i].thread);
    free(workers);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
