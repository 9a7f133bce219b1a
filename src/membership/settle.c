#include "membership/settle.h"

#include "base/check.h"
#include "membership/say.h"
#include "message/agreement.h"

#include <stdlib.h>

void settle_close(struct settling *settling)
{
    draft_close(&settling->value);
    free(settling->waits);
    free(settling->all);
    *settling = (struct settling){0};
}

static uint32_t *copy_of(const uint32_t *ids, uint32_t count)
{
    uint32_t *copy = malloc((count + 1) * sizeof *copy);
    CHECK_MEMORY(copy);
    memcpy(copy, ids, count * sizeof *copy);
    return copy;
}

static void tell(struct membership *membership, uint8_t type, const uint32_t *ids, uint32_t count)
{
    struct message_agreement m = {.sender = say_sender(membership),
                                  .decree = membership->settling.epoch,
                                  .value = draft_written(&membership->settling.value),
                                  .fingerprint = membership->state.table->fingerprint};
    for (uint32_t i = 0; i < count; i++) {
        struct draft head = {0};
        message_write_agreement(&head, type, &m);
        say(membership, say_address_of(membership, ids[i]), type, &head);
    }
}

void settle_lead(struct membership *membership, struct instant now, struct bytes value, const uint32_t *ids,
                 uint32_t count, bool holds)
{
    struct settling *settling = &membership->settling;
    settle_close(settling);
    if (count == 0)
        return;
    settling->epoch = epoch_of(membership);
    settling->leads = true;
    settling->holds = holds;
    settling->until_ns = now.mono_ns + (uint64_t)SETTLE_MS_MAX * MS;
    settling->resend_ns = now.mono_ns + (uint64_t)SETTLE_RESEND_MS * MS;
    draft_bytes(&settling->value, value);
    settling->waits = copy_of(ids, count);
    settling->all = copy_of(ids, count);
    settling->wait_count = settling->all_count = count;
    tell(membership, MESSAGE_DECIDED, ids, count);
}

void settle_follow(struct membership *membership, struct instant now)
{
    settle_close(&membership->settling);
    membership->settling.epoch = epoch_of(membership);
    membership->settling.holds = true;
    membership->settling.until_ns = now.mono_ns + (uint64_t)SETTLE_MS_MAX * MS;
}

void settle_on_adopted(struct membership *membership, uint32_t from, uint64_t epoch)
{
    struct settling *settling = &membership->settling;
    if (!settling->leads || epoch < settling->epoch)
        return;
    for (uint32_t i = 0; i < settling->wait_count; i++) {
        if (settling->waits[i] != from)
            continue;
        settling->waits[i] = settling->waits[--settling->wait_count];
        break;
    }
    if (settling->wait_count != 0)
        return;
    tell(membership, MESSAGE_SETTLED, settling->all, settling->all_count);
    settle_close(settling);
}

void settle_on_settled(struct membership *membership, uint64_t epoch)
{
    if (membership->settling.until_ns != 0 && !membership->settling.leads && epoch >= membership->settling.epoch)
        settle_close(&membership->settling);
}

void settle_tick(struct membership *membership, struct instant now)
{
    struct settling *settling = &membership->settling;
    if (settling->until_ns == 0)
        return;
    if (now.mono_ns >= settling->until_ns) {
        settle_close(settling);
    } else if (settling->leads && now.mono_ns >= settling->resend_ns) {
        settling->resend_ns = now.mono_ns + (uint64_t)SETTLE_RESEND_MS * MS;
        tell(membership, MESSAGE_DECIDED, settling->waits, settling->wait_count);
    }
}

uint64_t settle_wake_at(const struct membership *membership)
{
    const struct settling *settling = &membership->settling;
    if (settling->until_ns == 0)
        return UINT64_MAX;
    return settling->leads && settling->resend_ns < settling->until_ns ? settling->resend_ns : settling->until_ns;
}
