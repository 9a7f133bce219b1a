/* Messages for the operator: one line each on standard error, key=value, quiet while all is well. */
#ifndef SERVER_LOGGER_H
#define SERVER_LOGGER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum logger_level {
    LEVEL_ERROR,   /* something was refused or lost */
    LEVEL_WARNING, /* it goes on, but somebody should look */
    LEVEL_NOTICE,  /* shown by default as well: accepted flags without effect, what recovery found */
    LEVEL_INFO,    /* -v */
    LEVEL_DEBUG    /* -vv */
};

enum {
    LOGGER_BURST_MAX = 50,      /* lines at once */
    LOGGER_PER_SECOND_MAX = 10, /* lines a second in the long run; what is left out is counted and said */
    LOGGER_GATE_LINES = 5,      /* that pass a gate ... */
    LOGGER_GATE_MS = 10000,     /* ... in such a time */
    LOGGER_GATE_TEXT_MAX = 64
};

struct logger {
    pthread_mutex_t lock;
    _Atomic uint32_t verbosity; /* how many -v */
    int fd;
    double allowance; /* lines that may be written now */
    uint64_t last_ms; /* when allowance was last topped up */
    uint64_t suppressed;
};

/* Writes to `fd`, which stays the caller's. */
void logger_init(struct logger *log, int fd, uint32_t verbosity);
void logger_close(struct logger *log);

/* `event` is a word to search for; the text a sentence without its full stop. Any thread. */
void logger_line(struct logger *log, enum logger_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Keeps one kind of line that others can cause (refused connections, malformed messages) from drowning the rest. One
 * thread's; zero-initialised. */
struct logger_gate {
    uint64_t since_ms;
    unsigned passed;
    uint64_t held; /* lines left out since the last that passed */
};

/* May a line pass now (monotonic milliseconds)? Then *held is how many were left out before it. */
bool logger_gate_pass(struct logger_gate *gate, uint64_t now_ms, uint64_t *held);
/* " (3 lines like this were left out)" for the end of that line, "" when none were. `text`: LOGGER_GATE_TEXT_MAX. */
const char *logger_gate_text(uint64_t held, char *text);

static inline void logger_set_verbosity(struct logger *log, uint32_t verbosity)
{
    atomic_store_explicit(&log->verbosity, verbosity, memory_order_relaxed);
}

static inline uint32_t logger_verbosity(struct logger *log)
{
    return atomic_load_explicit(&log->verbosity, memory_order_relaxed);
}

#endif
