/* The table of all options: parser, --help, man page and docs/options.md are made from it and from nothing else. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_SWITCH,   /* bool; in a file on or off */
    OPTION_COUNT,    /* uint64_t; each mention adds one */
    OPTION_NUMBER,   /* uint64_t, or smaller by `size`, from min to max */
    OPTION_SIGNED,   /* int64_t */
    OPTION_OCTAL,    /* uint64_t */
    OPTION_SIZE,     /* uint64_t bytes with suffix k, m, g or t */
    OPTION_TIME,     /* uint64_t milliseconds; ms, s (without suffix), m, h or d */
    OPTION_DECIMAL,  /* uint64_t thousandths; up to three decimals, min and max in thousandths */
    OPTION_TEXT,     /* char *, malloc'd */
    OPTION_LIST,     /* char *, malloc'd; each mention adds behind a comma */
    OPTION_PREFIX,   /* a bucket's prefix and its length */
    OPTION_CHOICE,   /* index into choices, an enum */
    OPTION_ACTION,   /* enum config_action = min */
    OPTION_EXTENDED, /* -o: see suboptions.h */
    OPTION_IGNORED   /* accepted for memcached's sake, means nothing here */
};

enum option_section {
    SECTION_COMMAND, /* on the command line only */
    SECTION_NODE,    /* on the command line and in [node] */
    SECTION_RING,    /* on the command line and in [ring] */
    SECTION_BUCKET   /* in [bucket NAME] */
};

struct option_spec {
    const char *name;     /* long name and key in the file */
    char flag;            /* memcached's letter, or 0 */
    char kind;            /* enum option_kind */
    char section;         /* enum option_section */
    uint8_t size;         /* bytes of the field */
    uint16_t offset;      /* in struct config, or in struct bucket for SECTION_BUCKET */
    uint64_t min, max;    /* of numbers, sizes and times; also OPTION_ACTION's action in min */
    const char *argument; /* its name in the help; NULL: takes none */
    const char *choices;  /* OPTION_CHOICE: "one|two" in the enum's order */
    const char *fallback; /* the default as it would be written; NULL: none */
    const char *help;     /* sentences without line breaks */
};

extern const struct option_spec OPTIONS[];
extern const size_t OPTIONS_COUNT;

/* By long name within a section, or NULL. */
const struct option_spec *option_find(const char *name, enum option_section section);
/* By letter, or NULL. */
const struct option_spec *option_of_flag(int flag);

/* As people write it: "-p, --port" or "--data". */
void option_name(const struct option_spec *option, char *text, size_t room);

/* Does it need an argument on the command line? */
static inline bool option_takes_value(const struct option_spec *option)
{
    return option->argument != NULL && option->kind != OPTION_COUNT;
}

/* Sets the option's field in `base` (struct config, or struct bucket for SECTION_BUCKET) from its text. NULL stands for
 * a mention without value. false: `error` (CONFIG_ERROR_MAX bytes) says what would have been accepted. */
bool option_set(const struct option_spec *option, void *base, const char *value, char *error);

/* Sets every field of a section to its default. */
void options_set_defaults(void *base, bool of_bucket);

/* What -h prints. */
void options_print_help(FILE *out, const char *version);
/* docs/options.md. */
void options_print_markdown(FILE *out);
/* The man page. */
void options_print_man(FILE *out, const char *version);

#endif
