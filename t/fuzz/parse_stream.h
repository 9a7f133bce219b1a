/* Feeds a byte stream to a parser as a session would: whole, or in pieces of random length. What the parser said of
 * every command is folded into one number, so that two ways of cutting the same stream can be compared. */
#ifndef FUZZ_PARSE_STREAM_H
#define FUZZ_PARSE_STREAM_H

#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"
#include "protocol/command.h"

#include <stdlib.h>

typedef enum parse_status stream_parser(struct bytes in, struct command *out, size_t *used);

struct stream_result {
    uint64_t commands;        /* how many were parsed */
    uint64_t said;            /* fingerprint of all that was said of them */
    size_t stopped_at;        /* where the first command that was not parsed begins */
    enum parse_status status; /* of that one; PARSE_OK when the stream ended between commands */
};

static inline void stream_note(struct stream_result *result, uint64_t number)
{
    result->said = hash_mix(result->said ^ number) + number;
}

static inline void stream_note_bytes(struct stream_result *result, struct bytes data)
{
    stream_note(result, data.len);
    stream_note(result, data.len == 0 ? 0 : hash_fingerprint(data, 1));
}

/* What must hold of any command, and everything that it says. */
static inline void stream_note_command(struct stream_result *result, const struct command *command)
{
    CHECK(command->kind == COMMAND_ERROR || command->error == ERROR_NONE);
    CHECK(command->kind == COMMAND_ERROR || command->key.len <= KEY_MAX);
    CHECK(command->meta.count <= META_FLAGS_MAX);
    if (command->kind == COMMAND_ERROR && command->dialect != DIALECT_BINARY)
        CHECK(command->error == ERROR_META ? command->error_text != NULL : protocol_error_text(command->error) != NULL);
    const uint64_t numbers[] = {
        command->kind,   command->dialect,   command->error,  command->binary_status, command->close_after,
        command->quiet,  command->want_key,  command->opcode, command->has_token,     command->token,
        command->create, command->has_value, command->flags,  command->has_exptime,   (uint64_t)command->exptime,
        command->delta,  command->initial,   command->opaque, command->value_len,     command->meta.present,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        stream_note(result, numbers[i]);
    stream_note_bytes(result, command->error_text == NULL ? bytes_of(NULL, 0) : bytes_of_text(command->error_text));
    stream_note_bytes(result, command->key);
    stream_note_bytes(result, command->raw_key);
    struct bytes rest = command->rest, key;
    while (text_next_key(&rest, &key))
        stream_note_bytes(result, key);
    for (unsigned i = 0; i < command->meta.count; i++) {
        stream_note(result, (uint64_t)command->meta.list[i].letter);
        stream_note_bytes(result, command->meta.list[i].token);
    }
    result->commands++;
}

/* Parses in[start, end) from a heap block of exactly that size, so that a sanitizer sees each byte read beyond it, into
 * a command full of rubbish, of which nothing must be left. */
static inline enum parse_status stream_parse_piece(stream_parser *parse, struct bytes in, size_t start, size_t end,
                                                   struct stream_result *result, struct command *command, size_t *used,
                                                   int rubbish)
{
    uint8_t *copy = malloc(end - start + (end == start));
    CHECK_MEMORY(copy);
    struct bytes piece = bytes_of(copy, end - start);
    if (piece.len > 0)
        memcpy(copy, in.at + start, piece.len);
    memset(command, rubbish, sizeof *command);
    enum parse_status status = parse(piece, command, used);
    if (status == PARSE_OK) {
        CHECK(*used > 0 && *used <= piece.len);
        stream_note_command(result, command);
    }
    free(copy);
    return status;
}

/* `cuts` NULL: the stream arrives at once. Otherwise in pieces of 1 to piece_max bytes. */
static inline struct stream_result stream_run(stream_parser *parse, struct bytes in, struct prng *cuts,
                                              size_t piece_max)
{
    struct stream_result result = {0};
    struct command command;
    size_t start = 0, arrived = cuts == NULL ? in.len : 0, used;
    while (start < in.len) {
        result.status =
            stream_parse_piece(parse, in, start, arrived, &result, &command, &used, cuts == NULL ? 0xa5 : 0x5a);
        if (result.status == PARSE_MORE && arrived < in.len) {
            arrived += 1 + (size_t)prng_below(cuts, piece_max);
            arrived = arrived < in.len ? arrived : in.len;
            continue;
        }
        if (result.status != PARSE_OK)
            break;
        uint64_t skip = used;
        if (command.has_value)
            skip += command.value_len + (command.dialect == DIALECT_BINARY ? 0 : 2);
        if (command.close_after || skip > in.len - start)
            break;
        start += (size_t)skip;
        arrived = arrived > start ? arrived : start;
    }
    result.stopped_at = start;
    return result;
}

static inline bool stream_same(struct stream_result a, struct stream_result b)
{
    return a.commands == b.commands && a.said == b.said && a.stopped_at == b.stopped_at && a.status == b.status;
}

/* The stream says the same however it is cut. */
static inline bool stream_any_split(stream_parser *parse, struct bytes in, uint64_t seed)
{
    struct stream_result whole = stream_run(parse, in, NULL, 0);
    struct prng cuts;
    prng_init(&cuts, seed);
    static const size_t piece_max[] = {1, 3, 40, 1000};
    for (size_t i = 0; i < sizeof piece_max / sizeof *piece_max; i++) {
        if (!stream_same(whole, stream_run(parse, in, &cuts, piece_max[i])))
            return false;
    }
    return true;
}

#endif
