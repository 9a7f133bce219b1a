#include "message/sender.h"

#include "base/wire.h"
#include "message/fields.h"

void message_write_sender(struct draft *out, const struct message_sender *sender)
{
    draft_u64(out, sender->cluster);
    draft_varint(out, sender->epoch);
    draft_u64(out, sender->incarnation);
    draft_text(out, sender->peer);
}

bool message_read_sender(struct wire_reader *reader, struct message_sender *sender)
{
    sender->cluster = wire_read_u64(reader);
    sender->epoch = fields_number(reader, SENDER_EPOCH_MAX);
    sender->incarnation = wire_read_u64(reader);
    draft_read_text(reader, sender->peer, sizeof sender->peer);
    fields_require(reader, (sender->cluster == 0) == (sender->epoch == 0) && sender->peer[0] != '\0');
    return reader->ok;
}
