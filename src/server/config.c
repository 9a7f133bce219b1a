#include "server/config.h"

#include "base/check.h"
#include "membership/membership.h"
#include "server/address.h"
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
    if (config->map_reserve != 0 && config->map_reserve < MAP_RESERVE_MIN)
        return refuse(error, "map-reserve: at least %dm, for the hash tree of a full store is written in it",
                      MAP_RESERVE_MIN >> 20);
    if (config->map_bytes < 2 * MAP_RESERVE_MIN)
        return refuse(error, "map-size: at least %dm, half of which is kept back (map-reserve)",
                      2 * MAP_RESERVE_MIN >> 20);
    if (config->map_reserve != 0 && config->map_reserve > config->map_bytes / 2)
        return refuse(error, "map-reserve: at most half of map-size");
    if (config->object_max != 0 && config->object_max < config->value_max)
        return refuse(error, "max-object-bytes: at least max-item-size");
    if (config->partitions != 0 && (config->partitions & (config->partitions - 1)) != 0)
        return refuse(error, "partitions: a power of two from 1 to 65536");
    return true;
}

/* A name that goes into messages and lists. */
static bool check_name(const char *option, const char *name, char *error)
{
    size_t len = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            len = RING_NAME_MAX + 1;
    }
    return len <= RING_NAME_MAX
           || refuse(error, "%s: a name of at most %d bytes without spaces and control characters", option,
                     RING_NAME_MAX);
}

static bool check_seeds(const struct config *config, char *error)
{
    if (config->seeds == NULL)
        return true;
    char *list = strdup(config->seeds), *rest = NULL;
    unsigned count = 0;
    bool good = true;
    CHECK_MEMORY(list);
    for (char *one = strtok_r(list, ";, ", &rest); good && one != NULL; one = strtok_r(NULL, ";, ", &rest)) {
        struct address address;
        good = address_split(one, &address) && address.host[0] != '\0' && address.port != 0;
        if (!good)
            refuse(error, "seeds: \"%.100s\" is not an address; accepted: host:port, [IPv6]:port, at most %d bytes",
                   one, RING_ADDRESS_MAX);
        count++;
    }
    free(list);
    if (good && (count == 0 || count > MEMBERSHIP_SEEDS_MAX))
        return refuse(error, "seeds: 1 to %d addresses", MEMBERSHIP_SEEDS_MAX);
    return good;
}

static bool check_admin(const struct config *config, char *error)
{
    struct address admin;
    if (config->admin == NULL || strcmp(config->admin, "off") == 0 || address_split(config->admin, &admin))
        return true;
    return refuse(error, "admin: \"%.100s\" is not an address; accepted: host:port, [IPv6]:port, *:port, off",
                  config->admin);
}

static bool check_announced(const struct config *config, char *error)
{
    struct address announced;
    if (config->peer_announce == NULL
        || (address_split(config->peer_announce, &announced) && announced.host[0] != '\0' && announced.port != 0))
        return true;
    return refuse(error,
                  "peer-announce: \"%.100s\" is not an address; accepted: host:port, [IPv6]:port, at most %d bytes",
                  config->peer_announce, RING_ADDRESS_MAX);
}

static bool finish_ring(struct config *config, char *error)
{
    struct address peer;
    if (!check_name("node", config->node, error) || !check_name("cluster", config->cluster, error)
        || !check_name("rack", config->rack, error) || !check_name("datacenter", config->datacenter, error)
        || !check_admin(config, error))
        return false;
    if (!config_has_peers(config))
        return true;
    if (config->peer != NULL && !address_split(config->peer, &peer))
        return refuse(error,
                      "peer: \"%.100s\" is not an address; accepted: host:port, [IPv6]:port, *:port, at most %d bytes",
                      config->peer, RING_ADDRESS_MAX);
    /* A write that is still under way must not meet a horizon that has passed it [R3]. */
    if (config->grace_ms <= 2 * config->request_timeout_ms)
        return refuse(
            error,
            "grace: %llu ms is too short beside a request-timeout of %llu ms; with other nodes it must be more "
            "than twice as long, or a write that is under way could be taken for one that was deleted",
            (unsigned long long)config->grace_ms, (unsigned long long)config->request_timeout_ms);
    if (!check_announced(config, error) || !check_seeds(config, error))
        return false;
    if (config->engine == STORE_IN_MEMORY)
        return refuse(error, "engine memory evicts, which other nodes cannot know: drop --peer and --seeds, or say "
                             "--engine lmdb");
    if (config->peer == NULL && config->unix_socket != NULL)
        return refuse(error, "seeds: with a --unix-socket there is no port to count the peer port from: name --peer "
                             "host:port");
    if (config->peer == NULL && config->port > 65535 - PEER_PORT_ABOVE)
        return refuse(error, "seeds: the port is too high to count the peer port from: name --peer host:port");
    if (config->node == NULL && config->port == PORT_FREE)
        return refuse(error, "port -1 leaves nothing to name a member of a ring by: say --node name");
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
        || !finish_ring(config, error) || !fill_quorums(config, error))
        return false;
    fill_data(config);
    return true;
}

void config_make_absolute(struct config *config)
{
    char **paths[] = {&config->data,      &config->config_file, &config->unix_socket,     &config->pid_file,
                      &config->auth_file, &config->secret_file, &config->admin_token_file};
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
