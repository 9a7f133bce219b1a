/* Commands to the server rather than to a key. Those that turn memcached's own memory management have nothing to turn
 * here: they are checked as memcached checks them, and answered as by a memcached where the thing is switched off. */
#include "protocol/text_line.h"

#include <math.h>
#include <stdlib.h>

void text_fill_arguments(const struct text_line *line, struct command *out)
{
    out->rest = text_line_after(line, 0);
}

void text_fill_flush_all(const struct text_line *line, struct command *out)
{
    if (line->count == (out->quiet ? 2U : 1U))
        return;
    if (!text_signed(line->word[1], &out->exptime))
        command_refuse(out, ERROR_BAD_EXPTIME);
    else if (out->exptime > 0)
        out->has_exptime = true;
    else
        out->exptime = 0;
}

void text_fill_verbosity(const struct text_line *line, struct command *out)
{
    uint32_t level;
    out->rest = text_line_after(line, 0);
    if (!text_flags(line->word[1], &level))
        command_refuse(out, ERROR_BAD_FORMAT);
    else
        out->delta = level;
}

void text_fill_memlimit(const struct text_line *line, struct command *out)
{
    uint32_t megabytes;
    out->rest = text_line_after(line, 0);
    if (!text_flags(line->word[1], &megabytes))
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
    else if (megabytes < 8)
        command_refuse_text(out, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
    else if (megabytes > 1000000000)
        command_refuse_text(out, "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes");
    else
        out->delta = megabytes;
}

void text_fill_config(const struct text_line *line, struct command *out)
{
    if (line->count != 3 || !text_word_is(line->word[1], "get") || !text_word_is(line->word[2], "cluster"))
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
}

static void fill_without_effect(const struct text_line *line, struct command *out, const char *reply)
{
    out->rest = text_line_after(line, 0);
    out->error_text = reply;
}

/* A decimal fraction, for the two commands that take one. */
static bool text_fraction(struct bytes word, double *value)
{
    char text[32] = {0}, *end;
    if (word.len >= sizeof text)
        return false;
    memcpy(text, word.at, word.len);
    *value = strtod(text, &end);
    return end != text && *end == 0 && isfinite(*value);
}

static void fill_automove(const struct text_line *line, struct command *out)
{
    double ratio;
    uint32_t level;
    out->quiet = text_word_is(line->word[line->count - 1], "noreply");
    if (text_word_is(line->word[2], "ratio")) {
        if (line->count < 4 || !text_fraction(line->word[3], &ratio))
            command_refuse(out, ERROR_UNKNOWN_COMMAND);
    } else if (!text_flags(line->word[2], &level)) {
        command_refuse(out, ERROR_BAD_FORMAT);
    } else if (level > 2) {
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
    }
    if (out->kind != COMMAND_ERROR)
        fill_without_effect(line, out, "OK");
}

void text_fill_slabs(const struct text_line *line, struct command *out)
{
    if (line->count == 4 && text_word_is(line->word[1], "reassign"))
        fill_without_effect(line, out, "CLIENT_ERROR slab reassignment disabled");
    else if (line->count >= 3 && text_word_is(line->word[1], "automove"))
        fill_automove(line, out);
    else
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
}

static const char *check_tune(const struct text_line *line)
{
    uint32_t hot, warm;
    double hot_factor, warm_factor;
    if (!text_flags(line->word[2], &hot) || !text_flags(line->word[3], &warm)
        || !text_fraction(line->word[4], &hot_factor) || !text_fraction(line->word[5], &warm_factor))
        return "ERROR";
    if ((uint64_t)hot + warm > 80)
        return "ERROR hot and warm pcts must not exceed 80";
    if (hot_factor <= 0 || warm_factor <= 0)
        return "ERROR hot/warm age factors must be greater than 0";
    return "OK";
}

void text_fill_lru(const struct text_line *line, struct command *out)
{
    int64_t ttl;
    const char *reply = "ERROR";
    if (line->count >= 6 && text_word_is(line->word[1], "tune"))
        reply = check_tune(line);
    else if (line->count >= 3 && text_word_is(line->word[1], "mode"))
        reply = text_word_is(line->word[2], "flat") || text_word_is(line->word[2], "segmented") ? "OK" : "ERROR";
    else if (line->count >= 3 && text_word_is(line->word[1], "temp_ttl"))
        reply = text_signed(line->word[2], &ttl) ? "OK" : "ERROR";
    fill_without_effect(line, out, reply);
}

static const char *check_crawler(const struct text_line *line)
{
    uint32_t number;
    struct bytes what = line->count >= 2 ? line->word[1] : bytes_of(NULL, 0);
    if (line->count == 2)
        return text_word_is(what, "enable") || text_word_is(what, "disable") ? "OK" : "ERROR";
    if (line->count != 3)
        return "ERROR";
    if (text_word_is(what, "crawl"))
        return "OK";
    if (text_word_is(what, "metadump"))
        return "ERROR metadump not allowed";
    if (!text_word_is(what, "tocrawl") && !text_word_is(what, "sleep"))
        return "ERROR";
    if (!text_flags(line->word[2], &number))
        return "CLIENT_ERROR bad command line format";
    if (text_word_is(what, "sleep") && number > 1000000)
        return "CLIENT_ERROR sleep must be one second or less";
    return "OK";
}

void text_fill_lru_crawler(const struct text_line *line, struct command *out)
{
    fill_without_effect(line, out, check_crawler(line));
}

void text_fill_watch(const struct text_line *line, struct command *out)
{
    fill_without_effect(line, out, "CLIENT_ERROR watch commands not allowed");
}
