#include "message/handshake_wire.h"

#include "base/check.h"
#include "base/wire.h"

static const uint8_t magic[] = {'r', 'i', 'n', 'g'};

enum { DELETE_CHARACTER = 0x7f };

static bool is_control(uint8_t byte)
{
    return byte < ' ' || byte == DELETE_CHARACTER;
}

bool saying_name_is_good(struct bytes name)
{
    if (name.len < 1 || name.len > RING_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (is_control(name.at[i]))
            return false;
    }
    return true;
}

bool saying_begins(struct bytes in)
{
    size_t len = in.len < sizeof magic ? in.len : sizeof magic;
    return bytes_equal(bytes_of(in.at, len), bytes_of(magic, len));
}

enum frame_status saying_next(struct bytes in, struct saying *out)
{
    if (in.len < SAYING_HEADER_BYTES)
        return FRAME_MORE;
    struct wire_reader reader = wire_reader_of(bytes_after(in, sizeof magic));
    out->kind = wire_read_u8(&reader);
    size_t len = wire_read_u16(&reader);
    if (len > SAYING_FIELDS_MAX)
        return FRAME_BAD;
    out->fields = wire_read_bytes(&reader, len);
    out->whole = bytes_of(in.at, SAYING_HEADER_BYTES + len);
    return reader.ok ? FRAME_OK : FRAME_MORE;
}

static uint8_t *write_header(uint8_t *at, enum saying_kind kind, size_t len)
{
    CHECK(len <= SAYING_FIELDS_MAX);
    at = wire_write_bytes(at, bytes_of(magic, sizeof magic));
    at = wire_write_u8(at, (uint8_t)kind);
    return wire_write_u16(at, (uint16_t)len);
}

static uint8_t *write_name(uint8_t *at, struct bytes name)
{
    CHECK(saying_name_is_good(name));
    return wire_write_bytes(wire_write_u8(at, (uint8_t)name.len), name);
}

static struct bytes read_name(struct wire_reader *reader)
{
    struct bytes name = wire_read_bytes(reader, wire_read_u8(reader));
    if (!saying_name_is_good(name))
        reader->ok = false;
    return name;
}

uint8_t *saying_write(uint8_t *at, enum saying_kind kind, struct bytes fields)
{
    return wire_write_bytes(write_header(at, kind, fields.len), fields);
}

uint8_t *saying_write_hello(uint8_t *at, const struct saying_hello *m)
{
    size_t len = 1 + 1 + 1 + 2 + 8 + HANDSHAKE_NONCE_BYTES + 1 + m->cluster.len + 1 + m->node.len;
    at = write_header(at, SAYING_HELLO, len);
    at = wire_write_u8(at, m->version_min);
    at = wire_write_u8(at, m->version_max);
    at = wire_write_u8(at, m->plane);
    at = wire_write_u16(at, m->loop);
    at = wire_write_u64(at, m->incarnation);
    at = wire_write_bytes(at, bytes_of(m->nonce, HANDSHAKE_NONCE_BYTES));
    return write_name(write_name(at, m->cluster), m->node);
}

bool saying_read_hello(const struct saying *saying, uint8_t version_known, struct saying_hello *m)
{
    struct wire_reader reader = wire_reader_of(saying->fields);
    m->version_min = wire_read_u8(&reader);
    m->version_max = wire_read_u8(&reader);
    m->plane = wire_read_u8(&reader);
    m->loop = wire_read_u16(&reader);
    m->incarnation = wire_read_u64(&reader);
    m->nonce = wire_read_bytes(&reader, HANDSHAKE_NONCE_BYTES).at;
    m->cluster = read_name(&reader);
    m->node = read_name(&reader);
    bool is_whole = wire_left(&reader) == 0 || m->version_max > version_known;
    return reader.ok && is_whole && m->version_min >= 1 && m->version_min <= m->version_max && m->incarnation != 0
           && (m->plane == PLANE_DATA || m->plane == PLANE_MEMBERSHIP);
}

uint8_t *saying_write_welcome(uint8_t *at, const struct saying_welcome *m)
{
    size_t len = 1 + 8 + HANDSHAKE_NONCE_BYTES + 1 + m->cluster.len + 1 + m->node.len + HANDSHAKE_PROOF_BYTES;
    at = write_header(at, SAYING_WELCOME, len);
    at = wire_write_u8(at, m->version);
    at = wire_write_u64(at, m->incarnation);
    at = wire_write_bytes(at, bytes_of(m->nonce, HANDSHAKE_NONCE_BYTES));
    return write_name(write_name(at, m->cluster), m->node);
}

bool saying_read_welcome(const struct saying *saying, struct saying_welcome *m)
{
    struct wire_reader reader = wire_reader_of(saying->fields);
    m->version = wire_read_u8(&reader);
    m->incarnation = wire_read_u64(&reader);
    m->nonce = wire_read_bytes(&reader, HANDSHAKE_NONCE_BYTES).at;
    m->cluster = read_name(&reader);
    m->node = read_name(&reader);
    m->proof = wire_read_bytes(&reader, HANDSHAKE_PROOF_BYTES).at;
    if (!reader.ok || wire_left(&reader) != 0 || m->incarnation == 0)
        return false;
    m->unproved = bytes_of(saying->whole.at, saying->whole.len - HANDSHAKE_PROOF_BYTES);
    return true;
}

uint8_t *saying_write_refusal(uint8_t *at, enum handshake_reason reason, const char *text)
{
    struct bytes said = bytes_of_text(text);
    if (said.len > SAYING_TEXT_MAX)
        said.len = SAYING_TEXT_MAX;
    at = write_header(at, SAYING_REFUSED, 1 + said.len);
    return wire_write_bytes(wire_write_u8(at, (uint8_t)reason), said);
}

bool saying_read_refusal(const struct saying *saying, uint8_t *reason, char *text)
{
    struct wire_reader reader = wire_reader_of(saying->fields);
    *reason = wire_read_u8(&reader);
    struct bytes said = wire_read_bytes(&reader, wire_left(&reader));
    if (!reader.ok || *reason == HANDSHAKE_FINE || said.len > SAYING_TEXT_MAX)
        return false;
    for (size_t i = 0; i < said.len; i++)
        text[i] = is_control(said.at[i]) ? '?' : (char)said.at[i];
    text[said.len] = '\0';
    return true;
}
