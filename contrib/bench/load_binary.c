/* The binary protocol's GET and SET. */
#include "load_wire.h"

#include "base/wire.h"

enum { MAGIC_REQUEST = 0x80, MAGIC_REPLY = 0x81, OPCODE_GET = 0, OPCODE_SET = 1, HEADER_LEN = 24 };
enum { STATUS_OK = 0, STATUS_KEY_NOT_FOUND = 1 };
enum { SET_EXTRAS_LEN = 8, GET_REPLY_EXTRAS_LEN = 4 };

static uint8_t *write_header(const struct load_request *request, uint8_t *at, size_t key_len, size_t extras_len,
                             size_t value_len)
{
    at = wire_write_u8(at, MAGIC_REQUEST);
    at = wire_write_u8(at, request->is_set ? OPCODE_SET : OPCODE_GET);
    at = wire_write_u16(at, (uint16_t)key_len);
    at = wire_write_u8(at, (uint8_t)extras_len);
    at = wire_write_u8(at, 0);  /* data type */
    at = wire_write_u16(at, 0); /* vbucket */
    at = wire_write_u32(at, (uint32_t)(key_len + extras_len + value_len));
    at = wire_write_u32(at, request->sequence); /* opaque */
    return wire_write_u64(at, 0);               /* cas */
}

static uint8_t *binary_write_request(const struct load_options *options, const struct load_request *request,
                                     uint8_t *at)
{
    uint8_t key[LOAD_KEY_MAX];
    struct bytes name = bytes_of(key, (size_t)(load_write_key(options, request->key, key) - key));
    if (!request->is_set)
        return wire_write_bytes(write_header(request, at, name.len, 0, 0), name);
    at = write_header(request, at, name.len, SET_EXTRAS_LEN, options->value_size);
    at = wire_write_u64(at, 0); /* flags and exptime */
    at = wire_write_bytes(at, name);
    return load_write_value(options, request->key, at);
}

static enum load_verdict judge(const struct load_options *options, const struct load_request *request, uint16_t status,
                               struct bytes body)
{
    if (status == STATUS_KEY_NOT_FOUND && !request->is_set)
        return LOAD_MISS;
    if (status != STATUS_OK)
        return LOAD_REFUSED;
    if (request->is_set)
        return LOAD_STORED;
    if (body.len < GET_REPLY_EXTRAS_LEN)
        return LOAD_BROKEN;
    return load_value_is_of(options, request->key, bytes_after(body, GET_REPLY_EXTRAS_LEN)) ? LOAD_HIT : LOAD_BROKEN;
}

static enum load_verdict binary_read_reply(const struct load_options *options, const struct load_request *request,
                                           struct bytes in, size_t *used)
{
    if (in.len < HEADER_LEN)
        return LOAD_MORE;
    struct wire_reader reader = wire_reader_of(in);
    uint8_t magic = wire_read_u8(&reader);
    uint8_t opcode = wire_read_u8(&reader);
    (void)wire_read_u32(&reader); /* lengths of key and extras, data type: a GET's reply has no key */
    uint16_t status = wire_read_u16(&reader);
    uint32_t body_len = wire_read_u32(&reader);
    uint32_t opaque = wire_read_u32(&reader);
    if (magic != MAGIC_REPLY || opcode != (request->is_set ? OPCODE_SET : OPCODE_GET) || opaque != request->sequence)
        return LOAD_BROKEN;
    if (body_len > options->value_size + LOAD_WIRE_OVERHEAD)
        return LOAD_BROKEN;
    if (in.len - HEADER_LEN < body_len)
        return LOAD_MORE;
    *used = HEADER_LEN + body_len;
    return judge(options, request, status, bytes_of(in.at + HEADER_LEN, body_len));
}

const struct load_wire load_binary = {.write_request = binary_write_request, .read_reply = binary_read_reply};
