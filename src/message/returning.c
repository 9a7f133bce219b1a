#include "message/returning.h"

#include "base/wire.h"
#include "message/fields.h"

void message_write_return(struct draft *out, const struct message_return *m)
{
    message_write_sender(out, &m->sender);
    draft_u8(out, m->knows_doubt);
    message_write_entry(out, &m->entry);
}

bool message_read_return(struct bytes head, struct message_return *m)
{
    struct wire_reader reader = wire_reader_of(head);
    *m = (struct message_return){0};
    message_read_sender(&reader, &m->sender);
    m->knows_doubt = fields_small(&reader, 1) != 0;
    message_read_entry(&reader, &m->entry);
    fields_require(&reader, m->entry.epoch != 0 && m->entry.incarnation == m->sender.incarnation);
    return fields_end(&reader);
}

void message_write_return_reply(struct draft *out, const struct message_return_reply *m)
{
    message_write_sender(out, &m->sender);
    draft_u64(out, m->incarnation);
    draft_u8(out, m->verdict);
    draft_u64(out, m->other);
    draft_text(out, m->other_peer);
}

bool message_read_return_reply(struct bytes head, struct message_return_reply *m)
{
    struct wire_reader reader = wire_reader_of(head);
    message_read_sender(&reader, &m->sender);
    m->incarnation = wire_read_u64(&reader);
    m->verdict = fields_small(&reader, RETURN_VERDICTS - 1);
    m->other = wire_read_u64(&reader);
    draft_read_text(&reader, m->other_peer, sizeof m->other_peer);
    return fields_end(&reader);
}
