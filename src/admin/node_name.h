/* What a node is called. Within the room. */
#ifndef ADMIN_NODE_NAME_H
#define ADMIN_NODE_NAME_H

#include "ring/ring.h"

#include <stdint.h>

enum { NODE_NAME_BYTES = RING_NAME_MAX + 1 };

/* Its name while it is a member; of one that has left the ring the id, 8 hexadecimal digits. `text` has room for
 * NODE_NAME_BYTES and may be used. */
const char *node_name(const struct ring_view *view, uint32_t id, char *text);

#endif
