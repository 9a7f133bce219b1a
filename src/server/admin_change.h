/* New settings of a bucket out of the JSON that was posted to the admin port. */
#ifndef SERVER_ADMIN_CHANGE_H
#define SERVER_ADMIN_CHANGE_H

#include "ring/bucket.h"
#include "server/config.h"

#include <jansson.h>
#include <stdbool.h>

/* `change` is {"bucket": NAME, OPTION: VALUE, ...} with the options of a [bucket] in the configuration file; values are
 * texts as there, whole numbers, true or false. A bucket of another name than those in `from` is added. `copies`: n.
 * *to becomes a table of its own; false: `error` (CONFIG_ERROR_MAX bytes) says what is wrong, and *to is not open. */
bool admin_change_buckets(struct bucket_table *to, const struct bucket_table *from, unsigned copies,
                          const json_t *change, char *error);

#endif
