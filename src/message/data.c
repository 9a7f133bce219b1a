#include "message/data.h"

#include "base/check.h"
#include "base/hash.h"
#include "message/fields.h"
#include "ring/bucket.h"
#include "version/record.h"

/* Bits of the second byte of a head: what is yes or no in a message. */
enum {
    GREETING_IS_REPLY = 0x01,
    GREETING_IS_DISBELIEVED = 0x02,
    READ_HAS_FINGERPRINT = 0x01,
    READ_PEEK = 0x02,
    READ_REPLY_FETCHED_BEFORE = 0x01,
    READ_REPLY_IS_DOUBTFUL = 0x02,
    READ_REPLY_IS_HINT = 0x04,
    READ_REPLY_HAS_HORIZON = 0x08,
    READ_REPLY_BITS = 0x0f,
    WRITE_IS_REPAIR = 0x01,
    WRITE_KEEPS_USE = 0x02,
    WRITE_IS_USE = 0x04,
    WRITE_STANDS_IN = 0x08,
    WRITE_HAS_HORIZON = 0x10,
    WRITE_BITS = 0x1f
};

enum { TIME_BYTES = 8, REGISTERS_BYTES = 3 * TIME_BYTES };

static uint8_t bit_if(bool claim, uint8_t bit)
{
    return claim ? bit : 0;
}

static struct bytes no_tail(void)
{
    return bytes_of(NULL, 0);
}

static uint8_t *write_registers(uint8_t *at, const struct flush_registers *flush)
{
    at = wire_write_u64(at, flush->flushed);
    at = wire_write_u64(at, flush->pending);
    return wire_write_u64(at, flush->issued);
}

static struct flush_registers read_registers(struct wire_reader *reader)
{
    struct flush_registers flush;
    flush.flushed = wire_read_u64(reader);
    flush.pending = wire_read_u64(reader);
    flush.issued = wire_read_u64(reader);
    return flush;
}

/* Only where there is one: most objects travel in rings whose horizon has not risen yet, or between others than owners.
 */
static uint8_t *write_horizon(uint8_t *at, hybrid_time horizon)
{
    return horizon != 0 ? wire_write_u64(at, horizon) : at;
}

static hybrid_time read_horizon(struct wire_reader *reader, bool is_there)
{
    if (!is_there)
        return 0;
    hybrid_time horizon = wire_read_u64(reader);
    fields_require(reader, horizon != 0 && horizon <= HYBRID_TIME_MAX);
    return horizon;
}

void message_write_greeting(struct chain *out, const struct message_greeting *m)
{
    uint8_t *at = frame_begin(out, MESSAGE_GREETING, 1 + WIRE_VARINT_MAX + 8 + TIME_BYTES + REGISTERS_BYTES);
    CHECK(m->is_reply || !m->is_disbelieved);
    at = wire_write_u8(at, bit_if(m->is_reply, GREETING_IS_REPLY) | bit_if(m->is_disbelieved, GREETING_IS_DISBELIEVED));
    at = wire_write_varint(at, m->epoch);
    at = wire_write_u64(at, m->cluster);
    at = wire_write_u64(at, m->clock);
    frame_end(out, write_registers(at, &m->flush), NULL, no_tail());
}

bool message_read_greeting(const struct frame *frame, struct message_greeting *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_GREETING);
    unsigned bits = fields_bits(&reader, GREETING_IS_REPLY | GREETING_IS_DISBELIEVED);
    m->is_reply = (bits & GREETING_IS_REPLY) != 0;
    m->is_disbelieved = (bits & GREETING_IS_DISBELIEVED) != 0;
    m->epoch = wire_read_varint(&reader);
    m->cluster = wire_read_u64(&reader);
    m->clock = wire_read_u64(&reader);
    m->flush = read_registers(&reader);
    return fields_end_all(&reader, frame) && (m->is_reply || !m->is_disbelieved);
}

