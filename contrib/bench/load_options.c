#include "load_options.h"

#include "base/decimal.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "Usage: ringcached-load [options]\n"
    "Sends memcached sets and gets over many connections and reports rates, errors and latencies.\n"
    "\n"
    "  --host=NAME           server's address [127.0.0.1]\n"
    "  --port=PORT           server's port [11211]\n"
    "  --unix=PATH           server's Unix socket instead of host and port\n"
    "  --protocol=NAME       text or binary [text]\n"
    "  --connections=N       connections in all [50]\n"
    "  --threads=N           threads that share them [1]\n"
    "  --pipeline=N          requests under way on each connection [1]\n"
    "  --ratio=SETS:GETS     mixture of commands, drawn at random in this proportion [1:10]\n"
    "  --keys=N              number of keys, chosen uniformly [500000]\n"
    "  --key-prefix=TEXT     what each key begins with [load-]\n"
    "  --value-size=BYTES    size of each value [32]\n"
    "  --prefill             first set each key once; not measured\n"
    "  --seconds=N           how long to measure [10]\n"
    "  --requests=N          requests of each connection; ends the run if it comes before --seconds [no limit]\n"
    "  --seed=N              seed of the random choices; each connection draws from its own stream [1]\n"
    "  --json                print the results as JSON\n"
    "  --help                this text\n"
    "\n"
    "With --seconds=0 and no --requests it stops after --prefill. The exit status is 1 when the server could not be\n"
    "reached, a connection was lost or a reply was wrong; misses are counted and are no failure.\n";

enum option_letter {
    OPTION_HOST = 1,
    OPTION_PORT,
    OPTION_UNIX,
    OPTION_PROTOCOL,
    OPTION_CONNECTIONS,
    OPTION_THREADS,
    OPTION_PIPELINE,
    OPTION_RATIO,
    OPTION_KEYS,
    OPTION_KEY_PREFIX,
    OPTION_VALUE_SIZE,
    OPTION_PREFILL,
    OPTION_SECONDS,
    OPTION_REQUESTS,
    OPTION_SEED,
    OPTION_JSON,
    OPTION_HELP
};

static const struct option table[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"unix", required_argument, NULL, OPTION_UNIX},
    {"protocol", required_argument, NULL, OPTION_PROTOCOL},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"pipeline", required_argument, NULL, OPTION_PIPELINE},
    {"ratio", required_argument, NULL, OPTION_RATIO},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"key-prefix", required_argument, NULL, OPTION_KEY_PREFIX},
    {"value-size", required_argument, NULL, OPTION_VALUE_SIZE},
    {"prefill", no_argument, NULL, OPTION_PREFILL},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"requests", required_argument, NULL, OPTION_REQUESTS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    return decimal_read(bytes_of_text(text), value) && *value >= least && *value <= most;
}

static bool read_unsigned(const char *text, unsigned least, unsigned most, unsigned *value)
{
    uint64_t wide = 0;
    bool ok = read_number(text, least, most, &wide);
    *value = (unsigned)wide;
    return ok;
}

static bool read_ratio(const char *text, struct load_options *options)
{
    const char *colon = strchr(text, ':');
    uint64_t sets = 0;
    if (colon == NULL || !decimal_read(bytes_of(text, (size_t)(colon - text)), &sets) || sets > 1000000)
        return false;
    options->sets = (unsigned)sets;
    return read_unsigned(colon + 1, 0, 1000000, &options->gets) && options->sets + options->gets > 0;
}

static bool read_protocol(const char *text, bool *binary)
{
    *binary = strcmp(text, "binary") == 0;
    return *binary || strcmp(text, "text") == 0;
}

static bool read_text(const char *text, const char **value)
{
    *value = text;
    return *text != '\0';
}

static bool read_value_size(const char *text, size_t *size)
{
    uint64_t wide = 0;
    bool ok = read_number(text, 0, LOAD_VALUE_MAX, &wide);
    *size = (size_t)wide;
    return ok;
}

static bool read_key_prefix(const char *text, const char **prefix)
{
    *prefix = text;
    return strlen(text) + DECIMAL_MAX <= LOAD_KEY_MAX && strpbrk(text, " \t\r\n") == NULL;
}

static bool read_option(struct load_options *options, int letter, const char *text)
{
    switch (letter) {
    case OPTION_HOST:
        return read_text(text, &options->host);
    case OPTION_PORT:
        return read_text(text, &options->port);
    case OPTION_UNIX:
        return read_text(text, &options->unix_path);
    case OPTION_PROTOCOL:
        return read_protocol(text, &options->binary);
    case OPTION_CONNECTIONS:
        return read_unsigned(text, 1, 1000000, &options->connections);
    case OPTION_THREADS:
        return read_unsigned(text, 1, 256, &options->threads);
    case OPTION_PIPELINE:
        return read_unsigned(text, 1, LOAD_PIPELINE_MAX, &options->pipeline);
    case OPTION_RATIO:
        return read_ratio(text, options);
    case OPTION_KEYS:
        return read_number(text, 1, UINT32_MAX, &options->keys);
    case OPTION_KEY_PREFIX:
        return read_key_prefix(text, &options->key_prefix);
    case OPTION_VALUE_SIZE:
        return read_value_size(text, &options->value_size);
    case OPTION_SECONDS:
        return read_unsigned(text, 0, 1000000, &options->seconds);
    case OPTION_REQUESTS:
        return read_number(text, 0, UINT64_MAX, &options->requests);
    case OPTION_SEED:
        return read_number(text, 0, UINT64_MAX, &options->seed);
    case OPTION_PREFILL:
        return options->prefill = true;
    case OPTION_JSON:
        return options->json = true;
    default:
        return false;
    }
}

enum load_options_result load_options_read(struct load_options *options, int argc, char **argv)
{
    *options = (struct load_options){
        .host = "127.0.0.1",
        .port = "11211",
        .connections = 50,
        .threads = 1,
        .pipeline = 1,
        .sets = 1,
        .gets = 10,
        .value_size = 32,
        .keys = 500000,
        .key_prefix = "load-",
        .seconds = 10,
        .seed = 1,
    };
    int letter, index = 0;
    while ((letter = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (letter == OPTION_HELP) {
            fputs(help, stdout);
            return LOAD_OPTIONS_HELP;
        }
        if (letter == '?')
            return LOAD_OPTIONS_BAD;
        if (!read_option(options, letter, optarg)) {
            fprintf(stderr, "ringcached-load: --%s does not take '%s'; see --help\n", table[index].name, optarg);
            return LOAD_OPTIONS_BAD;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "ringcached-load: unexpected argument '%s'; see --help\n", argv[optind]);
        return LOAD_OPTIONS_BAD;
    }
    if (options->threads > options->connections)
        options->threads = options->connections;
    return LOAD_OPTIONS_RUN;
}
