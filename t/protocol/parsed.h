/* One line or packet, parsed from a heap block of exactly its size into a command that was full of rubbish before. */
#ifndef T_PROTOCOL_PARSED_H
#define T_PROTOCOL_PARSED_H

/* cmocka wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/command.h"

#include <stdlib.h>
#include <string.h>

struct parsed {
    struct command command;
    enum parse_status status;
    size_t used;
    uint8_t *input;
};

typedef enum parse_status any_parser(struct bytes in, struct command *out, size_t *used);

/* May be called again with the same *parsed, which is {0} at first; parsed_free ends it. */
static inline void parse_bytes(struct parsed *parsed, any_parser *parse, struct bytes in)
{
    free(parsed->input);
    memset(parsed, 0xa5, sizeof *parsed);
    parsed->input = malloc(in.len + (in.len == 0));
    assert_non_null(parsed->input);
    if (in.len > 0)
        memcpy(parsed->input, in.at, in.len);
    parsed->status = parse(bytes_of(parsed->input, in.len), &parsed->command, &parsed->used);
}

/* A whole text or meta line, which must be understood and used up. */
static inline struct command *parse_text(struct parsed *parsed, const char *line)
{
    parse_bytes(parsed, text_parse, bytes_of_text(line));
    if (parsed->status != PARSE_OK || parsed->used != strlen(line))
        fail_msg("not parsed as one line: %s", line);
    return &parsed->command;
}

static inline void parsed_free(struct parsed *parsed)
{
    free(parsed->input);
    parsed->input = NULL;
}

static inline void assert_bytes(struct bytes got, const char *want)
{
    if (!bytes_equal(got, bytes_of_text(want)))
        fail_msg("got \"%.*s\", want \"%s\"", (int)got.len, got.len == 0 ? "" : (const char *)got.at, want);
}

static inline const char *reply_of(const struct command *command)
{
    return command->error == ERROR_META ? command->error_text : protocol_error_text(command->error);
}

/* The line is refused with this reply and nothing is swallowed. */
static inline void assert_refused(const char *line, const char *reply)
{
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, line);
    if (command->kind != COMMAND_ERROR || strcmp(reply_of(command), reply) != 0 || command->quiet)
        fail_msg("%s is not refused with %s", line, reply);
    assert_false(command->has_value);
    assert_false(command->close_after);
    parsed_free(&parsed);
}

/* Refused without a word, because noreply hides errors as well. */
static inline void assert_refused_silently(const char *line)
{
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, line);
    if (command->kind != COMMAND_ERROR || !command->quiet || command->has_value)
        fail_msg("%s is not refused silently", line);
    parsed_free(&parsed);
}

/* A key of `len` letters k, NUL-terminated; `room` has at least len + 1 bytes. */
static inline const char *long_key(char *room, size_t len)
{
    memset(room, 'k', len);
    room[len] = 0;
    return room;
}

#endif