void message_write_read(struct chain *out, const struct message_read *m)
{
    CHECK(m->key.len >= 1 && m->key.len <= MESSAGE_KEY_MAX);
    uint8_t *at = frame_begin(out, MESSAGE_READ, 1 + 3 * WIRE_VARINT_MAX + 8 + m->key.len);
    at = wire_write_u8(at, bit_if(m->has_fingerprint, READ_HAS_FINGERPRINT) | bit_if(m->peek, READ_PEEK));
    at = wire_write_varint(at, m->id);
    at = wire_write_varint(at, m->epoch);
    at = wire_write_varint(at, m->partition);
    if (m->has_fingerprint)
        at = wire_write_u64(at, m->fingerprint);
    frame_end(out, wire_write_bytes(at, m->key), NULL, no_tail());
}

bool message_read_read(const struct frame *frame, struct message_read *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_READ);
    uint8_t bits = fields_bits(&reader, READ_HAS_FINGERPRINT | READ_PEEK);
    m->has_fingerprint = (bits & READ_HAS_FINGERPRINT) != 0;
    m->peek = (bits & READ_PEEK) != 0;
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->partition = (uint16_t)fields_number(&reader, UINT16_MAX);
    m->fingerprint = m->has_fingerprint ? wire_read_u64(&reader) : 0;
    m->key = fields_rest(&reader, MESSAGE_KEY_MAX);
    if (!fields_end_all(&reader, frame))
        return false;
    m->hash = hash_of_key(m->key);
    return true;
}

void message_write_read_reply(struct chain *out, const struct message_read_reply *m, struct blob *blob)
{
    CHECK(m->status < MESSAGE_STATUSES && (m->status == MESSAGE_OK) == (m->record.len != 0));
    CHECK(m->horizon <= HYBRID_TIME_MAX);
    uint8_t *at = frame_begin(out, MESSAGE_READ_REPLY, 2 + 3 * WIRE_VARINT_MAX + TIME_BYTES);
    at = wire_write_u8(at, bit_if(m->fetched_before, READ_REPLY_FETCHED_BEFORE)
                               | bit_if(m->is_doubtful, READ_REPLY_IS_DOUBTFUL) | bit_if(m->is_hint, READ_REPLY_IS_HINT)
                               | bit_if(m->horizon != 0, READ_REPLY_HAS_HORIZON));
    at = wire_write_u8(at, (uint8_t)m->status);
    at = wire_write_varint(at, m->id);
    at = wire_write_varint(at, m->epoch);
    at = wire_write_varint(at, m->idle_s);
    frame_end(out, write_horizon(at, m->horizon), blob, m->record);
}

bool message_read_read_reply(const struct frame *frame, struct message_read_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_READ_REPLY);
    uint8_t bits = fields_bits(&reader, READ_REPLY_BITS);
    m->fetched_before = (bits & READ_REPLY_FETCHED_BEFORE) != 0;
    m->is_doubtful = (bits & READ_REPLY_IS_DOUBTFUL) != 0;
    m->is_hint = (bits & READ_REPLY_IS_HINT) != 0;
    m->status = (enum message_status)fields_small(&reader, MESSAGE_STATUSES - 1);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->idle_s = (uint32_t)fields_number(&reader, UINT32_MAX);
    m->horizon = read_horizon(&reader, (bits & READ_REPLY_HAS_HORIZON) != 0);
    m->record = frame->tail;
    if (m->status != MESSAGE_OK)
        return fields_end_all(&reader, frame);
    return fields_end(&reader) && record_verify(m->record) == RECORD_OK;
}

