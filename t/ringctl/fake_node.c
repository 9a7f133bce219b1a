/* The admin port over a ring that does not exist, so that ringctl and HTTP can be tested apart from nodes:
 *   fake_node ADDRESS [TOKEN_FILE]
 * writes "admin PORT" when it listens, and ends with its standard input. What it does depends on what it is asked:
 *   key "agree", "differ", "gone", "moved"   owners that have the same, do not, do not answer; another epoch
 *   key "later", "never"                     the answer comes a moment later, or not before the end
 *   join port 1, 2, 3                        taken in, refused, no answer before the end
 *   bucket "stale"                           cannot be changed
 *   verify                                   the first time one partition differs, then all are the same
 *   repair of partition 3                    refused
 *   the environment's FAKE_FOUNDING          it waits for its ring
 *   the environment's FAKE_SILENT            member c does not answer a survey, b is quarantined */
#include "admin/fake_ring.h"
#include "base/check.h"
#include "server/admin_http.h"
#include "server/admin_verify.h"

#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LATER_MS = 50 };

struct fake {
    struct event_base *base;
    struct ring_view view;
    struct bucket_table buckets;
    struct inspection *waiting; /* for the timer, or for the end */
    struct event later, input;
    bool founding, silent;
    struct admin_repair repair;
    unsigned surveys;
};

static const struct ring_view *view(void *host)
{
    struct fake *fake = host;
    return fake->founding ? NULL : &fake->view;
}

static const struct bucket_table *buckets(void *host)
{
    return &((struct fake *)host)->buckets;
}

static unsigned rows(void *host, struct membership_row *out, unsigned max)
{
    struct fake *fake = host;
    CHECK(max >= FAKE_MEMBERS);
    fake_rows(out);
    if (fake->silent) {
        out[1].is_quarantined = true;
        out[1].clock_ahead_ms = 12500;
    }
    for (unsigned i = 0; fake->founding && i < FAKE_MEMBERS; i++)
        out[i].state = MEMBER_JOINING;
    return FAKE_MEMBERS;
}

static const char *waits_for(void *host)
{
    return ((struct fake *)host)->founding ? "the seeds 10.0.0.2:12211 and 10.0.0.3:12211 have not answered" : "";
}

static bool engine(void *host, struct engine_usage *usage)
{
    (void)host;
    *usage = (struct engine_usage){.bytes_used = 900000, .bytes_max = 1000000};
    return true;
}

static struct replica_present present(void *host)
{
    (void)host;
    return (struct replica_present){.now_ms = FAKE_NOW_MS};
}

static bool key_is(const struct inspection *inspection, const char *key)
{
    return bytes_equal(bytes_of(inspection->key, inspection->key_len), bytes_of_text(key));
}

static void finish(struct inspection *inspection)
{
    inspection->epoch = key_is(inspection, "moved") ? 8 : 7;
    inspection->partition = 2;
    inspection->replica_count = 2;
    inspection->replicas[0] = (struct inspection_replica){.member = 0,
                                                          .is_owner = true,
                                                          .outcome = INSPECT_ANSWERED,
                                                          .record = fake_record(10, 1, "v", FAKE_NOW_MS + 5000)};
    inspection->replicas[1] = inspection->replicas[0];
    inspection->replicas[1].member = 2;
    if (key_is(inspection, "gone")) {
        inspection->replicas[1].outcome = INSPECT_UNREACHABLE;
        inspection->replicas[1].record = NULL;
    } else {
        inspection->replicas[1].record =
            key_is(inspection, "differ") ? fake_record(30, 2, NULL, 0) : fake_record(10, 1, "v", FAKE_NOW_MS + 5000);
    }
    inspection->done(inspection);
}

static void on_later(evutil_socket_t fd, short what, void *context)
{
    struct fake *fake = context;
    struct inspection *inspection = fake->waiting;
    (void)fd;
    (void)what;
    fake->waiting = NULL;
    if (inspection != NULL)
        finish(inspection);
}

static void inspect(void *host, struct inspection *inspection)
{
    struct fake *fake = host;
    struct timeval time = {.tv_usec = LATER_MS * 1000};
    if (key_is(inspection, "later")) {
        fake->waiting = inspection;
        evtimer_add(&fake->later, &time);
    } else if (!key_is(inspection, "never")) {
        finish(inspection);
    }
}

static void inspect_finish(void *host, struct inspection *inspection)
{
    (void)host;
    for (unsigned i = 0; i < inspection->replica_count; i++)
        blob_release(inspection->replicas[i].record);
}

