/* Members and changes as bytes: weight (4), then name, peer, client, rack and data centre, each as one byte of length
 * and its text. The id is not among them, since it is a hash of the name. A change is its kind (1) and its member. */
#include "ring/ring.h"

#include "base/wire.h"

static uint8_t *write_text(uint8_t *at, const char *text)
{
    struct bytes bytes = bytes_of_text(text);
    at = wire_write_u8(at, (uint8_t)bytes.len);
    return wire_write_bytes(at, bytes);
}

uint8_t *ring_member_encode(const struct ring_member *member, uint8_t *at)
{
    at = wire_write_u32(at, member->weight);
    at = write_text(at, member->name);
    at = write_text(at, member->peer);
    at = write_text(at, member->client);
    at = write_text(at, member->rack);
    return write_text(at, member->datacenter);
}

uint8_t *ring_change_encode(const struct ring_change *change, uint8_t *at)
{
    return ring_member_encode(&change->member, wire_write_u8(at, (uint8_t)change->kind));
}

/* `text` is all zeros. */
static void read_text(struct wire_reader *reader, char *text, size_t size)
{
    struct bytes bytes = wire_read_bytes(reader, wire_read_u8(reader));
    if (bytes.len >= size || (bytes.len > 0 && memchr(bytes.at, '\0', bytes.len) != NULL))
        reader->ok = false;
    else if (bytes.len > 0)
        memcpy(text, bytes.at, bytes.len);
}

bool ring_member_decode(struct wire_reader *reader, struct ring_member *out)
{
    *out = (struct ring_member){.weight = wire_read_u32(reader)};
    read_text(reader, out->name, sizeof out->name);
    read_text(reader, out->peer, sizeof out->peer);
    read_text(reader, out->client, sizeof out->client);
    read_text(reader, out->rack, sizeof out->rack);
    read_text(reader, out->datacenter, sizeof out->datacenter);
    out->id = ring_node_id(out->name);
    if (ring_member_fault(out) != NULL)
        reader->ok = false;
    return reader->ok;
}

bool ring_change_decode(struct wire_reader *reader, struct ring_change *out)
{
    uint8_t kind = wire_read_u8(reader);
    *out = (struct ring_change){.kind = kind};
    if (kind < RING_CHANGE_JOIN || kind > RING_CHANGE_MEMBER)
        reader->ok = false;
    return ring_member_decode(reader, &out->member);
}
