/* The admin port of a running process: where its answers come from. */
#ifndef SERVER_ADMIN_PORTS_H
#define SERVER_ADMIN_PORTS_H

#include "server/shell.h"

#include <stdbool.h>

/* Opens the shell's admin port, as its configuration says; its listeners are open, the rest is when the base's loop
 * runs. false after an error that has been logged. */
bool admin_ports_open(struct shell *shell);

#endif
