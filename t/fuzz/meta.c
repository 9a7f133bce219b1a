/* Meta commands, and the replies that repeat their flags: the input is the words behind mg, ms, md, ma and me in turn.
 */
#include "base/chain.h"
#include "parse_stream.h"
#include "protocol/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 2000 };

static void answer(const struct command *command, struct chain *out)
{
    static const char *const codes[] = {"HD", "VA", "EN", "NS", "EX", "NF"};
    bool in_base64 = meta_has(&command->meta, 'b');
    struct meta_item item = {.key = in_base64 ? command->raw_key : command->key,
                             .flags = UINT32_MAX,
                             .token = UINT64_MAX,
                             .size = UINT64_MAX,
                             .ttl_s = INT64_MAX,
                             .idle_s = UINT32_MAX,
                             .siblings = UINT32_MAX,
                             .won = true,
                             .stale = true,
                             .win_sent = true};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        size_t before = out->len;
        reply_meta(out, command, codes[i], &item);
        CHECK(out->len >= before + 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"mg ", "ms ", "md ", "ma ", "me "};
    size = size < WORDS_MAX ? size : WORDS_MAX;
    struct pool chunks;
    struct chain out;
    pool_init(&chunks, chain_chunk_size(), 4);
    chain_init(&out, &chunks);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t line[WORDS_MAX + 8];
        memcpy(line, names[i], 3);
        if (size > 0)
            memcpy(line + 3, data, size);
        memcpy(line + 3 + size, "\r\n", 2);
        struct bytes in = bytes_of(line, size + 5);
        CHECK(stream_any_split(text_parse, in, hash_fingerprint(in, 0)));
        struct command command;
        size_t used;
        if (text_parse(in, &command, &used) == PARSE_OK && command.kind != COMMAND_ERROR)
            answer(&command, &out);
    }
    chain_close(&out);
    pool_close(&chunks);
    return 0;
}
