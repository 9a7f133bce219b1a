#include "node/forward_wire.h"

#include "base/check.h"
#include "coordinator/read.h"
#include "node/shared.h"

#include <string.h>

static uint16_t options_of(const struct request *request)
{
    unsigned options = 0;
    options |= request->claims ? FORWARD_CLAIMS : 0;
    options |= request->peek ? FORWARD_PEEK : 0;
    options |= request->has_token ? FORWARD_HAS_TOKEN : 0;
    options |= request->has_expiry ? FORWARD_HAS_EXPIRY : 0;
    options |= request->invalidate ? FORWARD_INVALIDATE : 0;
    options |= request->create ? FORWARD_CREATE : 0;
    options |= request->vivify ? FORWARD_VIVIFY : 0;
    options |= request->recache ? FORWARD_RECACHE : 0;
    options |= request->recache_first ? FORWARD_RECACHE_FIRST : 0;
    options |= request_shows_siblings(request) ? FORWARD_SHOWS_SIBLINGS : 0;
    return (uint16_t)options;
}

void forward_write(struct node *node, const struct request *request, uint64_t number, uint32_t remaining_ms,
                   struct chain *out)
{
    struct message_forward message = {
        .number = number,
        .epoch = node->view->epoch,
        .remaining_ms = remaining_ms,
        .kind = (uint8_t)request->kind,
        .options = options_of(request),
        .flags = request->flags,
        .expiry_ms = request->expiry_ms,
        .vivify_expiry_ms = request->vivify_expiry_ms,
        .recache_ttl_s = request->recache_ttl_s,
        .token = request->token,
        .delta = request->delta,
        .initial = request->initial,
        .value_max = request->value_max,
        .request = request->name,
        .attempt = request->attempt,
        .began = request->began,
        .stands_in = request->stands_in,
        .key = request_key(request),
        .value = request->value,
    };
    arena_reset(&node->scratch);
    if (request->has_token)
        message.knows_token =
            token_table_get(node->shared->tokens, request->token, request->op.hash, &message.context, &node->scratch);
    message_write_forward(out, &message, NULL); /* the value may be moved as soon as this returns: it is copied */
}

static void take_marks(struct request *request, unsigned marks)
{
    request->created = (marks & FORWARD_CREATED) != 0;
    request->won = (marks & FORWARD_WON) != 0;
    request->stale = (marks & FORWARD_STALE) != 0;
    request->win_sent = (marks & FORWARD_WIN_SENT) != 0;
    request->expired = (marks & FORWARD_EXPIRED) != 0;
    request->flushed = (marks & FORWARD_FLUSHED) != 0;
}

/* When the item was used last. A get that turned out to have effects has been told so by the reading that came before,
 * which by now counts as a use everywhere. */
static void take_use(struct request *request, const struct message_forward_reply *reply)
{
    if (request->has_effects && !request->created)
        return;
    request->fetched_before = (reply->marks & FORWARD_FETCHED) != 0;
    request->idle_s = reply->idle_s;
}

static void take_record(struct node *node, struct instant now, struct request *request, struct bytes record)
{
    request->record = blob_new(record.len);
    if (request->record == NULL) {
        request->status = REQUEST_NO_MEMORY;
        return;
    }
    memcpy(request->record->at, record.at, record.len);
    node->coordinator.now = now;
    read_answer(&node->coordinator, request);
}

bool forward_is_answer_to(const struct request *request, const struct message_forward_reply *reply)
{
    bool shows = request->kind == REQUEST_GET && reply->status == REQUEST_OK;
    return (reply->record.len != 0) == shows;
}

void forward_take_reply(struct node *node, struct instant now, struct request *request,
                        const struct message_forward_reply *reply)
{
    request->status = (enum request_status)reply->status;
    request->failure = (enum request_failure)reply->failure;
    request->number = reply->value_number;
    request->written_token = reply->written_token;
    request->written_expiry_ms = reply->written_expiry_ms;
    request->touch_stamp = reply->touch_stamp;
    take_marks(request, reply->marks);
    take_use(request, reply);
    if (reply->record.len != 0)
        take_record(node, now, request, reply->record);
}

void forward_read_options(struct request *request, const struct message_forward *message)
{
    unsigned options = message->options;
    request->claims = (options & FORWARD_CLAIMS) != 0;
    request->peek = (options & FORWARD_PEEK) != 0;
    request->has_token = (options & FORWARD_HAS_TOKEN) != 0;
    request->has_expiry = (options & FORWARD_HAS_EXPIRY) != 0;
    request->invalidate = (options & FORWARD_INVALIDATE) != 0;
    request->create = (options & FORWARD_CREATE) != 0;
    request->vivify = (options & FORWARD_VIVIFY) != 0;
    request->recache = (options & FORWARD_RECACHE) != 0;
    request->recache_first = (options & FORWARD_RECACHE_FIRST) != 0;
    request->shows = (options & FORWARD_SHOWS_SIBLINGS) != 0 ? REQUEST_SHOWS_SIBLINGS : REQUEST_SHOWS_NEWEST;
    request->flags = message->flags;
    request->expiry_ms = message->expiry_ms;
    request->vivify_expiry_ms = message->vivify_expiry_ms;
    request->recache_ttl_s = message->recache_ttl_s;
    request->token = message->token;
    request->delta = message->delta;
    request->initial = message->initial;
    request->value_max = message->value_max;
    request->name = message->request;
    request->attempt = message->attempt;
    request->began = message->began;
    request->stands_in = message->stands_in;
}

static uint16_t marks_of(const struct request *request)
{
    unsigned marks = 0;
    marks |= request->created ? FORWARD_CREATED : 0;
    marks |= request->fetched_before ? FORWARD_FETCHED : 0;
    marks |= request->won ? FORWARD_WON : 0;
    marks |= request->stale ? FORWARD_STALE : 0;
    marks |= request->win_sent ? FORWARD_WIN_SENT : 0;
    marks |= request->expired ? FORWARD_EXPIRED : 0;
    marks |= request->flushed ? FORWARD_FLUSHED : 0;
    return (uint16_t)marks;
}

void forward_write_reply(const struct request *request, uint64_t number, uint64_t epoch, struct chain *out)
{
    bool shows = request->kind == REQUEST_GET && request->status == REQUEST_OK;
    const struct message_forward_reply reply = {
        .number = number,
        .epoch = epoch,
        .status = (uint8_t)request->status,
        .failure = (uint8_t)request->failure,
        .marks = marks_of(request),
        .idle_s = request->idle_s,
        .value_number = request->number,
        .written_token = request->written_token,
        .written_expiry_ms = request->written_expiry_ms,
        .touch_stamp = request->touch_stamp,
        .record = shows ? blob_bytes(request->record) : bytes_of(NULL, 0),
    };
    message_write_forward_reply(out, &reply, shows ? request->record : NULL);
}
