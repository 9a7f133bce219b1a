/* The results of a run, for people and for programs. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "load_client.h"

struct load_report {
    struct load_counts counts;
    uint64_t duration_ns;
    unsigned connections_lost;
};

/* Every reply that was not what it should have been, and every request without one. */
uint64_t load_report_errors(const struct load_report *report);

/* Prints `report` to standard output. */
void load_report_print(const struct load_report *report, bool json);

#endif
