#include "simulator/trace.h"

#include "simulator/keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void trace_say(struct trace *trace, uint64_t now_ns, int key, const char *format, ...)
{
    if (trace->line == NULL)
        return;
    char text[TRACE_LINE_MAX];
    const char *name = key == TRACE_NO_KEY || trace->keys == NULL ? "-" : trace->keys->list[key].text;
    int len = snprintf(text, sizeof text, "%6" PRIu64 ".%06" PRIu64 " %-4s ", now_ns / 1000000000,
                       now_ns / 1000 % 1000000, name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + len, sizeof text - (size_t)len, format, arguments);
    va_end(arguments);
    trace->line(trace->context, key, text);
}