void message_write_write(struct chain *out, const struct message_write *m, struct blob *blob)
{
    CHECK(m->key.len >= 1 && m->key.len <= MESSAGE_KEY_MAX && m->durability <= DURABILITY_SYNCED && m->record.len > 0);
    CHECK(m->horizon <= HYBRID_TIME_MAX);
    uint8_t *at = frame_begin(out, MESSAGE_WRITE, 2 + 3 * WIRE_VARINT_MAX + 4 + TIME_BYTES + m->key.len);
    at = wire_write_u8(at, bit_if(m->is_repair, WRITE_IS_REPAIR) | bit_if(m->keeps_use, WRITE_KEEPS_USE)
                               | bit_if(m->is_use, WRITE_IS_USE) | bit_if(m->stands_in_for != 0, WRITE_STANDS_IN)
                               | bit_if(m->horizon != 0, WRITE_HAS_HORIZON));
    at = wire_write_u8(at, m->durability);
    at = wire_write_varint(at, m->id);
    at = wire_write_varint(at, m->epoch);
    at = wire_write_varint(at, m->partition);
    if (m->stands_in_for != 0)
        at = wire_write_u32(at, m->stands_in_for);
    at = write_horizon(at, m->horizon);
    frame_end(out, wire_write_bytes(at, m->key), blob, m->record);
}

bool message_read_write(const struct frame *frame, struct message_write *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_WRITE);
    uint8_t bits = fields_bits(&reader, WRITE_BITS);
    m->is_repair = (bits & WRITE_IS_REPAIR) != 0;
    m->keeps_use = (bits & WRITE_KEEPS_USE) != 0;
    m->is_use = (bits & WRITE_IS_USE) != 0;
    m->durability = fields_small(&reader, DURABILITY_SYNCED);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->partition = (uint16_t)fields_number(&reader, UINT16_MAX);
    m->stands_in_for = (bits & WRITE_STANDS_IN) != 0 ? wire_read_u32(&reader) : 0;
    fields_require(&reader, (m->stands_in_for != 0) == ((bits & WRITE_STANDS_IN) != 0));
    m->horizon = read_horizon(&reader, (bits & WRITE_HAS_HORIZON) != 0);
    m->key = fields_rest(&reader, MESSAGE_KEY_MAX);
    m->record = frame->tail;
    if (!fields_end(&reader) || record_verify(m->record) != RECORD_OK)
        return false;
    m->hash = hash_of_key(m->key);
    return true;
}

void message_write_write_reply(struct chain *out, const struct message_write_reply *m)
{
    CHECK(m->status < MESSAGE_STATUSES);
    uint8_t *at = frame_begin(out, MESSAGE_WRITE_REPLY, 1 + 3 * WIRE_VARINT_MAX);
    at = wire_write_u8(at, (uint8_t)m->status);
    at = wire_write_varint(at, m->id);
    at = wire_write_varint(at, m->epoch);
    frame_end(out, wire_write_varint(at, m->winner), NULL, no_tail());
}

bool message_read_write_reply(const struct frame *frame, struct message_write_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_WRITE_REPLY);
    m->status = (enum message_status)fields_small(&reader, MESSAGE_STATUSES - 1);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->winner = wire_read_varint(&reader);
    return fields_end_all(&reader, frame);
}

void message_write_flush(struct chain *out, const struct message_flush *m)
{
    uint8_t *at = frame_begin(out, MESSAGE_FLUSH, WIRE_VARINT_MAX + REGISTERS_BYTES);
    at = wire_write_varint(at, m->id);
    frame_end(out, write_registers(at, &m->registers), NULL, no_tail());
}

bool message_read_flush(const struct frame *frame, struct message_flush *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_FLUSH);
    m->id = wire_read_varint(&reader);
    m->registers = read_registers(&reader);
    return fields_end_all(&reader, frame);
}

void message_write_flush_reply(struct chain *out, const struct message_flush_reply *m)
{
    CHECK(m->status < MESSAGE_STATUSES);
    uint8_t *at = frame_begin(out, MESSAGE_FLUSH_REPLY, 1 + WIRE_VARINT_MAX + TIME_BYTES);
    at = wire_write_u8(at, (uint8_t)m->status);
    at = wire_write_varint(at, m->id);
    frame_end(out, wire_write_u64(at, m->clock), NULL, no_tail());
}

bool message_read_flush_reply(const struct frame *frame, struct message_flush_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_FLUSH_REPLY);
    m->status = (enum message_status)fields_small(&reader, MESSAGE_STATUSES - 1);
    m->id = wire_read_varint(&reader);
    m->clock = wire_read_u64(&reader);
    return fields_end_all(&reader, frame);
}
