/* The binary protocol's requests: a table says what each opcode must carry. */
#include "base/wire.h"
#include "protocol/command_clear.h"
#include "protocol/reply.h"

enum { MAGIC_REQUEST = 0x80, OPCODES = 0x25, EXPTIME_DO_NOT_CREATE = -1 };

enum key_rule { KEY_NONE, KEY_NEEDED, KEY_ANY };

struct opcode_rule {
    enum command_kind kind; /* COMMAND_ERROR: not an opcode */
    enum key_rule key;
    uint8_t extras; /* bytes */
    bool extras_optional, value, quiet, want_key;
};

#define KEYED(kind_)       .kind = kind_, .key = KEY_NEEDED
#define KEYLESS(kind_)     .kind = kind_, .key = KEY_NONE
#define STORAGE(kind_)     KEYED(kind_), .extras = 8, .value = true
#define CONCATENATE(kind_) KEYED(kind_), .value = true
#define ARITHMETIC(kind_)  KEYED(kind_), .extras = 20
#define TOUCHING(kind_)    KEYED(kind_), .extras = 4
#define FLUSH              KEYLESS(COMMAND_FLUSH_ALL), .extras = 4, .extras_optional = true

static const struct opcode_rule rules[OPCODES] = {
    [0x00] = {KEYED(COMMAND_GET)},
    [0x01] = {STORAGE(COMMAND_SET)},
    [0x02] = {STORAGE(COMMAND_ADD)},
    [0x03] = {STORAGE(COMMAND_REPLACE)},
    [0x04] = {KEYED(COMMAND_DELETE)},
    [0x05] = {ARITHMETIC(COMMAND_INCR)},
    [0x06] = {ARITHMETIC(COMMAND_DECR)},
    [0x07] = {KEYLESS(COMMAND_QUIT)},
    [0x08] = {FLUSH},
    [0x09] = {KEYED(COMMAND_GET), .quiet = true},
    [0x0a] = {KEYLESS(COMMAND_NOOP)},
    [0x0b] = {KEYLESS(COMMAND_VERSION)},
    [0x0c] = {KEYED(COMMAND_GET), .want_key = true},
    [0x0d] = {KEYED(COMMAND_GET), .want_key = true, .quiet = true},
    [0x0e] = {CONCATENATE(COMMAND_APPEND)},
    [0x0f] = {CONCATENATE(COMMAND_PREPEND)},
    [0x10] = {.kind = COMMAND_STATS, .key = KEY_ANY},
    [0x11] = {STORAGE(COMMAND_SET), .quiet = true},
    [0x12] = {STORAGE(COMMAND_ADD), .quiet = true},
    [0x13] = {STORAGE(COMMAND_REPLACE), .quiet = true},
    [0x14] = {KEYED(COMMAND_DELETE), .quiet = true},
    [0x15] = {ARITHMETIC(COMMAND_INCR), .quiet = true},
    [0x16] = {ARITHMETIC(COMMAND_DECR), .quiet = true},
    [0x17] = {KEYLESS(COMMAND_QUIT), .quiet = true},
    [0x18] = {FLUSH, .quiet = true},
    [0x19] = {CONCATENATE(COMMAND_APPEND), .quiet = true},
    [0x1a] = {CONCATENATE(COMMAND_PREPEND), .quiet = true},
    [0x1c] = {TOUCHING(COMMAND_TOUCH)},
    [0x1d] = {TOUCHING(COMMAND_GAT)},
    [0x1e] = {TOUCHING(COMMAND_GAT), .quiet = true},
    [0x20] = {KEYLESS(COMMAND_SASL_LIST)},
    [0x21] = {KEYED(COMMAND_SASL_AUTH), .value = true},
    [0x22] = {KEYED(COMMAND_SASL_STEP), .value = true},
    [0x23] = {TOUCHING(COMMAND_GAT), .want_key = true},
    [0x24] = {TOUCHING(COMMAND_GAT), .want_key = true, .quiet = true},
};

static const struct opcode_rule siblings_rule = {KEYED(COMMAND_SIBLINGS)};

static const struct opcode_rule *find_rule(uint8_t opcode)
{
    if (opcode == BINARY_OPCODE_SIBLINGS)
        return &siblings_rule;
    return opcode < OPCODES && rules[opcode].kind != COMMAND_ERROR ? &rules[opcode] : NULL;
}

struct packet {
    uint16_t key_len;
    uint8_t extras_len;
    uint32_t body_len;
    struct bytes extras;
};

static void refuse(struct command *out, enum binary_status status, bool close_after)
{
    out->kind = COMMAND_ERROR;
    out->binary_status = (uint16_t)status;
    out->close_after = close_after;
}

