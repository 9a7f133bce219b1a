#include "server/logger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, TEXT_MAX_BYTES = 1024 };

static const char *const LEVEL_NAMES[] = {"error", "warning", "notice", "info", "debug"};

void logger_init(struct logger *log, int fd, uint32_t verbosity)
{
    *log = (struct logger){.fd = fd, .allowance = LOGGER_BURST_MAX};
    pthread_mutex_init(&log->lock, NULL);
    logger_set_verbosity(log, verbosity);
}

void logger_close(struct logger *log)
{
    pthread_mutex_destroy(&log->lock);
}

/* Under the lock. Errors are limited like all others: a full disk must not fill the journal as well. */
static bool allowed(struct logger *log, uint64_t now_ms)
{
    if (log->last_ms != 0)
        log->allowance += (double)(now_ms - log->last_ms) * LOGGER_PER_SECOND_MAX / 1000;
    if (log->allowance > LOGGER_BURST_MAX)
        log->allowance = LOGGER_BURST_MAX;
    log->last_ms = now_ms;
    if (log->allowance < 1) {
        log->suppressed++;
        return false;
    }
    log->allowance -= 1;
    return true;
}

/* The text in quotes must stay one line and one value. */
static void escape(const char *from, char *to, size_t room)
{
    size_t at = 0;
    for (; *from != '\0' && at + 3 < room; from++) {
        unsigned char c = (unsigned char)*from;
        if (c == '"' || c == '\\')
            to[at++] = '\\';
        to[at++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    to[at] = '\0';
}

static void write_line(struct logger *log, enum logger_level level, const char *event, const char *text)
{
    struct timespec now;
    struct tm utc;
    char stamp[32], line[LINE_MAX_BYTES], more[48] = "";
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    if (log->suppressed != 0)
        snprintf(more, sizeof(more), " suppressed=%" PRIu64, log->suppressed);
    log->suppressed = 0;
    int len = snprintf(line, sizeof(line), "time=%s.%03ldZ level=%s event=%s text=\"%s\"%s\n", stamp,
                       now.tv_nsec / 1000000, LEVEL_NAMES[level], event, text, more);
    /* Nobody is left to tell when standard error fails. */
    ssize_t written = write(log->fd, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
    (void)written;
}

void logger_line(struct logger *log, enum logger_level level, const char *event, const char *format, ...)
{
    if (level > LEVEL_NOTICE && logger_verbosity(log) < (uint32_t)(level - LEVEL_NOTICE))
        return;
    char raw[TEXT_MAX_BYTES], text[TEXT_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(raw, sizeof(raw), format, arguments);
    va_end(arguments);
    escape(raw, text, sizeof(text));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&log->lock);
    if (allowed(log, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000))
        write_line(log, level, event, text);
    pthread_mutex_unlock(&log->lock);
}

bool logger_gate_pass(struct logger_gate *gate, uint64_t now_ms, uint64_t *held)
{
    if (gate->passed == 0 || now_ms - gate->since_ms >= LOGGER_GATE_MS) {
        gate->since_ms = now_ms;
        gate->passed = 0;
    }
    if (gate->passed == LOGGER_GATE_LINES) {
        gate->held++;
        return false;
    }
    gate->passed++;
    *held = gate->held;
    gate->held = 0;
    return true;
}

const char *logger_gate_text(uint64_t held, char *text)
{
    text[0] = '\0';
    if (held != 0)
        snprintf(text, LOGGER_GATE_TEXT_MAX, " (%" PRIu64 " lines like this were left out)", held);
    return text;
}
