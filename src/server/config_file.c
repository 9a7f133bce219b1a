/* The configuration file, read with libinih.
 *
 * libinih hides mistakes: it cuts long section names, splits long lines, puts the keys below a bad header into the
 * previous section, merges repeated sections, does not see empty ones and gives no line number to its handler. So our
 * reader hands it one line at a time, counts them, and judges headers and lengths itself. */
#include "base/check.h"
#include "server/config.h"
#include "server/options.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 4000, /* below ini_max_line */
    INI_LINE_BYTES = 4096,
    SECTIONS_MAX = BUCKETS_MAX + 2,
    SECTION_BYTES = 7 + BUCKET_NAME_MAX + 1
};

struct file_reader {
    struct config *config;
    const char *path;
    char *error;
    FILE *file;
    unsigned line, header_line;
    bool failed;
    enum option_section section; /* SECTION_COMMAND: none yet */
    struct bucket bucket;        /* of the current [bucket] */
    char seen[SECTIONS_MAX][SECTION_BYTES];
    unsigned seen_count;
};

static void fail_at(struct file_reader *reader, unsigned line, const char *what)
{
    if (!reader->failed)
        snprintf(reader->error, CONFIG_ERROR_MAX, "%.150s:%u: %.300s", reader->path, line, what);
    reader->failed = true;
}

static void fail(struct file_reader *reader, const char *what)
{
    fail_at(reader, reader->line, what);
}

/* The bucket whose keys have all been read goes into the table. */
static void end_section(struct file_reader *reader)
{
    if (reader->section != SECTION_BUCKET || reader->failed)
        return;
    const char *wrong = bucket_table_put(&reader->config->buckets, &reader->bucket);
    if (wrong != NULL) {
        char text[256];
        snprintf(text, sizeof(text), "[bucket %s]: %s", reader->bucket.name, wrong);
        fail_at(reader, reader->header_line, text);
    }
}

static void begin_bucket(struct file_reader *reader, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > BUCKET_NAME_MAX || name[strcspn(name, " \t[]")] != '\0') {
        fail(reader, "a bucket's name has 1 to 49 bytes without spaces and brackets, as in [bucket sessions]");
        return;
    }
    reader->section = SECTION_BUCKET;
    reader->bucket = bucket_default(name);
    reader->bucket.r = reader->bucket.w = 0; /* config_finish knows n */
}

static void begin_section(struct file_reader *reader, const char *name)
{
    end_section(reader);
    reader->header_line = reader->line;
    for (unsigned i = 0; i < reader->seen_count; i++) {
        if (strcmp(reader->seen[i], name) == 0)
            fail(reader, "this section has been there before; put its settings together");
    }
    if (reader->seen_count == SECTIONS_MAX)
        fail(reader, "too many sections; at most 256 buckets");
    if (reader->failed)
        return;
    snprintf(reader->seen[reader->seen_count++], SECTION_BYTES, "%s", name);
    if (strcmp(name, "node") == 0)
        reader->section = SECTION_NODE;
    else if (strcmp(name, "ring") == 0)
        reader->section = SECTION_RING;
    else if (strncmp(name, "bucket ", 7) == 0)
        begin_bucket(reader, name + 7 + strspn(name + 7, " \t"));
    else
        fail(reader, "unknown section; accepted: [node], [ring], [bucket NAME]");
}

/* `text` begins with '['. A header ends the line, but for a comment. */
static void read_header(struct file_reader *reader, const char *text)
{
    const char *end = strchr(text, ']');
    const char *rest = end == NULL ? "" : end + 1 + strspn(end + 1, " \t\r\n");
    if (end == NULL || (*rest != '\0' && *rest != ';' && *rest != '#')) {
        fail(reader, "a section header is a name in brackets alone on its line, as in [node]");
        return;
    }
    size_t len = (size_t)(end - text - 1);
    if (len >= SECTION_BYTES) {
        fail(reader, "the section's name is too long; a bucket's name has at most 49 bytes");
        return;
    }
    char name[SECTION_BYTES];
    memcpy(name, text + 1, len);
    name[len] = '\0';
    begin_section(reader, name);
}

/* libinih's fgets: one line, without the indentation that would make it a continuation. NULL at the end or on an error.
 */