static bool fits(const struct opcode_rule *rule, const struct packet *packet, uint64_t value_len)
{
    if (packet->extras_len != rule->extras && !(rule->extras_optional && packet->extras_len == 0))
        return false;
    if (rule->key != KEY_ANY && (packet->key_len != 0) != (rule->key == KEY_NEEDED))
        return false;
    return rule->value || value_len == 0;
}

static void read_arithmetic_extras(struct wire_reader *extras, struct command *out)
{
    out->delta = wire_read_u64(extras);
    out->initial = wire_read_u64(extras);
    uint32_t exptime = wire_read_u32(extras);
    /* All ones is not a time but asks for an error when there is no number yet. */
    out->create = exptime != (uint32_t)EXPTIME_DO_NOT_CREATE;
    out->exptime = out->create ? (int64_t)exptime : 0;
}

static void read_extras(const struct packet *packet, struct command *out)
{
    struct wire_reader extras = wire_reader_of(packet->extras);
    switch (out->kind) {
    case COMMAND_SET:
    case COMMAND_ADD:
    case COMMAND_REPLACE:
        out->flags = wire_read_u32(&extras);
        out->exptime = wire_read_u32(&extras);
        break;
    case COMMAND_INCR:
    case COMMAND_DECR:
        read_arithmetic_extras(&extras, out);
        break;
    case COMMAND_TOUCH:
    case COMMAND_GAT:
        out->exptime = wire_read_u32(&extras);
        out->has_exptime = true;
        break;
    case COMMAND_FLUSH_ALL:
        out->exptime = packet->extras_len == 0 ? 0 : wire_read_u32(&extras);
        out->has_exptime = out->exptime != 0;
        break;
    default:
        break;
    }
}

/* A cas that is not 0 makes a write conditional; the others ignore it. */
static void take_token(uint64_t token, struct command *out)
{
    switch (out->kind) {
    case COMMAND_SET:
    case COMMAND_ADD:
    case COMMAND_REPLACE:
        out->kind = token != 0 ? COMMAND_SET : out->kind;
        break;
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
    case COMMAND_INCR:
    case COMMAND_DECR:
    case COMMAND_DELETE:
        break;
    default:
        return;
    }
    out->token = token;
    out->has_token = token != 0;
}

static void fill(const struct packet *packet, uint64_t token, struct command *out)
{
    size_t before_value = (size_t)packet->extras_len + packet->key_len;
    if (before_value > packet->body_len) {
        /* The lengths lie: where the next packet begins is anyone's guess. */
        refuse(out, BINARY_UNKNOWN, true);
        return;
    }
    if (packet->key_len > KEY_MAX) {
        refuse(out, BINARY_INVALID, true);
        return;
    }
    out->value_len = packet->body_len - before_value;
    const struct opcode_rule *rule = find_rule(out->opcode);
    if (rule == NULL) {
        out->has_value = true;
        refuse(out, BINARY_UNKNOWN, false);
        return;
    }
    if (!fits(rule, packet, out->value_len)) {
        refuse(out, BINARY_INVALID, true);
        return;
    }
    out->kind = rule->kind;
    out->quiet = rule->quiet;
    out->want_key = rule->want_key;
    out->has_value = rule->value;
    read_extras(packet, out);
    take_token(token, out);
}

enum parse_status binary_parse(struct bytes in, struct command *out, size_t *used)
{
    if (in.len < BINARY_HEADER)
        return PARSE_MORE;
    struct wire_reader reader = wire_reader_of(in);
    if (wire_read_u8(&reader) != MAGIC_REQUEST)
        return PARSE_CLOSE;
    command_clear(out);
    out->dialect = DIALECT_BINARY;
    struct packet packet = {0};
    out->opcode = wire_read_u8(&reader);
    packet.key_len = wire_read_u16(&reader);
    packet.extras_len = wire_read_u8(&reader);
    (void)wire_read_bytes(&reader, 3); /* data type and reserved bytes (a vbucket elsewhere): memcached ignores them */
    packet.body_len = wire_read_u32(&reader);
    out->opaque = wire_read_u32(&reader);
    uint64_t token = wire_read_u64(&reader);
    packet.extras = wire_read_bytes(&reader, packet.extras_len);
    out->key = wire_read_bytes(&reader, packet.key_len);
    if (!reader.ok)
        return PARSE_MORE;
    *used = BINARY_HEADER + (size_t)packet.extras_len + packet.key_len;
    fill(&packet, token, out);
    return PARSE_OK;
}
