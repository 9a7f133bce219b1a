#include "server/server.h"

#include "server/auth.h"
#include "server/config.h"
#include "server/options.h"
#include "server/process.h"
#include "server/secret.h"
#include "server/shell.h"
#include "server/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int print_licence(void)
{
    printf("ringcached %s\nSee the file LICENSE of the source. It links libevent (BSD-3-Clause), LMDB (OpenLDAP Public "
           "License), inih (BSD-3-Clause), libmurmurhash (MIT), Jansson (MIT) and OpenSSL's libcrypto (Apache-2.0).\n",
           SERVER_VERSION);
    return EXIT_SUCCESS;
}

/* The settings themselves have been judged by now; what they name is left. */
static int check(const struct config *config)
{
    struct logger log;
    struct auth auth;
    logger_init(&log, STDERR_FILENO, 0);
    auth_init(&auth);
    struct secret secret;
    bool good = (config->auth_file == NULL || auth_load(&auth, config->auth_file, &log))
                && secret_load(&secret, config->secret_file, &log)
                && secret_load(&secret, config->admin_token_file, &log);
    secret_forget(&secret);
    auth_close(&auth);
    logger_close(&log);
    if (good)
        fputs("ringcached: the settings are good\n", stderr);
    return good ? EXIT_SUCCESS : EX_CONFIG;
}

/* Everything that does not serve. */
static int act(const struct config *config)
{
    switch (config->action) {
    case ACTION_HELP:
        options_print_help(stdout, SERVER_VERSION);
        break;
    case ACTION_VERSION:
        printf("ringcached %s\n", SERVER_VERSION);
        break;
    case ACTION_LICENSE:
        return print_licence();
    case ACTION_PRINT_OPTIONS:
        options_print_markdown(stdout);
        break;
    case ACTION_PRINT_MAN:
        options_print_man(stdout, SERVER_VERSION);
        break;
    case ACTION_CHECK:
        return check(config);
    case ACTION_SERVE:
        break;
    }
    return ferror(stdout) || fflush(stdout) != 0 ? EX_IOERR : EXIT_SUCCESS;
}

/* Serves until told to stop. `daemon` is where the parent waits for news, or -1. */
static int serve(struct config *config, int argc, char **argv, struct logger *log, int daemon)
{
    struct shell *shell = calloc(1, sizeof(*shell));
    int status = EX_UNAVAILABLE;
    if (config->ignored != NULL)
        logger_line(log, LEVEL_NOTICE, "options", "accepted for memcached's sake, without effect here: %s",
                    config->ignored);
    bool has_pid_file = false;
    bool good = shell != NULL && (!config->core_dumps || process_allow_core(log));
    /* The limit of open files is raised while root may still do so. */
    if (good)
        (void)process_raise_files(config->connections_max, shell_own_files(config), log);
    good = good && process_drop_root(config->user, log);
    good = good && shell_open(shell, config, argc, argv, log);
    if (good && config->pid_file != NULL)
        good = has_pid_file = pid_file_write(config->pid_file, log);
    if (good && !shell_join_ring(shell)) {
        good = false;
        status = shell->stopping ? EXIT_SUCCESS : EX_UNAVAILABLE;
    }
    if (good) {
        daemon_report(daemon, 0, config->verbosity > 0);
        status = shell_run(shell) ? EXIT_SUCCESS : EX_UNAVAILABLE;
    }
    if (shell != NULL && shell->log != NULL)
        shell_close(shell);
    if (has_pid_file)
        pid_file_remove(config->pid_file);
    if (!good) /* also who was told to stop before it served has not come up */
        daemon_report(daemon, EX_UNAVAILABLE, true);
    free(shell);
    return status;
}

static int start(struct config *config, int argc, char **argv)
{
    struct logger log;
    int daemon = -1;
    if (config->daemon) {
        config_make_absolute(config);
        daemon = daemon_begin();
        if (daemon < 0) {
            perror("ringcached: failed to daemon() in order to daemonize");
            return EX_OSERR;
        }
    }
    shell_block_signals();
    logger_init(&log, STDERR_FILENO, (uint32_t)config->verbosity);
    int status = serve(config, argc, argv, &log, daemon);
    logger_close(&log);
    return status;
}

int server_main(int argc, char **argv)
{
    struct config config;
    char error[CONFIG_ERROR_MAX];
    int status;
    config_init(&config);
    if (!config_read_arguments(&config, argc, argv, error)) {
        fprintf(stderr, "ringcached: %s\n", error);
        status = EX_USAGE;
    } else if (config.action != ACTION_SERVE) {
        status = act(&config);
    } else {
        status = start(&config, argc, argv);
    }
    config_close(&config);
    return status;
}
