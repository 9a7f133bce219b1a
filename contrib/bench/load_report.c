#include "load_report.h"

#include <inttypes.h>
#include <stdio.h>

struct figures {
    uint64_t sets, gets, ops;
    double ops_per_s, p50_ms, p99_ms, p99_9_ms, max_ms;
};

uint64_t load_report_errors(const struct load_report *report)
{
    return report->counts.refused + report->counts.lost;
}

static double quantile_ms(const struct load_report *report, double fraction)
{
    return (double)histogram_quantile(&report->counts.latency_ns, fraction) / 1e6;
}

static struct figures figures_of(const struct load_report *report)
{
    const struct load_counts *counts = &report->counts;
    struct figures figures = {
        .sets = counts->sets,
        .gets = counts->hits + counts->misses,
        .p50_ms = quantile_ms(report, 0.5),
        .p99_ms = quantile_ms(report, 0.99),
        .p99_9_ms = quantile_ms(report, 0.999),
        .max_ms = (double)counts->latency_ns.max / 1e6,
    };
    figures.ops = figures.sets + figures.gets;
    if (report->duration_ns > 0)
        figures.ops_per_s = (double)figures.ops * 1e9 / (double)report->duration_ns;
    return figures;
}

static void print_json(const struct load_report *report, const struct figures *figures)
{
    printf("{\"seconds\": %.3f, \"ops\": %" PRIu64 ", \"ops_per_s\": %.1f, \"sets\": %" PRIu64 ", \"hits\": %" PRIu64
           ", \"misses\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"connections_lost\": %u, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"p99_9_ms\": %.4f, \"max_ms\": %.4f}\n",
           (double)report->duration_ns / 1e9, figures->ops, figures->ops_per_s, figures->sets, report->counts.hits,
           report->counts.misses, load_report_errors(report), report->connections_lost, figures->p50_ms,
           figures->p99_ms, figures->p99_9_ms, figures->max_ms);
}

static void print_text(const struct load_report *report, const struct figures *figures)
{
    printf("operations   %" PRIu64 " in %.2f s: %.0f ops/s\n", figures->ops, (double)report->duration_ns / 1e9,
           figures->ops_per_s);
    printf("sets         %" PRIu64 "\n", figures->sets);
    printf("gets         %" PRIu64 " (%" PRIu64 " hits, %" PRIu64 " misses)\n", figures->gets, report->counts.hits,
           report->counts.misses);
    printf("errors       %" PRIu64 " (%" PRIu64 " error replies, %" PRIu64
           " without a right reply), %u connections lost\n",
           load_report_errors(report), report->counts.refused, report->counts.lost, report->connections_lost);
    printf("latency ms   p50 %.3f  p99 %.3f  p99.9 %.3f  max %.3f\n", figures->p50_ms, figures->p99_ms,
           figures->p99_9_ms, figures->max_ms);
}

void load_report_print(const struct load_report *report, bool json)
{
    struct figures figures = figures_of(report);
    if (json)
        print_json(report, &figures);
    else
        print_text(report, &figures);
}
