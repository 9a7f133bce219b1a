/* What the load generator is asked to do, from its command line. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOAD_KEY_MAX = 250, LOAD_VALUE_MAX = 128 << 20, LOAD_PIPELINE_MAX = 4096 };

struct load_options {
    const char *host;
    const char *port;
    const char *unix_path; /* NULL: TCP to host and port */
    unsigned connections;  /* in all, shared out among the threads */
    unsigned threads;
    unsigned pipeline; /* requests under way on each connection */
    unsigned sets, gets;
    size_t value_size;
    uint64_t keys;
    const char *key_prefix;
    unsigned seconds;  /* 0: until `requests` are done */
    uint64_t requests; /* of each connection; 0: until `seconds` have passed */
    uint64_t seed;
    bool binary;
    bool prefill; /* set each key once first, unmeasured */
    bool json;
};

enum load_options_result { LOAD_OPTIONS_RUN, LOAD_OPTIONS_HELP, LOAD_OPTIONS_BAD };

/* Reads the command line into `options`, which keeps pointers into `argv`. With LOAD_OPTIONS_BAD the reason has
 * been printed to standard error, with LOAD_OPTIONS_HELP the help text to standard output. */
enum load_options_result load_options_read(struct load_options *options, int argc, char **argv);

#endif
