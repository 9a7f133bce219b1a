#include "message/survey.h"

#include "base/wire.h"
#include "message/fields.h"
#include "ring/ring.h"

void message_write_survey(struct chain *out, const struct message_survey *m)
{
    struct draft head = {0};
    draft_u64(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_bytes(&head, m->partitions);
    frame_append(out, MESSAGE_SURVEY, draft_written(&head));
    draft_close(&head);
}

bool message_read_survey(const struct frame *frame, struct message_survey *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_SURVEY);
    m->id = wire_read_u64(&reader);
    m->epoch = wire_read_varint(&reader);
    m->partitions = wire_read_bytes(&reader, wire_left(&reader));
    return fields_end_all(&reader, frame) && partition_set_is_valid(m->partitions);
}

void message_write_survey_reply(struct chain *out, const struct message_survey_reply *m, const struct survey_row *rows,
                                uint32_t count)
{
    struct draft head = {0};
    draft_u64(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_varint(&head, m->hints);
    uint8_t *at = draft_reserve(&head, (size_t)count * MESSAGE_SURVEY_ROW_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        at = wire_write_u16(at, rows[i].partition);
        at = wire_write_u8(at, rows[i].flags);
        at = wire_write_u64(at, rows[i].root);
    }
    draft_commit(&head, at);
    frame_append(out, MESSAGE_SURVEY_REPLY, draft_written(&head));
    draft_close(&head);
}

struct survey_row message_survey_row(const struct message_survey_reply *m, uint32_t index)
{
    struct wire_reader reader =
        wire_reader_of(bytes_of(m->rows.at + (size_t)index * MESSAGE_SURVEY_ROW_BYTES, MESSAGE_SURVEY_ROW_BYTES));
    struct survey_row row;
    row.partition = wire_read_u16(&reader);
    row.flags = wire_read_u8(&reader);
    row.root = wire_read_u64(&reader);
    return row;
}

/* Ascending, so that no partition comes twice. */
static bool rows_are_valid(const struct message_survey_reply *m)
{
    uint32_t count = message_survey_rows(m);
    int last = -1;
    if (m->rows.len % MESSAGE_SURVEY_ROW_BYTES != 0 || count > MESSAGE_SURVEY_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct survey_row row = message_survey_row(m, i);
        if (row.partition <= last || (row.flags & ~SURVEY_ROW_FLAGS) != 0)
            return false;
        last = row.partition;
    }
    return true;
}

bool message_read_survey_reply(const struct frame *frame, struct message_survey_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_SURVEY_REPLY);
    m->id = wire_read_u64(&reader);
    m->epoch = wire_read_varint(&reader);
    m->hints = wire_read_varint(&reader);
    m->rows = wire_read_bytes(&reader, wire_left(&reader));
    return fields_end_all(&reader, frame) && rows_are_valid(m);
}