/* Partition 2 is owned by a and c; c has 7 hints. */
static void survey(void *host, struct survey *survey)
{
    struct fake *fake = host;
    bool differs = ++fake->surveys <= VERIFY_LOOKS_MAX;
    survey->epoch = 7;
    survey->member_count = FAKE_MEMBERS;
    survey->owner_count = 2;
    survey->members = calloc(FAKE_MEMBERS, sizeof(*survey->members));
    survey->roots = calloc((size_t)2 * FAKE_PARTITIONS, sizeof(*survey->roots));
    survey->known = calloc((size_t)2 * FAKE_PARTITIONS, sizeof(*survey->known));
    CHECK(survey->members != NULL && survey->roots != NULL && survey->known != NULL);
    for (unsigned i = 0; i < FAKE_MEMBERS; i++)
        survey->members[i] = (struct survey_member){.node = FAKE_MEMBER_LIST[i].id};
    survey->members[2].hints = differs ? 7 : 0;
    survey->members[1].doubtful = 3;
    if (fake->silent)
        survey->members[2].outcome = SURVEY_UNREACHABLE;
    for (unsigned i = 0; i < 2 * FAKE_PARTITIONS; i++) {
        survey->known[i] = !fake->silent || i != 5;
        survey->roots[i] = differs && i == 5 ? 0xbad : 0x900d;
    }
    survey->done(survey);
}

static const struct admin_repair *repair(void *host)
{
    return &((struct fake *)host)->repair;
}

static const char *start_repair(void *host, int partition)
{
    (void)host;
    return partition == 3 ? "this node has no copy of that partition" : NULL;
}

static void fill_repair(struct admin_repair *repair)
{
    static struct hints_row hints[] = {{.owner = 20, .count = 12, .since_ms = FAKE_NOW_MS - 90000},
                                       {.owner = 99, .count = 1, .since_ms = FAKE_NOW_MS - 8000000}};
    static struct antientropy_peer_row peers[] = {{.node = 20,
                                                   .partitions = 3,
                                                   .identical = 3,
                                                   .identical_since_ms = FAKE_NOW_MS - 600000,
                                                   .compared_ms = FAKE_NOW_MS - 30000,
                                                   .keys_exchanged = 17,
                                                   .bytes_sent = 4242,
                                                   .exchanges = 9,
                                                   .messages = 31},
                                                  {.node = 30, .partitions = 1, .is_under_way = true, .left = 1}};
    *repair = (struct admin_repair){.now_ms = FAKE_NOW_MS,
                                    .has_hints = true,
                                    .owners = hints,
                                    .owner_count = 2,
                                    .compares = true,
                                    .peers = peers,
                                    .peer_count = 2,
                                    .hints = {.stored = 20, .delivered = 7, .refused = 2, .kept = 13, .bytes = 900},
                                    .horizon = {.lowest = hybrid_of_ms(FAKE_NOW_MS - 5000),
                                                .highest = hybrid_of_ms(FAKE_NOW_MS - 2000),
                                                .doubtful = 1,
                                                .behind = 2,
                                                .held_back_by = "hints of node b"},
                                    .checker = {.passes = 2, .partitions = 9, .last_mismatch = -1}};
}

static void join(void *host, const char *address, membership_done *done, void *owner)
{
    (void)host;
    if (strcmp(address, "10.0.0.4:1") == 0)
        done(owner, true, "10.0.0.4:1 is a member from epoch 8 on");
    else if (strcmp(address, "10.0.0.4:2") == 0)
        done(owner, false, "10.0.0.4:2 holds data already");
}

static const char *set_buckets(void *host, const struct bucket_table *fresh)
{
    struct fake *fake = host;
    for (uint32_t i = 0; i < fresh->count; i++) {
        if (strcmp(fresh->buckets[i].name, "stale") == 0)
            return "too many changes of the settings";
    }
    bucket_table_close(&fake->buckets);
    bucket_table_copy(&fake->buckets, fresh);
    return NULL;
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
    struct fake *fake = context;
    char text[64];
    (void)what;
    if (read(fd, text, sizeof(text)) <= 0)
        event_base_loopbreak(fake->base);
}

int main(int argc, char **argv)
{
    struct logger log;
    struct fake fake = {.base = event_base_new(),
                        .view = fake_view(),
                        .founding = getenv("FAKE_FOUNDING") != NULL,
                        .silent = getenv("FAKE_SILENT") != NULL};
    struct admin_http *http = NULL;
    CHECK(argc >= 2 && fake.base != NULL);
    logger_init(&log, STDERR_FILENO, 1);
    bucket_table_init(&fake.buckets);
    fill_repair(&fake.repair);
    evtimer_assign(&fake.later, fake.base, on_later, &fake);
    event_assign(&fake.input, fake.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &fake);
    event_add(&fake.input, NULL);
    struct admin_http_options options = {.address = argv[1],
                                         .token_file = argc > 2 ? argv[2] : NULL,
                                         .base = fake.base,
                                         .ports = {.view = view,
                                                   .buckets = buckets,
                                                   .rows = rows,
                                                   .waits_for = waits_for,
                                                   .engine = engine,
                                                   .present = present,
                                                   .inspect = inspect,
                                                   .inspect_finish = inspect_finish,
                                                   .survey = survey,
                                                   .repair = repair,
                                                   .start_repair = start_repair,
                                                   .join = join,
                                                   .set_buckets = set_buckets,
                                                   .host = &fake},
                                         .log = &log};
    bool good = admin_http_open(&http, &options);
    if (good) {
        printf("admin %d\n", admin_http_port(http));
        fflush(stdout);
        event_base_dispatch(fake.base);
    }
    evtimer_del(&fake.later);
    event_del(&fake.input);
    admin_http_stop(http);
    admin_http_free(http);
    bucket_table_close(&fake.buckets);
    event_base_free(fake.base);
    logger_close(&log);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
