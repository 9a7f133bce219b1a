/* What a node's copies are worth at this moment, for `ringctl verify`: the roots of their trees, and what it keeps for
 * others. Any loop asks and answers; whoever compares the answers of all members knows whether all copies are the same.
 *
 * Encoders and decoders as in message/data.h. */
#ifndef MESSAGE_SURVEY_H
#define MESSAGE_SURVEY_H

#include "base/chain.h"
#include "message/frame.h"
#include "message/partition_set.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MESSAGE_SURVEY_MAX = 1024, /* partitions in one question */
    MESSAGE_SURVEY_ROW_BYTES = 11
};

enum survey_row_flag { SURVEY_ROW_DOUBTFUL = 1, SURVEY_ROW_BEHIND = 2, SURVEY_ROW_FLAGS = 3 };

struct message_survey {
    uint64_t id, epoch;
    struct bytes partitions; /* a partition_set, of at most MESSAGE_SURVEY_MAX */
};

struct survey_row {
    uint16_t partition;
    uint8_t flags; /* enum survey_row_flag */
    uint64_t root; /* tree_root */
};

struct message_survey_reply {
    uint64_t id, epoch; /* of the table by which it knew which copies are its own */
    uint64_t hints;     /* that it keeps for others */
    struct bytes rows;  /* of those that were asked, the partitions that it owns: message_survey_row */
};

/* A reply is written with its `count` rows; m->rows is not looked at. */
void message_write_survey(struct chain *out, const struct message_survey *m);
void message_write_survey_reply(struct chain *out, const struct message_survey_reply *m, const struct survey_row *rows,
                                uint32_t count);

/* false: malformed. Lists point into the frame. */
bool message_read_survey(const struct frame *frame, struct message_survey *m);
/* The same. */
bool message_read_survey_reply(const struct frame *frame, struct message_survey_reply *m);

static inline uint32_t message_survey_rows(const struct message_survey_reply *m)
{
    return (uint32_t)(m->rows.len / MESSAGE_SURVEY_ROW_BYTES);
}
/* index < message_survey_rows */
struct survey_row message_survey_row(const struct message_survey_reply *m, uint32_t index);

#endif
