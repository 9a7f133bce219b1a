/* The command line: memcached's flags and ringcached's own long options. */
#include "base/check.h"
#include "server/config.h"
#include "server/options.h"
#include "server/suboptions.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    LETTERS_MAX = 256,
    OPTIONS_ON_LINE_MAX = 128,
    LONG_ONLY = 1000 /* getopt's value of OPTIONS[0] without letter */
};

struct tables {
    char letters[LETTERS_MAX];
    struct option longs[OPTIONS_ON_LINE_MAX];
};

/* What getopt_long wants, made from our table. */
static void build_tables(struct tables *tables)
{
    size_t letter = 0, count = 0;
    tables->letters[letter++] = ':'; /* tell a missing argument from an unknown option, and print nothing */
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option_spec *option = &OPTIONS[i];
        if (option->section == SECTION_BUCKET)
            continue;
        CHECK(letter + 3 < LETTERS_MAX && count + 1 < OPTIONS_ON_LINE_MAX);
        int takes = option_takes_value(option)     ? required_argument
                    : option->kind == OPTION_COUNT ? optional_argument
                                                   : no_argument;
        if (option->flag != 0) {
            tables->letters[letter++] = option->flag;
            if (takes == required_argument)
                tables->letters[letter++] = ':';
        }
        tables->longs[count++] = (struct option){
            .name = option->name, .has_arg = takes, .val = option->flag != 0 ? option->flag : LONG_ONLY + (int)i};
    }
    tables->letters[letter] = '\0';
    tables->longs[count] = (struct option){0};
}

static const struct option_spec *spec_of(int code)
{
    return code >= LONG_ONLY ? &OPTIONS[code - LONG_ONLY] : option_of_flag(code);
}

/* What the command line says replaces the file's list instead of adding to it. */
static void forget_list_of_file(struct config *config, const struct option_spec *option)
{
    bool is_listen = option->flag == 'l';
    bool *from_file = is_listen ? &config->listen_from_file : &config->seeds_from_file;
    char **list = is_listen ? &config->listen : &config->seeds;
    if (!*from_file)
        return;
    free(*list);
    *list = NULL;
    *from_file = false;
}

static bool apply(struct config *config, const struct option_spec *option, const char *value, char *error)
{
    char name[80], what[CONFIG_ERROR_MAX];
    if (option->kind == OPTION_EXTENDED)
        return suboptions_apply(config, value, error);
    if (option->kind == OPTION_IGNORED) {
        snprintf(name, sizeof(name), "-%c", option->flag);
        config_ignore(config, name);
        return true;
    }
    if (option->kind == OPTION_LIST)
        forget_list_of_file(config, option);
    if (!option_set(option, config, value, what)) {
        option_name(option, name, sizeof(name));
        snprintf(error, CONFIG_ERROR_MAX, "%s: %.400s", name, what);
        return false;
    }
    config->port_given |= option->flag == 'p';
    config->dialects_given |= option->flag == 'B';
    return true;
}

static bool bad_option(int code, char *const *argv, char *error)
{
    const char *word = argv[optind - 1];
    if (code == ':') {
        const struct option_spec *option = optopt != 0 ? spec_of(optopt) : NULL;
        snprintf(error, CONFIG_ERROR_MAX, "%.100s needs an argument%s%s", word, option != NULL ? ": " : "",
                 option != NULL ? option->argument : "");
    } else if (optopt != 0 && optopt < LONG_ONLY && strncmp(word, "--", 2) != 0) {
        snprintf(error, CONFIG_ERROR_MAX, "-%c is not an option; -h lists them", optopt);
    } else {
        snprintf(error, CONFIG_ERROR_MAX, "%.100s is not an option, or takes no argument; -h lists them", word);
    }
    return false;
}

/* Calls `each` for every option in order. */
static bool walk(struct config *config, int argc, char **argv, char *error,
                 bool (*each)(struct config *, const struct option_spec *, const char *, char *))
{
    struct tables tables;
    build_tables(&tables);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1;) {
        if (code == ':' || code == '?')
            return bad_option(code, argv, error);
        if (!each(config, spec_of(code), optarg, error))
            return false;
    }
    if (optind < argc) {
        snprintf(error, CONFIG_ERROR_MAX, "\"%.100s\" is not an option; options begin with - or --", argv[optind]);
        return false;
    }
    return true;
}

/* The first walk looks for --config and for what stops at once (-h), which must work beside a broken file. */
static bool look_for_file(struct config *config, const struct option_spec *option, const char *value, char *error)
{
    if (option->kind == OPTION_ACTION || strcmp(option->name, "config") == 0)
        return apply(config, option, value, error);
    return true;
}

bool config_read_arguments(struct config *config, int argc, char **argv, char *error)
{
    if (!walk(config, argc, argv, error, look_for_file))
        return false;
    if (config->action != ACTION_SERVE && config->action != ACTION_CHECK)
        return true;
    if (config->config_file != NULL && !config_read_file(config, config->config_file, error))
        return false;
    config->listen_from_file = config->listen != NULL;
    config->seeds_from_file = config->seeds != NULL;
    uint64_t verbosity = config->verbosity;
    config->verbosity = 0;
    if (!walk(config, argc, argv, error, apply))
        return false;
    if (config->verbosity == 0)
        config->verbosity = verbosity;
    return config_finish(config, error);
}
