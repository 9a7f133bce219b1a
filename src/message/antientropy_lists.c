#include "message/antientropy_fields.h"

void message_add_root(struct draft *list, int *last, const struct repair_root *root)
{
    CHECK((int)root->partition > *last);
    draft_varint(list, (uint64_t)((int)root->partition - *last - 1));
    draft_u64(list, root->root);
    *last = root->partition;
}

bool message_next_root(struct wire_reader *list, int *last, struct repair_root *root)
{
    if (!list->ok || wire_left(list) == 0)
        return false;
    uint64_t partition = fields_number(list, UINT16_MAX) + (uint64_t)(*last + 1);
    root->root = wire_read_u64(list);
    fields_require(list, partition <= UINT16_MAX);
    root->partition = (uint16_t)partition;
    *last = root->partition;
    return list->ok;
}

static struct bytes read_key(struct wire_reader *list)
{
    struct bytes key = draft_read_block(list, MESSAGE_KEY_MAX);
    fields_require(list, key.len > 0);
    return key;
}

void message_add_key(struct draft *list, const struct repair_key *key)
{
    CHECK(key->key.len >= 1 && key->key.len <= MESSAGE_KEY_MAX);
    draft_block(list, key->key);
    draft_u64(list, key->fingerprint);
}

bool message_next_key(struct wire_reader *list, struct repair_key *key)
{
    if (!list->ok || wire_left(list) == 0)
        return false;
    key->key = read_key(list);
    key->fingerprint = wire_read_u64(list);
    return list->ok;
}

void message_add_differing(struct draft *list, int *last, const struct repair_differing *differing)
{
    CHECK((int64_t)differing->place > *last && differing->place < MESSAGE_KEYS_BYTES_MAX);
    draft_varint(list, (uint64_t)((int)differing->place - *last - 1));
    draft_varint(list, differing->length);
    *last = (int)differing->place;
}

bool message_next_differing(struct wire_reader *list, int *last, struct repair_differing *differing)
{
    if (!list->ok || wire_left(list) == 0)
        return false;
    uint64_t place = fields_number(list, MESSAGE_KEYS_BYTES_MAX) + (uint64_t)(*last + 1);
    differing->length = (uint32_t)fields_number(list, UINT32_MAX);
    fields_require(list, place < MESSAGE_KEYS_BYTES_MAX);
    if (!list->ok)
        return false;
    differing->place = (uint32_t)place;
    *last = (int)place;
    return true;
}

void message_add_extra(struct draft *list, const struct repair_extra *extra)
{
    CHECK(extra->key.len >= 1 && extra->key.len <= MESSAGE_KEY_MAX && extra->length > 0);
    draft_block(list, extra->key);
    draft_varint(list, extra->length);
}

bool message_next_extra(struct wire_reader *list, struct repair_extra *extra)
{
    if (!list->ok || wire_left(list) == 0)
        return false;
    extra->key = read_key(list);
    extra->length = (uint32_t)fields_number(list, UINT32_MAX);
    fields_require(list, extra->length > 0);
    return list->ok;
}
