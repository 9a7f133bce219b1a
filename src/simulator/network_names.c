#include "message/antientropy.h"
#include "message/data.h"
#include "simulator/network_inside.h"

const char *network_name_of_frame(uint8_t type)
{
    static const char *const names[] = {"?",           "GREETING", "READ",          "READ_REPLY", "WRITE",
                                        "WRITE_REPLY", "FORWARD",  "FORWARD_REPLY", "FLUSH",      "FLUSH_REPLY"};
    static const char *const repair[] = {"ROOTS",
                                         "ROOTS_REPLY",
                                         "SUMS",
                                         "SUMS_REPLY",
                                         "KEYS",
                                         "KEYS_REPLY",
                                         "RECONCILE",
                                         "RECONCILE_REPLY",
                                         "COMPLETE",
                                         "COMPLETE_REPLY",
                                         "HORIZON_ASK",
                                         "HORIZON_ASK_REPLY",
                                         "HORIZON_COMPARED",
                                         "HORIZON_COMPARED_REPLY",
                                         "HORIZON_SET",
                                         "HORIZON_SET_REPLY"};
    if (type >= MESSAGE_OF_REPAIR)
        return type - MESSAGE_OF_REPAIR < (int)(sizeof repair / sizeof *repair) ? repair[type - MESSAGE_OF_REPAIR]
                                                                                : "?";
    return type < sizeof names / sizeof *names ? names[type] : "?";
}

const char *network_answer_of_frame(struct bytes data)
{
    static const char *const names[MESSAGE_STATUSES] = {" (ok)",   " (same)",   " (absent)", " (stale epoch)",
                                                        " (full)", " (failed)", " (held)",   " (dead)"};
    struct message_write_reply reply;
    struct frame frame;
    size_t used;
    bool is_answer = data.at[FRAME_HEADER_BYTES] == MESSAGE_WRITE_REPLY
                     && frame_next(data, data.len, &frame, &used) == FRAME_OK
                     && message_read_write_reply(&frame, &reply);
    return is_answer ? names[reply.status] : "";
}
