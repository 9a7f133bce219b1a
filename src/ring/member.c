/* Members and settings of a ring, and what is wrong with them. */
#include "ring/ring.h"

#include "base/hash.h"

#include <string.h>

uint32_t ring_node_id(const char *name)
{
    uint64_t hash = hash_fingerprint(bytes_of_text(name), 1);
    uint32_t id = (uint32_t)(hash ^ hash >> 32);
    return id == 0 ? 1 : id;
}

static bool is_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

const char *ring_settings_fault(const struct ring_settings *settings)
{
    if (settings->cluster == 0)
        return "a cluster id is not 0";
    if (!is_power_of_two(settings->partition_count) || settings->partition_count > RING_PARTITIONS_MAX)
        return "the number of partitions is a power of two, at most 65536";
    if (settings->strategy < RING_RANDOM_TOKENS || settings->strategy > RING_CLAIMED_PARTITIONS)
        return "the strategy is 1, 2 or 3";
    if (settings->copies < 1 || settings->copies > RING_COPIES_MAX)
        return "the number of copies is 1 to 7";
    if (settings->tokens < 1 || settings->tokens > RING_TOKENS_MAX)
        return "the number of tokens is 1 to 1024";
    return NULL;
}

/* Texts go into logs, lists and JSON: nothing in them may break a line or a word. */
static bool is_text(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);
    for (const char *at = text; end != NULL && at < end; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return false;
    }
    return end != NULL;
}

const char *ring_member_fault(const struct ring_member *member)
{
    if (!is_text(member->name, sizeof member->name) || member->name[0] == '\0')
        return "a node's name has 1 to 63 bytes, no blanks and no control characters";
    if (member->id != ring_node_id(member->name))
        return "a node's id is not that of its name";
    if (member->weight < 1 || member->weight > RING_WEIGHT_MAX)
        return "a node's weight is 0.001 to 100";
    if (!is_text(member->peer, sizeof member->peer) || !is_text(member->client, sizeof member->client))
        return "an address has at most 127 bytes, no blanks and no control characters";
    if (!is_text(member->rack, sizeof member->rack) || !is_text(member->datacenter, sizeof member->datacenter))
        return "the names of racks and data centres have at most 63 bytes, no blanks and no control characters";
    return NULL;
}
