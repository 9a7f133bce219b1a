/* GET /verify: are all copies the same? Looks several times, because clients may write meanwhile, at those partitions
 * only whose owners have not been seen to have the same yet. */
#ifndef SERVER_ADMIN_VERIFY_H
#define SERVER_ADMIN_VERIFY_H

#include "message/partition_set.h"
#include "node/survey.h"

#include <event2/event_struct.h>
#include <event2/http.h>
#include <stdbool.h>

struct admin_ask;
struct admin_asks;

enum {
    VERIFY_LOOKS_MAX = 40,
    VERIFY_PAUSE_MS = 25 /* between two looks */
};

/* Of an admin_ask. */
struct admin_verify {
    struct survey survey;
    struct partition_set differing;
    struct survey_member *first; /* what the first look found: it is the one that was at all partitions */
    uint64_t epoch;              /* of the first look: members are the same in all */
    unsigned looks;
    bool is_under_way;
    struct event again;
};

/* Answers the request, some looks later. */
void admin_verify_answer(struct admin_asks *asks, struct evhttp_request *request);
/* Frees what it holds; it is not under way. Zero-initialised, it holds nothing. */
void admin_verify_close(struct admin_verify *verify);

#endif
