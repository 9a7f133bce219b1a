#include "admin/node_name.h"

#include <inttypes.h>
#include <stdio.h>

const char *node_name(const struct ring_view *view, uint32_t id, char *text)
{
    int index = ring_member_index(view, id);
    if (index >= 0)
        return view->members[index].name;
    snprintf(text, NODE_NAME_BYTES, "%08" PRIx32, id);
    return text;
}
