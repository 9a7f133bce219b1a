#include "message/agreement.h"

#include "base/check.h"
#include "base/wire.h"
#include "message/fields.h"

enum field {
    HAS_BALLOT = 1 << 0,
    HAS_REFUSAL = 1 << 1, /* with `promised` */
    HAS_ACCEPTED = 1 << 2,
    HAS_VALUE = 1 << 3,
    HAS_FINGERPRINT = 1 << 4
};

static unsigned fields_of_type(uint8_t type)
{
    switch (type) {
    case MESSAGE_PREPARE:
        return HAS_BALLOT;
    case MESSAGE_PROMISE:
        return HAS_BALLOT | HAS_REFUSAL | HAS_ACCEPTED | HAS_VALUE;
    case MESSAGE_ACCEPT:
        return HAS_BALLOT | HAS_VALUE;
    case MESSAGE_ACCEPTED:
        return HAS_BALLOT | HAS_REFUSAL;
    case MESSAGE_DECIDED:
        return HAS_VALUE | HAS_FINGERPRINT;
    default:
        return 0;
    }
}

static void write_ballot(struct draft *out, struct ballot ballot)
{
    draft_varint(out, ballot.round);
    draft_u32(out, ballot.node);
}

static struct ballot read_ballot(struct wire_reader *reader)
{
    struct ballot ballot = {.round = fields_number(reader, BALLOT_ROUND_MAX), .node = wire_read_u32(reader)};
    fields_require(reader, (ballot.round == 0) == (ballot.node == 0));
    return ballot;
}

void message_write_agreement(struct draft *out, uint8_t type, const struct message_agreement *m)
{
    unsigned has = fields_of_type(type);
    message_write_sender(out, &m->sender);
    draft_varint(out, m->decree);
    if (has & HAS_BALLOT)
        write_ballot(out, m->ballot);
    if (has & HAS_REFUSAL) {
        draft_u8(out, m->refusal);
        write_ballot(out, m->promised);
    }
    if (has & HAS_ACCEPTED) {
        draft_u8(out, m->is_empty);
        write_ballot(out, m->accepted);
    }
    if (has & HAS_VALUE)
        draft_block(out, m->value);
    if (has & HAS_FINGERPRINT)
        draft_u64(out, m->fingerprint);
}

bool message_read_agreement(struct bytes head, uint8_t type, struct message_agreement *m)
{
    if (type < MESSAGE_PREPARE || type > MESSAGE_SETTLED)
        return false;
    unsigned has = fields_of_type(type);
    struct wire_reader reader = wire_reader_of(head);
    *m = (struct message_agreement){0};
    message_read_sender(&reader, &m->sender);
    m->decree = wire_read_varint(&reader);
    fields_require(&reader, m->decree != 0);
    if (has & HAS_BALLOT) {
        m->ballot = read_ballot(&reader);
        fields_require(&reader, m->ballot.round != 0);
    }
    if (has & HAS_REFUSAL) {
        m->refusal = fields_small(&reader, VOTE_REFUSALS - 1);
        m->promised = read_ballot(&reader);
    }
    if (has & HAS_ACCEPTED) {
        m->is_empty = fields_small(&reader, 1) != 0;
        m->accepted = read_ballot(&reader);
    }
    if (has & HAS_VALUE)
        m->value = draft_read_block(&reader, AGREEMENT_VALUE_MAX);
    if (has & HAS_FINGERPRINT)
        m->fingerprint = wire_read_u64(&reader);
    fields_require(&reader, type != MESSAGE_PROMISE || (m->accepted.round == 0) == (m->value.len == 0));
    fields_require(&reader, (type != MESSAGE_ACCEPT && type != MESSAGE_DECIDED) || m->value.len != 0);
    return fields_end(&reader);
}