static char *read_line(char *to, int room, void *stream)
{
    struct file_reader *reader = stream;
    char *line = NULL;
    size_t size = 0;
    if (reader->failed)
        return NULL;
    ssize_t len = getline(&line, &size, reader->file);
    if (len < 0) {
        if (ferror(reader->file))
            fail(reader, strerror(errno));
        free(line);
        return NULL;
    }
    reader->line++;
    const char *text = line + strspn(line, " \t");
    if (strlen(line) != (size_t)len)
        fail(reader, "the line has a zero byte");
    else if (len > LINE_MAX_BYTES || len + 2 > room)
        fail(reader, "the line is longer than 4000 bytes");
    else if (*text == '[')
        read_header(reader, text);
    if (!reader->failed)
        memcpy(to, text, strlen(text) + 1);
    free(line);
    return reader->failed ? NULL : to;
}

enum { UNKNOWN_TEXT_MAX = 230 }; /* of a list that goes on; what a line says is cut at 300 */

/* Says where the setting belongs, or what is accepted where it stands, as far as there is room. */
static void fail_unknown(struct file_reader *reader, const char *name)
{
    static const char *const PLACES[] = {
        [SECTION_NODE] = "[node]", [SECTION_RING] = "[ring]", [SECTION_BUCKET] = "[bucket NAME]"};
    char what[CONFIG_ERROR_MAX];
    for (int section = SECTION_NODE; section <= SECTION_BUCKET; section++) {
        if (option_find(name, (enum option_section)section) != NULL) {
            snprintf(what, sizeof(what), "\"%.40s\" belongs under %s", name, PLACES[section]);
            fail(reader, what);
            return;
        }
    }
    size_t at = (size_t)snprintf(what, sizeof(what), "unknown setting \"%.40s\"; accepted here:", name);
    for (size_t i = 0, count = 0; i < OPTIONS_COUNT && at < UNKNOWN_TEXT_MAX; i++) {
        if (OPTIONS[i].section == (char)reader->section)
            at += (size_t)snprintf(what + at, sizeof(what) - at, "%s %s", count++ == 0 ? "" : ",", OPTIONS[i].name);
    }
    snprintf(what + at, sizeof(what) - at, "%s", at < UNKNOWN_TEXT_MAX ? "" : " ...; ringcached --help lists all");
    fail(reader, what);
}

static void *base_of(struct file_reader *reader)
{
    return reader->section == SECTION_BUCKET ? (void *)&reader->bucket : (void *)reader->config;
}

static int read_setting(void *context, const char *section, const char *name, const char *value)
{
    (void)section; /* cut at 49 bytes; ours is whole */
    struct file_reader *reader = context;
    char text[CONFIG_ERROR_MAX], what[CONFIG_ERROR_MAX];
    if (reader->failed)
        return 0;
    if (reader->section == SECTION_COMMAND) {
        fail(reader, "a setting before the first section; accepted: [node], [ring], [bucket NAME]");
        return 0;
    }
    const struct option_spec *option = option_find(name, reader->section);
    if (option == NULL) {
        fail_unknown(reader, name);
        return 0;
    }
    if (strstr(value, " #") != NULL) {
        fail(reader, "a comment behind a value begins with \" ;\", a # would become part of the value");
        return 0;
    }
    if (!option_set(option, base_of(reader), value, text)) {
        snprintf(what, sizeof(what), "%s: %.300s", name, text);
        fail(reader, what);
        return 0;
    }
    reader->config->port_given |= option->flag == 'p';
    reader->config->dialects_given |= option->flag == 'B';
    return 1;
}

bool config_read_file(struct config *config, const char *path, char *error)
{
    struct file_reader *reader = calloc(1, sizeof(*reader));
    CHECK_MEMORY(reader);
    *reader = (struct file_reader){.config = config, .path = path, .error = error, .file = fopen(path, "re")};
    if (reader->file == NULL) {
        snprintf(error, CONFIG_ERROR_MAX, "%.200s: %s", path, strerror(errno));
        free(reader);
        return false;
    }
    ini_allow_multiline = false;
    ini_use_stack = false;
    ini_initial_alloc = INI_LINE_BYTES;
    ini_max_line = INI_LINE_BYTES;
    int line = ini_parse_stream(read_line, reader, read_setting, reader);
    if (line != 0 && !reader->failed)
        fail_at(reader, line > 0 ? (unsigned)line : reader->line, "not a setting; a line is \"name = value\"");
    end_section(reader);
    fclose(reader->file);
    bool good = !reader->failed;
    free(reader);
    return good;
}
