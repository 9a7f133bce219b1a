/* What sessions ask of the process: statistics, passwords, shutdown (struct session_host). */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

#include "server/shell.h"

/* Fills shell->host. */
void host_init(struct shell *shell);

/* `stats settings`, under memcached's names. */
void settings_stats(const struct shell *shell, admin_emit *emit, void *context);
/* `stats conns`. */
void connection_stats(struct shell *shell, admin_emit *emit, void *context);

#endif
