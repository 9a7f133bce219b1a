/* The command line of ringctl. */
#ifndef RINGCTL_ARGUMENTS_H
#define RINGCTL_ARGUMENTS_H

#include <stdbool.h>

enum command {
    COMMAND_STATUS,
    COMMAND_RING,
    COMMAND_KEY,
    COMMAND_JOIN,
    COMMAND_CONFIG,
    COMMAND_WAIT,
    COMMAND_HINTS,
    COMMAND_ANTIENTROPY,
    COMMAND_REPAIR,
    COMMAND_VERIFY,
    COMMANDS
};

struct arguments {
    const char *address;    /* of the admin port: HOST:PORT, HOST or :PORT */
    const char *token_file; /* NULL: no token is sent */
    bool json;
    enum command command;
    char **words; /* behind the command */
    int word_count;
    bool act; /* else the text that was asked for (help, version) has been printed */
};

/* false: *arguments makes no sense, and standard error says why. The texts are argv's. */
bool arguments_read(struct arguments *arguments, int argc, char **argv);

#endif
