#include "base/check.h"
#include "server/shell_inside.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int STOP_SIGNALS[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};

static sigset_t signal_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(STOP_SIGNALS) / sizeof(STOP_SIGNALS[0]); i++)
        sigaddset(&set, STOP_SIGNALS[i]);
    return set;
}

void shell_block_signals(void)
{
    sigset_t set = signal_set();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* In a larger ring they become everybody's. */
static void reload_buckets(struct shell *shell, const struct config *fresh)
{
    if (cluster_has_others(&shell->cluster)) {
        cluster_set_buckets(&shell->cluster, &fresh->buckets);
        logger_line(shell->log, LEVEL_NOTICE, "reload", "read again: verbosity %u; %u buckets for the whole ring",
                    (unsigned)fresh->verbosity, fresh->buckets.count);
    } else if (node_reload_buckets(shell->shared, &fresh->buckets)) {
        cluster_set_buckets(&shell->cluster, &fresh->buckets);
        logger_line(shell->log, LEVEL_NOTICE, "reload", "read again: %u buckets, verbosity %u", fresh->buckets.count,
                    (unsigned)fresh->verbosity);
    } else {
        logger_line(shell->log, LEVEL_ERROR, "reload", "the old buckets stay: too many reloads, restart the server");
    }
}

/* What can change while serving: buckets, passwords, verbosity. Anything wrong leaves everything as it was. */
static void reload(struct shell *shell)
{
    struct config fresh;
    char error[CONFIG_ERROR_MAX];
    config_init(&fresh);
    if (!config_read_arguments(&fresh, shell->argc, shell->argv, error)) {
        logger_line(shell->log, LEVEL_ERROR, "reload", "nothing has been changed: %s", error);
    } else if (shell->config->auth_file != NULL && !auth_load(&shell->auth, shell->config->auth_file, shell->log)) {
        logger_line(shell->log, LEVEL_ERROR, "reload", "the old passwords and buckets stay");
    } else {
        logger_set_verbosity(shell->log, (uint32_t)fresh.verbosity);
        reload_buckets(shell, &fresh);
    }
    config_close(&fresh);
}

static void on_signal(int fd, short what, void *context)
{
    (void)what;
    struct shell *shell = context;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            reload(shell);
            continue;
        }
        logger_line(shell->log, LEVEL_INFO, "stop", "%s", strsignal((int)info.ssi_signo));
        shell->stopping = true;
    }
}

bool shell_open_main_loop(struct shell *shell)
{
    struct event_config *config = event_config_new();
    CHECK_MEMORY(config);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    shell->base = event_base_new_with_config(config);
    event_config_free(config);
    sigset_t set = signal_set();
    shell->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (shell->base == NULL || shell->signal_fd < 0) {
        logger_line(shell->log, LEVEL_ERROR, "start", "cannot make an event loop: %s", strerror(errno));
        return false;
    }
    event_assign(&shell->signal_event, shell->base, shell->signal_fd, EV_READ | EV_PERSIST, on_signal, shell);
    return event_add(&shell->signal_event, NULL) == 0;
}
