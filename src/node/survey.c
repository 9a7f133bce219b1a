#include "node/survey.h"

#include "base/check.h"
#include "node/links.h"
#include "node/shared.h"
#include "storage/tree.h"

#include <stdlib.h>

/* This node's copies. */

static struct survey_row row_of(const struct node *node, uint32_t partition)
{
    const struct node_shared *shared = node->shared;
    const struct tree *tree = store_tree(shared->store);
    bool doubtful = standing_is_doubtful(shared->standing, (uint16_t)partition);
    bool behind = standing_is_behind(shared->standing, (uint16_t)partition);
    return (struct survey_row){
        .partition = (uint16_t)partition,
        .flags = (uint8_t)((doubtful ? SURVEY_ROW_DOUBTFUL : 0) | (behind ? SURVEY_ROW_BEHIND : 0)),
        .root = tree != NULL ? tree_root(tree, node->view->partition_count, (uint16_t)partition) : 0};
}

/* The place of a member among a partition's owners, -1: it is none. */
static int place_of(const struct ring_view *view, uint32_t partition, uint32_t member)
{
    const uint16_t *owners = ring_preference_list(view, (uint16_t)partition);
    for (uint32_t i = 0; i < view->owner_count; i++) {
        if (owners[i] == member)
            return (int)i;
    }
    return -1;
}

static uint64_t hints_here(const struct node *node)
{
    struct hints_counters counters;
    hints_count(node->shared->hints, &counters);
    return counters.kept;
}

/* Answering. */

bool survey_receive(struct node *node, struct node_link *link, const struct frame *frame)
{
    struct message_survey survey;
    struct partition_set wanted;
    const struct ring_view *view = node->view;
    if (!message_read_survey(frame, &survey))
        return false;
    partition_set_init(&wanted, view->partition_count);
    /* Partitions of another table, with more of them, are not here. */
    bool good = partition_set_decode(survey.partitions, &wanted) || survey.epoch != view->epoch;
    good = good && partition_set_count(&wanted) <= MESSAGE_SURVEY_MAX;
    struct survey_row *rows = calloc(MESSAGE_SURVEY_MAX, sizeof *rows);
    CHECK_MEMORY(rows);
    uint32_t count = 0;
    for (int at = partition_set_next(&wanted, 0); good && at >= 0; at = partition_set_next(&wanted, (uint32_t)at + 1)) {
        if (node->self_index >= 0 && place_of(view, (uint32_t)at, (uint32_t)node->self_index) >= 0)
            rows[count++] = row_of(node, (uint32_t)at);
    }
    if (good) {
        const struct message_survey_reply reply = {.id = survey.id, .epoch = view->epoch, .hints = hints_here(node)};
        message_write_survey_reply(&link->link->out, &reply, rows, count);
        link_wants_flush(&node->flushes, link->link);
    }
    free(rows);
    partition_set_close(&wanted);
    return good;
}

/* Asking. */

static void take_row(struct survey *survey, const struct ring_view *view, uint32_t member, const struct survey_row *row)
{
    struct survey_member *from = &survey->members[member];
    int place = row->partition < view->partition_count ? place_of(view, row->partition, member) : -1;
    if (place < 0 || !partition_set_has(survey->wanted, row->partition))
        return;
    size_t at = (size_t)row->partition * survey->owner_count + (size_t)place;
    survey->roots[at] = row->root;
    survey->known[at] = true;
    from->doubtful += (row->flags & SURVEY_ROW_DOUBTFUL) != 0;
    from->behind += (row->flags & SURVEY_ROW_BEHIND) != 0;
}

static void ask_self(struct node *node, struct survey *survey)
{
    uint32_t self = (uint32_t)node->self_index;
    survey->members[self].outcome = SURVEY_ANSWERED;
    survey->members[self].hints = hints_here(node);
    for (int at = partition_set_next(survey->wanted, 0); at >= 0;
         at = partition_set_next(survey->wanted, (uint32_t)at + 1)) {
        if (place_of(node->view, (uint32_t)at, self) < 0)
            continue;
        struct survey_row row = row_of(node, (uint32_t)at);
        take_row(survey, node->view, self, &row);
    }
}

static void send_question(struct survey *survey, uint32_t member, struct chain *out, const struct partition_set *part)
{
    struct draft list = {0};
    partition_set_encode(part, &list);
    const struct message_survey question = {
        .id = survey->serial, .epoch = survey->epoch, .partitions = draft_written(&list)};
    message_write_survey(out, &question);
    draft_close(&list);
    survey->members[member].questions++;
    survey->waiting++;
}

/* In pieces of MESSAGE_SURVEY_MAX partitions. A member that owns none of a piece is asked all the same: for its hints.
 */
static void ask_peer(struct node *node, struct instant now, struct survey *survey, uint32_t member)
{
    struct partition_set part;
    int at = partition_set_next(survey->wanted, 0);
    partition_set_init(&part, node->view->partition_count);
    do {
        struct peer *peer = peers_find(&node->peers, survey->members[member].node);
        struct chain *out = peer == NULL ? NULL : peer_request(&node->peers, peer, now);
        if (out == NULL)
            break;
        partition_set_clear(&part);
        for (unsigned count = 0; at >= 0 && count < MESSAGE_SURVEY_MAX; count++) {
            partition_set_add(&part, (uint32_t)at);
            at = partition_set_next(survey->wanted, (uint32_t)at + 1);
        }
        send_question(survey, member, out, &part);
    } while (at >= 0);
    partition_set_close(&part);
}

