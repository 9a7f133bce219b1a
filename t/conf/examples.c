/* The files of conf/: the default one explains every option once, and what it shows is true. */
#include "server/config.h"
#include "server/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_LEN = 4096, SETTINGS_MAX = 256 };

struct setting {
    enum option_section section;
    bool active; /* not behind a # */
    char name[64], value[256];
};

struct settings {
    struct setting list[SETTINGS_MAX];
    size_t count;
};

static enum option_section section_of(const char *header)
{
    if (strncmp(header, "[node]", 6) == 0)
        return SECTION_NODE;
    if (strncmp(header, "[ring]", 6) == 0)
        return SECTION_RING;
    assert_int_equal(strncmp(header, "[bucket ", 8), 0);
    return SECTION_BUCKET;
}

/* Every setting of the default file, those behind a # too. */
static struct settings *read_default_file(void)
{
    struct settings *settings = calloc(1, sizeof *settings);
    assert_non_null(settings);
    FILE *file = fopen(CONF_DIR "/ringcached.conf", "r");
    assert_non_null(file);
    char line[LINE_MAX_LEN];
    enum option_section section = SECTION_COMMAND;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == ';' || line[0] == '\n')
            continue;
        if (line[0] == '[') {
            section = section_of(line);
            continue;
        }
        assert_true(settings->count < SETTINGS_MAX);
        struct setting *setting = &settings->list[settings->count++];
        setting->active = line[0] != '#';
        setting->section = section;
        if (sscanf(line + !setting->active, "%63[a-z-] = %255[^\n]", setting->name, setting->value) != 2)
            fail_msg("not a setting: %s", line);
    }
    fclose(file);
    return settings;
}

static bool is_of_files(const struct option_spec *option)
{
    return option->section != SECTION_COMMAND && option->kind != OPTION_IGNORED;
}

static void default_file_has_every_option_once(void **state)
{
    (void)state;
    struct settings *settings = read_default_file();
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (!is_of_files(&OPTIONS[i]))
            continue;
        unsigned mentions = 0;
        for (size_t j = 0; j < settings->count; j++)
            mentions += settings->list[j].section == (enum option_section)OPTIONS[i].section
                        && strcmp(settings->list[j].name, OPTIONS[i].name) == 0;
        if (mentions != 1)
            fail_msg("%s is mentioned %u times", OPTIONS[i].name, mentions);
    }
    free(settings);
}

static void default_file_has_no_option_that_does_not_exist(void **state)
{
    (void)state;
    struct settings *settings = read_default_file();
    for (size_t i = 0; i < settings->count; i++)
        if (option_find(settings->list[i].name, settings->list[i].section) == NULL)
            fail_msg("%s is no option", settings->list[i].name);
    free(settings);
}

/* A switch that has no default written in the table is off. Others without one depend on the machine: the file shows
 * an example. */
static const char *default_of(const struct option_spec *option)
{
    return option->fallback == NULL && option->kind == OPTION_SWITCH ? "off" : option->fallback;
}

static void values_behind_a_hash_are_the_defaults(void **state)
{
    (void)state;
    struct settings *settings = read_default_file();
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->list[i];
        const struct option_spec *option = option_find(setting->name, setting->section);
        if (setting->active || option == NULL || default_of(option) == NULL)
            continue;
        if (strcmp(setting->value, default_of(option)) != 0)
            fail_msg("%s is %s by default, the file says %s", setting->name, default_of(option), setting->value);
    }
    free(settings);
}

static void every_value_of_the_default_file_is_accepted(void **state)
{
    (void)state;
    struct settings *settings = read_default_file();
    struct config config;
    struct bucket bucket = bucket_default("example");
    char error[CONFIG_ERROR_MAX] = "";
    config_init(&config);
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->list[i];
        const struct option_spec *option = option_find(setting->name, setting->section);
        void *base = setting->section == SECTION_BUCKET ? (void *)&bucket : (void *)&config;
        if (option != NULL && !option_set(option, base, setting->value, error))
            fail_msg("%s: %s", setting->name, error);
    }
    config_close(&config);
    free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_file_has_every_option_once),
        cmocka_unit_test(default_file_has_no_option_that_does_not_exist),
        cmocka_unit_test(values_behind_a_hash_are_the_defaults),
        cmocka_unit_test(every_value_of_the_default_file_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
