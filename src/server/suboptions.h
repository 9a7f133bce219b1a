/* memcached's extended options, the list behind -o. */
#ifndef SERVER_SUBOPTIONS_H
#define SERVER_SUBOPTIONS_H

#include "server/config.h"

/* Applies a list "name[=value],...". Every name of memcached 1.6.18 is accepted; those without a meaning here are added
 * to config->ignored. false: `error` says which name or value is wrong. */
bool suboptions_apply(struct config *config, const char *list, char *error);

#endif
