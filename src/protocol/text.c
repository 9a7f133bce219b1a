/* The text protocol: finds the line, picks the command. What is behind the name is read in text_read.c, text_write.c,
 * text_admin.c and meta.c. */
#include "protocol/text_line.h"

/* Words are counted with the name; noreply is looked for in the last word, as memcached does, whatever stands there. */
struct text_command {
    const char *name;
    uint8_t name_len;
    uint8_t words_min, words_max; /* words_max 0: any number */
    bool takes_noreply;
    enum command_kind kind;
    text_fill *fill;
};

#define TEXT_COMMAND(name, min, max, noreply, kind, fill)                                                              \
    {                                                                                                                  \
        name, sizeof(name) - 1, min, max, noreply, kind, fill                                                          \
    }

/* The busiest first: it is searched in order. */
static const struct text_command commands[] = {
    TEXT_COMMAND("set", 5, 6, true, COMMAND_SET, text_fill_storage),
    TEXT_COMMAND("get", 2, 0, false, COMMAND_GET, text_fill_get),
    TEXT_COMMAND("gets", 2, 0, false, COMMAND_GETS, text_fill_get),
    TEXT_COMMAND("cas", 6, 7, true, COMMAND_CAS, text_fill_storage),
    TEXT_COMMAND("incr", 3, 4, true, COMMAND_INCR, text_fill_arithmetic),
    TEXT_COMMAND("delete", 2, 4, false, COMMAND_DELETE, text_fill_delete),
    TEXT_COMMAND("add", 5, 6, true, COMMAND_ADD, text_fill_storage),
    TEXT_COMMAND("decr", 3, 4, true, COMMAND_DECR, text_fill_arithmetic),
    TEXT_COMMAND("touch", 3, 4, true, COMMAND_TOUCH, text_fill_touch),
    TEXT_COMMAND("gat", 2, 0, false, COMMAND_GAT, text_fill_gat),
    TEXT_COMMAND("gats", 2, 0, false, COMMAND_GATS, text_fill_gat),
    TEXT_COMMAND("append", 5, 6, true, COMMAND_APPEND, text_fill_storage),
    TEXT_COMMAND("prepend", 5, 6, true, COMMAND_PREPEND, text_fill_storage),
    TEXT_COMMAND("replace", 5, 6, true, COMMAND_REPLACE, text_fill_storage),
    TEXT_COMMAND("bget", 2, 0, false, COMMAND_GET, text_fill_get),
    TEXT_COMMAND("stats", 1, 0, false, COMMAND_STATS, text_fill_arguments),
    TEXT_COMMAND("version", 1, 0, false, COMMAND_VERSION, text_fill_arguments),
    TEXT_COMMAND("quit", 1, 0, false, COMMAND_QUIT, text_fill_arguments),
    TEXT_COMMAND("flush_all", 1, 3, true, COMMAND_FLUSH_ALL, text_fill_flush_all),
    TEXT_COMMAND("verbosity", 2, 3, true, COMMAND_VERBOSITY, text_fill_verbosity),
    TEXT_COMMAND("config", 1, 0, false, COMMAND_CONFIG_GET_CLUSTER, text_fill_config),
    TEXT_COMMAND("shutdown", 1, 0, false, COMMAND_SHUTDOWN, text_fill_arguments),
    TEXT_COMMAND("cache_memlimit", 2, 3, true, COMMAND_CACHE_MEMLIMIT, text_fill_memlimit),
    TEXT_COMMAND("slabs", 1, 0, false, COMMAND_SLABS, text_fill_slabs),
    TEXT_COMMAND("lru", 2, 0, true, COMMAND_LRU, text_fill_lru),
    TEXT_COMMAND("lru_crawler", 1, 0, false, COMMAND_LRU_CRAWLER, text_fill_lru_crawler),
    TEXT_COMMAND("watch", 1, 0, true, COMMAND_WATCH, text_fill_watch),
};

static const struct text_command *find_command(struct bytes name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (commands[i].name_len == name.len && memcmp(commands[i].name, name.at, name.len) == 0)
            return &commands[i];
    }
    return NULL;
}

/* memcached hangs up on lost HTTP clients, but looks for them only behind names that begin with none of its own
 * commands' busiest letters. */
static bool is_http(const struct text_line *line)
{
    return strchr("gsacidt", line->word[0].at[0]) == NULL
           && bytes_begin_with(line->word[line->count - 1], bytes_of_text("HTTP/"));
}

static enum parse_status parse_line(struct bytes all, struct command *out)
{
    struct text_line line;
    text_line_cut(&line, all);
    command_refuse(out, ERROR_UNKNOWN_COMMAND);
    if (line.count == 0 || line.word[0].len < 2)
        return PARSE_OK;
    struct bytes name = line.word[0];
    if (name.len == 2 && name.at[0] == 'm') {
        meta_fill(&line, out);
        return PARSE_OK;
    }
    const struct text_command *command = find_command(name);
    if (command == NULL)
        return is_http(&line) ? PARSE_CLOSE : PARSE_OK;
    if (line.count < command->words_min || (command->words_max != 0 && line.count > command->words_max))
        return PARSE_OK;
    out->kind = command->kind;
    out->error = ERROR_NONE;
    out->quiet = command->takes_noreply && text_word_is(line.word[line.count - 1], "noreply");
    command->fill(&line, out);
    return PARSE_OK;
}

/* Reads of many keys may be as long as their clients need. memcached measures only get and gets with this rule (and
 * forgives up to 100 spaces before them), but then a gat line works or not depending on how the network cut it. */
static bool may_be_long(struct bytes line)
{
    size_t spaces = 0;
    while (spaces < line.len && spaces <= 100 && line.at[spaces] == ' ')
        spaces++;
    if (spaces > 100)
        return false;
    line = bytes_after(line, spaces);
    return bytes_begin_with(line, bytes_of_text("get ")) || bytes_begin_with(line, bytes_of_text("gets "))
           || bytes_begin_with(line, bytes_of_text("gat ")) || bytes_begin_with(line, bytes_of_text("gats "));
}

static bool is_too_long(struct bytes line)
{
    return line.len > TEXT_LINE_MAX && (line.len > TEXT_GET_LINE_MAX || !may_be_long(line));
}

enum parse_status text_parse(struct bytes in, struct command *out, size_t *used)
{
    const uint8_t *newline = in.len == 0 ? NULL : memchr(in.at, '\n', in.len);
    struct bytes line = bytes_of(in.at, newline == NULL ? in.len : (size_t)(newline - in.at));
    if (is_too_long(line))
        return PARSE_CLOSE;
    if (newline == NULL)
        return PARSE_MORE;
    *used = line.len + 1;
    if (line.len > 0 && newline[-1] == '\r')
        line.len--;
    command_clear(out);
    if (line.len > 4 && memcmp(line.at, "get ", 4) == 0) {
        out->kind = COMMAND_GET;
        text_fill_get_keys(bytes_after(line, 4), out);
        return PARSE_OK;
    }
    return parse_line(line, out);
}