void node_survey(struct node *node, struct instant now, struct survey *survey)
{
    node_enter(node);
    const struct ring_view *view = node->view;
    size_t cells = (size_t)view->partition_count * view->owner_count;
    CHECK(survey->wanted->partitions == view->partition_count);
    survey->epoch = view->epoch;
    survey->member_count = view->member_count;
    survey->owner_count = view->owner_count;
    survey->members = calloc(view->member_count, sizeof *survey->members);
    survey->roots = calloc(cells, sizeof *survey->roots);
    survey->known = calloc(cells, sizeof *survey->known);
    CHECK(survey->members != NULL && survey->roots != NULL && survey->known != NULL);
    survey->serial = ++node->survey_serial;
    survey->deadline_ns = now.mono_ns + (uint64_t)node->coordinator.settings.timeout_ms * 1000000;
    survey->waiting = 0;
    for (uint32_t i = 0; i < view->member_count; i++) {
        survey->members[i] = (struct survey_member){.node = view->members[i].id, .outcome = SURVEY_UNREACHABLE};
        if ((int)i == node->self_index)
            ask_self(node, survey);
        else
            ask_peer(node, now, survey, i);
    }
    queue_push(&node->surveys, &survey->link);
    node->has_more |= survey->waiting == 0;
}

void node_survey_finish(struct survey *survey)
{
    free(survey->members);
    free(survey->roots);
    free(survey->known);
    survey->members = NULL;
    survey->roots = NULL;
    survey->known = NULL;
}

bool survey_is_same(const struct survey *survey, uint32_t partition)
{
    size_t first = (size_t)partition * survey->owner_count;
    for (uint32_t i = 0; i < survey->owner_count; i++) {
        if (!survey->known[first + i] || survey->roots[first + i] != survey->roots[first])
            return false;
    }
    return true;
}

/* What comes of it. */

static struct survey *find(struct node *node, uint64_t serial)
{
    for (struct queue_node *at = node->surveys.first; at != NULL; at = at->next) {
        struct survey *survey = CONTAINER_OF(at, struct survey, link);
        if (survey->serial == serial)
            return survey;
    }
    return NULL;
}

static struct survey_member *member_of(struct survey *survey, uint32_t node)
{
    for (uint32_t i = 0; i < survey->member_count; i++) {
        if (survey->members[i].node == node)
            return &survey->members[i];
    }
    return NULL;
}

bool survey_on_reply(struct node *node, struct node_link *link, const struct frame *frame)
{
    struct message_survey_reply reply;
    if (!message_read_survey_reply(frame, &reply))
        return false;
    struct peer *peer = peers_find(&node->peers, link->link->peer);
    if (peer != NULL)
        peer_on_sign(peer);
    struct survey *survey = find(node, reply.id);
    struct survey_member *member = survey != NULL ? member_of(survey, link->link->peer) : NULL;
    if (member == NULL || member->questions == 0)
        return true;
    member->questions--;
    survey->waiting--;
    node->has_more |= survey->waiting == 0;
    if (reply.epoch != survey->epoch || node->view->epoch != survey->epoch) {
        member->outcome = SURVEY_OTHER_TABLE;
        return true;
    }
    if (member->questions == 0 && member->outcome != SURVEY_OTHER_TABLE)
        member->outcome = SURVEY_ANSWERED;
    member->hints = reply.hints;
    for (uint32_t i = 0; i < message_survey_rows(&reply); i++) {
        struct survey_row row = message_survey_row(&reply, i);
        take_row(survey, node->view, (uint32_t)(member - survey->members), &row);
    }
    return true;
}

/* Nothing is waited for any more from this node, or, 0, from any. */
static void give_up(struct node *node, struct survey *survey, uint32_t peer)
{
    for (uint32_t i = 0; i < survey->member_count; i++) {
        struct survey_member *member = &survey->members[i];
        if (peer != 0 && member->node != peer)
            continue;
        survey->waiting -= member->questions;
        member->questions = 0;
    }
    node->has_more |= survey->waiting == 0;
}

void survey_on_peer_lost(struct node *node, uint32_t peer)
{
    for (struct queue_node *at = node->surveys.first; at != NULL; at = at->next)
        give_up(node, CONTAINER_OF(at, struct survey, link), peer);
}

void survey_tick(struct node *node, struct instant now)
{
    for (struct queue_node *at = node->surveys.first; at != NULL; at = at->next) {
        struct survey *survey = CONTAINER_OF(at, struct survey, link);
        if (survey->deadline_ns <= now.mono_ns)
            give_up(node, survey, 0);
    }
}

uint64_t survey_wake_at(const struct node *node)
{
    uint64_t earliest = UINT64_MAX;
    for (struct queue_node *at = node->surveys.first; at != NULL; at = at->next) {
        const struct survey *survey = CONTAINER_OF(at, struct survey, link);
        earliest = survey->deadline_ns < earliest ? survey->deadline_ns : earliest;
    }
    return earliest;
}

void survey_end(struct node *node)
{
    struct queue ended, going;
    struct queue_node *at;
    queue_init(&ended);
    queue_init(&going);
    while ((at = queue_pop(&node->surveys)) != NULL)
        queue_push(CONTAINER_OF(at, struct survey, link)->waiting == 0 ? &ended : &going, at);
    queue_append(&node->surveys, &going);
    while ((at = queue_pop(&ended)) != NULL) {
        struct survey *survey = CONTAINER_OF(at, struct survey, link);
        survey->done(survey);
    }
}
