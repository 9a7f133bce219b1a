/* What every parser begins with. */
#ifndef PROTOCOL_COMMAND_CLEAR_H
#define PROTOCOL_COMMAND_CLEAR_H

#include "protocol/command.h"

/* Sets all that struct command promises to be set to zero. One by one, as compilers make a few wide stores of that; a
 * memset of this size becomes a string instruction in some, which costs more than parsing a get. */
static inline void command_clear(struct command *out)
{
    out->kind = COMMAND_ERROR;
    out->dialect = DIALECT_TEXT;
    out->error = ERROR_NONE;
    out->error_text = NULL;
    out->binary_status = 0;
    out->close_after = false;
    out->quiet = false;
    out->want_key = false;
    out->has_token = false;
    out->has_value = false;
    out->create = false;
    out->has_exptime = false;
    out->opcode = 0;
    out->key = (struct bytes){0};
    out->raw_key = (struct bytes){0};
    out->rest = (struct bytes){0};
    out->flags = 0;
    out->exptime = 0;
    out->token = 0;
    out->delta = 0;
    out->initial = 0;
    out->value_len = 0;
    out->opaque = 0;
    out->meta.present = 0;
    out->meta.count = 0;
}

#endif
