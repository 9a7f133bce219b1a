/* Views as bytes: format (1), cluster (8), partitions (4), strategy (1), copies (1), tokens (2), epoch (8), members
 * (2), the members by ascending id (member_wire.c), and the owners of each partition, one byte each where there are at
 * most 256 members, else two. Equal views have equal bytes: nothing else is accepted. */
#include "ring/ring.h"

#include "base/check.h"
#include "base/wire.h"
#include "ring/view.h"

#include <stdlib.h>

enum { FORMAT = 1, HEAD_BYTES = 27, MEMBER_BYTES_MIN = 10 };

static uint32_t index_bytes(uint32_t member_count)
{
    return member_count <= 256 ? 1 : 2;
}

size_t ring_view_size(const struct ring_view *view)
{
    size_t size = HEAD_BYTES;
    for (uint32_t i = 0; i < view->member_count; i++) {
        uint8_t member[RING_MEMBER_BYTES_MAX];
        size += (size_t)(ring_member_encode(&view->members[i], member) - member);
    }
    return size + (size_t)view->partition_count * view->owner_count * index_bytes(view->member_count);
}

void ring_view_encode(const struct ring_view *view, uint8_t *at)
{
    at = wire_write_u8(at, FORMAT);
    at = wire_write_u64(at, view->settings.cluster);
    at = wire_write_u32(at, view->settings.partition_count);
    at = wire_write_u8(at, (uint8_t)view->settings.strategy);
    at = wire_write_u8(at, view->settings.copies);
    at = wire_write_u16(at, view->settings.tokens);
    at = wire_write_u64(at, view->epoch);
    at = wire_write_u16(at, (uint16_t)view->member_count);
    for (uint32_t i = 0; i < view->member_count; i++)
        at = ring_member_encode(&view->members[i], at);
    uint32_t width = index_bytes(view->member_count);
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        for (uint32_t i = 0; i < view->owner_count; i++)
            at = width == 1 ? wire_write_u8(at, (uint8_t)list[i]) : wire_write_u16(at, list[i]);
    }
}

struct head {
    struct ring_settings settings;
    uint64_t epoch;
    uint32_t member_count;
};

static const char *read_head(struct wire_reader *reader, struct head *head)
{
    uint8_t format = wire_read_u8(reader);
    head->settings.cluster = wire_read_u64(reader);
    head->settings.partition_count = wire_read_u32(reader);
    head->settings.strategy = wire_read_u8(reader);
    head->settings.copies = wire_read_u8(reader);
    head->settings.tokens = wire_read_u16(reader);
    head->epoch = wire_read_u64(reader);
    head->member_count = wire_read_u16(reader);
    if (!reader->ok)
        return "a view ends too early";
    if (format != FORMAT)
        return "a view in a format of another version";
    if (head->epoch == 0 || head->epoch == UINT64_MAX)
        return "epochs begin with 1 and do not end";
    if (head->member_count < 1 || head->member_count > RING_MEMBERS_MAX)
        return "a view has 1 to 1024 members";
    return ring_settings_fault(&head->settings);
}

static const char *read_members(struct wire_reader *reader, struct ring_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!ring_member_decode(reader, &members[i]))
            return "a member is at fault or cut off";
        if (i > 0 && members[i - 1].id >= members[i].id)
            return "members are not in the order of their ids";
    }
    return NULL;
}

static const char *read_row(struct wire_reader *reader, uint16_t *row, uint32_t owner_count, uint32_t member_count)
{
    bool wide = index_bytes(member_count) == 2;
    for (uint32_t i = 0; i < owner_count; i++) {
        row[i] = wide ? wire_read_u16(reader) : wire_read_u8(reader);
        if (row[i] >= member_count)
            return "an owner is no member";
        for (uint32_t k = 0; k < i; k++) {
            if (row[k] == row[i])
                return "a member owns a partition twice";
        }
    }
    return NULL;
}

/* What is left is the owners: as many bytes as they take, no more and no fewer. */
static struct ring_view *read_owners(struct wire_reader *reader, const struct head *head,
                                     const struct ring_member *members, const char **fault)
{
    uint32_t owner_count = view_owner_count(&head->settings, head->member_count);
    size_t count = (size_t)head->settings.partition_count * owner_count;
    if (wire_left(reader) != count * index_bytes(head->member_count)) {
        *fault = "the owners are not as many as partitions times copies";
        return NULL;
    }
    uint16_t *owners = calloc(count, sizeof *owners);
    CHECK_MEMORY(owners);
    *fault = NULL;
    for (uint32_t partition = 0; partition < head->settings.partition_count && *fault == NULL; partition++)
        *fault = read_row(reader, &owners[(size_t)partition * owner_count], owner_count, head->member_count);
    struct ring_view *view = NULL;
    if (*fault == NULL) {
        struct places places;
        places_init(&places, members, head->member_count, owner_count);
        view = view_of_owners(&head->settings, head->epoch, &places, members, owners);
        places_close(&places);
    }
    free(owners);
    return view;
}

struct ring_view *ring_view_decode(struct bytes in, const char **fault)
{
    struct wire_reader reader = wire_reader_of(in);
    struct head head;
    *fault = read_head(&reader, &head);
    if (*fault == NULL && wire_left(&reader) < (size_t)head.member_count * MEMBER_BYTES_MIN)
        *fault = "fewer bytes than members need";
    if (*fault != NULL)
        return NULL;
    struct ring_member *members = calloc(head.member_count, sizeof *members);
    CHECK_MEMORY(members);
    struct ring_view *view = NULL;
    *fault = read_members(&reader, members, head.member_count);
    if (*fault == NULL)
        view = read_owners(&reader, &head, members, fault);
    free(members);
    return view;
}
