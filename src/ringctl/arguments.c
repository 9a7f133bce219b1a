#include "ringctl/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define ADMIN_ADDRESS_DEFAULT "127.0.0.1:13211"

static const char HELP[] =
    "usage: ringctl [-a HOST:PORT] [--json] [--token-file FILE] COMMAND\n"
    "\n"
    "  status                       members, their state and share of the ring, warnings\n"
    "  ring                         who keeps which partitions\n"
    "  key KEY                      where a key lives, and what each of its owners holds\n"
    "  join HOST:PORT               takes the node with this peer address into the ring\n"
    "  config                       settings of the ring and its buckets\n"
    "  config BUCKET OPTION=VALUE.. changes a bucket's settings, or adds a bucket, on all nodes\n"
    "  wait [SECONDS]               until the node serves and all members are up (default: 30 seconds)\n"
    "  hints                        writes that the node keeps for others that are away\n"
    "  antientropy                  since when its copies are the same as the others', and how far the horizon is\n"
    "  repair PARTITION|all         compares the node's copies with the others' now\n"
    "  verify [SECONDS]             until all copies of all nodes are the same and no hints are left (default: 30)\n"
    "\n"
    "  -a, --address HOST:PORT      admin port of any node (default: " ADMIN_ADDRESS_DEFAULT ")\n"
    "  -j, --json                   print what the node says, for programs\n"
    "  -t, --token-file FILE        the token that a node wants whose admin port is not on loopback\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Exit status: 0 good, 1 the node refused, is not there yet, or copies differ; 64 wrong usage, 69 no node "
    "answers.\n";

struct command_spec {
    const char *name;
    int words_min, words_max; /* behind the name; -1: any number */
};

static const struct command_spec COMMAND_SPECS[COMMANDS] = {
    [COMMAND_STATUS] = {"status", 0, 0},  [COMMAND_RING] = {"ring", 0, 0},
    [COMMAND_KEY] = {"key", 1, 1},        [COMMAND_JOIN] = {"join", 1, 1},
    [COMMAND_CONFIG] = {"config", 0, -1}, [COMMAND_WAIT] = {"wait", 0, 1},
    [COMMAND_HINTS] = {"hints", 0, 0},    [COMMAND_ANTIENTROPY] = {"antientropy", 0, 0},
    [COMMAND_REPAIR] = {"repair", 1, 1},  [COMMAND_VERIFY] = {"verify", 0, 1},
};

static bool refuse(const char *what, const char *which)
{
    fprintf(stderr, "ringctl: %s%s; ringctl --help tells more\n", what, which);
    return false;
}

static bool read_command(struct arguments *arguments, const char *name)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, COMMAND_SPECS[i].name) != 0)
            continue;
        arguments->command = (enum command)i;
        if (arguments->word_count < COMMAND_SPECS[i].words_min)
            return refuse("too few words behind ", name);
        if (COMMAND_SPECS[i].words_max >= 0 && arguments->word_count > COMMAND_SPECS[i].words_max)
            return refuse("too many words behind ", name);
        arguments->act = true;
        return true;
    }
    return refuse("there is no command ", name);
}

static const struct option OPTIONS[] = {
    {"address", required_argument, NULL, 'a'},    {"json", no_argument, NULL, 'j'},
    {"token-file", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},          {NULL, 0, NULL, 0},
};

bool arguments_read(struct arguments *arguments, int argc, char **argv)
{
    *arguments = (struct arguments){.address = ADMIN_ADDRESS_DEFAULT};
    for (int option; (option = getopt_long(argc, argv, "a:jt:hV", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 'a':
            arguments->address = optarg;
            break;
        case 'j':
            arguments->json = true;
            break;
        case 't':
            arguments->token_file = optarg;
            break;
        case 'h':
            return fputs(HELP, stdout) >= 0;
        case 'V':
            return printf("ringctl %s\n", RINGCACHED_VERSION) >= 0;
        default:
            return false; /* getopt has said why */
        }
    }
    if (optind == argc)
        return refuse("which command? ", "status, ring, key, join, config, wait, hints, antientropy, repair or verify");
    arguments->words = argv + optind + 1;
    arguments->word_count = argc - optind - 1;
    return read_command(arguments, argv[optind]);
}
