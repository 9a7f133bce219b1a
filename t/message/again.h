/* Reads a message and writes it again: what is accepted must come out as the bytes that came in. */
#ifndef T_MESSAGE_AGAIN_H
#define T_MESSAGE_AGAIN_H

#include "message/data.h"
#include "message/forward.h"
#include "message/survey.h"

union any_message {
    struct message_greeting greeting;
    struct message_read read;
    struct message_read_reply read_reply;
    struct message_write write;
    struct message_write_reply write_reply;
    struct message_forward forward;
    struct message_forward_reply forward_reply;
    struct message_flush flush;
    struct message_flush_reply flush_reply;
    struct message_survey survey;
    struct message_survey_reply survey_reply;
};

/* By the frame's type; a type that is not of the data plane is refused. */
static inline bool message_read_any(const struct frame *frame, union any_message *m, struct arena *arena)
{
    switch (frame->type) {
    case MESSAGE_GREETING:
        return message_read_greeting(frame, &m->greeting);
    case MESSAGE_READ:
        return message_read_read(frame, &m->read);
    case MESSAGE_READ_REPLY:
        return message_read_read_reply(frame, &m->read_reply);
    case MESSAGE_WRITE:
        return message_read_write(frame, &m->write);
    case MESSAGE_WRITE_REPLY:
        return message_read_write_reply(frame, &m->write_reply);
    case MESSAGE_FORWARD:
        return message_read_forward(frame, &m->forward, arena);
    case MESSAGE_FORWARD_REPLY:
        return message_read_forward_reply(frame, &m->forward_reply);
    case MESSAGE_FLUSH:
        return message_read_flush(frame, &m->flush);
    case MESSAGE_FLUSH_REPLY:
        return message_read_flush_reply(frame, &m->flush_reply);
    case MESSAGE_SURVEY:
        return message_read_survey(frame, &m->survey);
    case MESSAGE_SURVEY_REPLY:
        return message_read_survey_reply(frame, &m->survey_reply);
    default:
        return false;
    }
}

static inline void write_survey_reply_again(struct chain *out, const struct message_survey_reply *m)
{
    struct survey_row rows[MESSAGE_SURVEY_MAX];
    uint32_t count = message_survey_rows(m);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = message_survey_row(m, i);
    message_write_survey_reply(out, m, rows, count);
}

static inline void message_write_any(struct chain *out, uint8_t type, const union any_message *m, struct blob *blob)
{
    switch (type) {
    case MESSAGE_GREETING:
        message_write_greeting(out, &m->greeting);
        return;
    case MESSAGE_READ:
        message_write_read(out, &m->read);
        return;
    case MESSAGE_READ_REPLY:
        message_write_read_reply(out, &m->read_reply, blob);
        return;
    case MESSAGE_WRITE:
        message_write_write(out, &m->write, blob);
        return;
    case MESSAGE_WRITE_REPLY:
        message_write_write_reply(out, &m->write_reply);
        return;
    case MESSAGE_FORWARD:
        message_write_forward(out, &m->forward, blob);
        return;
    case MESSAGE_FORWARD_REPLY:
        message_write_forward_reply(out, &m->forward_reply, blob);
        return;
    case MESSAGE_FLUSH:
        message_write_flush(out, &m->flush);
        return;
    case MESSAGE_SURVEY:
        message_write_survey(out, &m->survey);
        return;
    case MESSAGE_SURVEY_REPLY:
        write_survey_reply_again(out, &m->survey_reply);
        return;
    default:
        message_write_flush_reply(out, &m->flush_reply);
    }
}

/* false: the message was refused, and nothing is written. */
static inline bool message_again(const struct frame *frame, struct chain *out)
{
    union any_message m;
    struct arena arena;
    arena_init(&arena);
    bool is_good = message_read_any(frame, &m, &arena);
    if (is_good)
        message_write_any(out, frame->type, &m, NULL);
    arena_close(&arena);
    return is_good;
}

#endif
