#include "server/config.h"

#include "base/check.h"
#include "server/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

void config_init(struct config *config)
{
    *config = (struct config){0};
    options_set_defaults(config, false);
    bucket_table_init(&config->buckets);
    config->buckets.buckets[0].r = config->buckets.buckets[0].w = 0; /* see fill_quorums */
}

void config_close(struct config *config)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option_spec *option = &OPTIONS[i];
        if (option->section == SECTION_BUCKET || (option->kind != OPTION_TEXT && option->kind != OPTION_LIST))
            continue;
        char **text = (char **)(void *)((uint8_t *)config + option->offset);
        free(*text);
        *text = NULL;
    }
    free(config->ignored);
    config->ignored = NULL;
    bucket_table_close(&config->buckets);
}

void config_ignore(struct config *config, const char *what)
{
    char *joined = NULL;
    if (asprintf(&joined, "%s%s%s", config->ignored != NULL ? config->ignored : "", config->ignored != NULL ? ", " : "",
                 what)
        < 0)
        joined = NULL;
    CHECK_MEMORY(joined);
    free(config->ignored);
    config->ignored = joined;
}

static bool __attribute__((format(printf, 2, 3))) refuse(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, CONFIG_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static bool finish_dialects(struct config *config, char *error)
{
    if (config->tls)
        return refuse(error, "-Z: this release does not offer TLS; put a TLS proxy in front or leave it out");
    if (config->sasl && config->auth_file == NULL)
        return refuse(error, "-S needs --auth-file (-Y) FILE with one user:password a line");
    enum session_dialects needed = config->sasl                ? SESSION_BINARY_ONLY
                                   : config->auth_file != NULL ? SESSION_TEXT_ONLY
                                                               : SESSION_ANY;
    if (needed != SESSION_ANY && config->dialects_given && config->dialects != needed)
        return refuse(error, needed == SESSION_BINARY_ONLY
                                 ? "-S allows the binary protocol only: drop -B or say -B binary"
                                 : "-Y allows the ascii protocol only: drop -B or say -B ascii");
    if (needed != SESSION_ANY)
        config->dialects = needed;
    return true;
}

static bool finish_ports(struct config *config, char *error)
{
    if (config->udp_port > 0) {
        config_ignore(config, "-U (UDP is not offered)");
        if (!config->port_given)
            config->port = config->udp_port;
    }
    struct sockaddr_un address;
    if (config->unix_socket != NULL && strlen(config->unix_socket) >= sizeof(address.sun_path))
        return refuse(error, "unix-socket: the path is longer than %zu bytes", sizeof(address.sun_path) - 1);
    if (config->unix_socket == NULL && config->port == 0)
        return refuse(error, "port 0 leaves nothing to listen on: name a port or a --unix-socket");
    return true;
}

static bool finish_sizes(struct config *config, char *error)
{
    if (config->value_max > (config->memory_mb << 20) / 2)
        return refuse(error, "Cannot set item size limit higher than 1/2 of memory max: raise -m or lower -I");
    if (config->map_reserve != 0 && config->map_reserve > config->map_bytes / 2)
        return refuse(error, "map-reserve: at most half of map-size");
    if (config->object_max != 0 && config->object_max < config->value_max)
        return refuse(error, "max-object-bytes: at least max-item-size");
    if (config->partitions != 0 && (config->partitions & (config->partitions - 1)) != 0)
        return refuse(error, "partitions: a power of two from 1 to 65536");
    if (config->node != NULL
        && (strlen(config->node) > RING_NAME_MAX || config->node[strcspn(config->node, " \t\r\n")] != '\0'))
        return refuse(error, "node: a name of at most %d bytes without spaces", RING_NAME_MAX);
    return true;
}

/* r and w that nobody has set are 2, or 1 in a ring of one copy. */
static bool fill_quorums(struct config *config, char *error)
{
    uint8_t usual = config->copies < 2 ? 1 : 2;
    for (uint32_t i = 0; i < config->buckets.count; i++) {
        struct bucket *bucket = &config->buckets.buckets[i];
        bucket->r = bucket->r == 0 ? usual : bucket->r;
        bucket->w = bucket->w == 0 ? usual : bucket->w;
        if (bucket->r > config->copies || bucket->w > config->copies)
            return refuse(error, "bucket %s: r and w are at most n = %d", bucket->name, (int)config->copies);
        const char *conflict = bucket_conflict(bucket);
        if (conflict != NULL)
            return refuse(error, "bucket %s: %s", bucket->name, conflict);
    }
    return true;
}

static void fill_data(struct config *config)
{
    const char *state = getenv("STATE_DIRECTORY");
    if (config->data != NULL)
        return;
    /* systemd separates several directories by colons. */
    config->data = state != NULL && *state != '\0' ? strndup(state, strcspn(state, ":")) : strdup("./ringcached-data");
    CHECK_MEMORY(config->data);
}

bool config_finish(struct config *config, char *error)
{
    if (!finish_dialects(config, error) || !finish_ports(config, error) || !finish_sizes(config, error)
        || !fill_quorums(config, error))
        return false;
    fill_data(config);
    return true;
}

void config_make_absolute(struct config *config)
{
    char **paths[] = {&config->data, &config->config_file, &config->unix_socket, &config->pid_file, &config->auth_file};
    char *here = getcwd(NULL, 0);
    for (size_t i = 0; here != NULL && i < sizeof(paths) / sizeof(paths[0]); i++) {
        char *joined = NULL;
        if (*paths[i] == NULL || (*paths[i])[0] == '/' || asprintf(&joined, "%s/%s", here, *paths[i]) < 0)
            continue;
        free(*paths[i]);
        *paths[i] = joined;
    }
    free(here);
}
