/* A client, a session and a node in one process: `says` sends bytes and checks the whole reply. */
#ifndef T_FRONTEND_TALK_H
#define T_FRONTEND_TALK_H

#include "frontend/fake_store.h"
#include "frontend/input.h"
#include "frontend/limits.h"
#include "frontend/session.h"
#include "protocol/reply.h"
#include "ring/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TALK_OUT_BYTES_MAX = 1024 * 1024 };

struct talk {
    struct session_settings settings;
    struct session_host host;
    struct store_loop *store;
    struct node_shared *shared;
    struct node node;
    struct frontend frontend;
    struct session session;
    struct instant now;
    enum session_verdict verdict; /* of the last call */
    struct input heard;           /* replies not yet looked at */
    unsigned ready, verbosity, resets, shutdowns;
    bool graceful, memory_fixed;
    uint64_t megabytes;
};

static inline struct bytes text(const char *s)
{
    return bytes_of_text(s);
}

static bool talk_stats(void *host, struct session *session, struct bytes group,
                       void (*emit)(void *context, struct bytes name, struct bytes value), void *context)
{
    (void)host, (void)session;
    if (group.len != 0 && !bytes_equal(group, text("settings")))
        return false;
    emit(context, text("pid"), text("7"));
    emit(context, text("bare"), text(""));
    return true;
}

static void talk_stats_reset(void *host)
{
    ((struct talk *)host)->resets++;
}

static bool talk_verify(void *host, struct bytes user, struct bytes password)
{
    (void)host;
    return bytes_equal(user, text("ann")) && bytes_equal(password, text("secret"));
}

static void talk_shutdown(void *host, bool graceful)
{
    ((struct talk *)host)->shutdowns++;
    ((struct talk *)host)->graceful = graceful;
}

static void talk_set_verbosity(void *host, uint32_t level)
{
    ((struct talk *)host)->verbosity = level;
}

static bool talk_set_memory_limit(void *host, uint64_t megabytes)
{
    struct talk *talk = host;
    talk->megabytes = megabytes;
    return !talk->memory_fixed;
}

static void talk_ready(void *host, struct session *session)
{
    (void)session;
    ((struct talk *)host)->ready++;
}

static bool talk_cluster(void *host, struct session *session, uint64_t *version, struct bytes *members)
{
    (void)session;
    (void)host;
    *version = 12;
    *members = text("a.example|10.0.0.1|11211 b.example|10.0.0.2|11211");
    return true;
}

static struct bucket talk_bucket(const char *name, const char *prefix, bool siblings, bool multi_value)
{
    struct bucket bucket = bucket_default(name);
    memcpy(bucket.prefix, prefix, strlen(prefix));
    bucket.prefix_len = (uint16_t)strlen(prefix);
    bucket.multi_value = multi_value;
    if (siblings)
        bucket.stale_cas = STALE_CAS_SIBLING;
    return bucket;
}

static void talk_start_node(struct talk *talk)
{
    struct node_settings settings = {.name = "one", .incarnation = 77, .partition_count = RING_PARTITIONS_DEFAULT};
    settings.value_max = FRONTEND_ITEM_MAX_DEFAULT;
    settings.object_max = 8 * FRONTEND_ITEM_MAX_DEFAULT;
    settings.tokens_max = 1024;
    settings.grace_ms = 1000;
    bucket_table_init(&settings.buckets);
    struct bucket many = talk_bucket("many", "many:", true, true),
                  single = talk_bucket("single", "single:", true, false);
    assert_null(bucket_table_put(&settings.buckets, &many));
    assert_null(bucket_table_put(&settings.buckets, &single));
    talk->store = fake_store_new();
    talk->shared = node_shared_new(&settings, NULL, &lock_none, 0);
    assert_non_null(talk->shared);
    bucket_table_close(&settings.buckets);
    node_init(&talk->node, talk->shared, talk->store, NULL);
}

/* A new server with memcached's defaults; change talk->settings before talk_begin. */
static void talk_prepare(struct talk *talk)
{
    *talk = (struct talk){.now = {.mono_ns = 1000000000, .wall_ms = 1700000000000}};
    talk->settings = (struct session_settings){.version = "1.2.3",
                                               .value_max = FRONTEND_ITEM_MAX_DEFAULT,
                                               .out_bytes_max = TALK_OUT_BYTES_MAX,
                                               .requests_per_event = 1000000,
                                               .reads_inflight_max = FRONTEND_READS_INFLIGHT_MAX};
    talk->host = (struct session_host){.stats = talk_stats,
                                       .stats_reset = talk_stats_reset,
                                       .verify = talk_verify,
                                       .shutdown = talk_shutdown,
                                       .set_verbosity = talk_set_verbosity,
                                       .set_memory_limit = talk_set_memory_limit,
                                       .ready = talk_ready,
                                       .cluster = talk_cluster,
                                       .host = talk};
}

static void talk_begin(struct talk *talk)
{
    talk_start_node(talk);
    frontend_init(&talk->frontend, &talk->node, &talk->settings, &talk->host);
    session_init(&talk->session, &talk->frontend, talk);
}

static inline void talk_start(struct talk *talk)
{
    talk_prepare(talk);
    talk_begin(talk);
}

/* Everything is given back, whatever was under way: the pools check that nothing is borrowed any more. */
static void talk_end(struct talk *talk)
{
    assert_true(session_close(&talk->session));
    assert_int_equal(talk->frontend.requests.borrowed, 0);
    assert_int_equal(talk->frontend.tasks.borrowed, 0);
    assert_int_equal(talk->frontend.works.borrowed, 0);
    assert_int_equal(talk->frontend.chunks.borrowed, 0);
    frontend_close(&talk->frontend);
    node_close(&talk->node);
    node_shared_free(talk->shared);
    fake_store_free(talk->store);
    input_close(&talk->heard);
}

/* The client reads what is there. */
static void talk_drain(struct talk *talk)
{
    struct bytes slice;
    while (chain_slices(&talk->session.out, &slice, 1) == 1) {
        input_append(&talk->heard, slice);
        chain_consume(&talk->session.out, slice.len);
    }
}

static struct bytes talk_heard(const struct talk *talk)
{
    return bytes_of(talk->heard.memory == NULL ? (const uint8_t *)"" : talk->heard.memory + talk->heard.start,
                    talk->heard.len);
}

/* As the server does: the input is in a buffer that ends with the call; large values are read to where they belong. */
static void talk_feed(struct talk *talk, struct bytes in)
{
    while (in.len > 0) {
        size_t room;
        uint8_t *at = session_value_room(&talk->session, &room);
        if (at != NULL) {
            size_t len = room < in.len ? room : in.len;
            memcpy(at, in.at, len);
            talk->verdict = session_filled(&talk->session, talk->now, len);
            in = bytes_after(in, len);
            continue;
        }
        size_t len = in.len < 16384 ? in.len : 16384;
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, in.at, len);
        talk->verdict = session_feed(&talk->session, talk->now, bytes_of(copy, len));
        free(copy);
        in = bytes_after(in, len);
        while (talk->verdict == SESSION_YIELD)
            talk->verdict = session_continue(&talk->session, talk->now);
        talk_drain(talk);
    }
    talk_drain(talk);
}

static void talk_hears(struct talk *talk, struct bytes expected)
{
    struct bytes heard = talk_heard(talk);
    if (!bytes_equal(heard, expected)) {
        print_error("expected %zu bytes:\n%.*s\nheard %zu bytes:\n%.*s\n", expected.len,
                    expected.len > 2000 ? 2000 : (int)expected.len, expected.at, heard.len,
                    heard.len > 2000 ? 2000 : (int)heard.len, heard.at);
        fail();
    }
    input_close(&talk->heard);
}

/* Sends `line` and expects exactly `reply`. */
static inline void says(struct talk *talk, const char *line, const char *reply)
{
    talk_feed(talk, text(line));
    talk_hears(talk, text(reply));
}

static inline void passes_s(struct talk *talk, uint64_t seconds)
{
    talk->now.mono_ns += seconds * 1000000000;
    talk->now.wall_ms += seconds * 1000;
}

/* The number behind `before` in the reply to `line`. */
static inline uint64_t number_after(struct talk *talk, const char *line, const char *before)
{
    talk_feed(talk, text(line));
    input_append(&talk->heard, bytes_of("", 1));
    const char *at = strstr((const char *)talk_heard(talk).at, before);
    assert_non_null(at);
    uint64_t number = strtoull(at + strlen(before), NULL, 10);
    input_close(&talk->heard);
    return number;
}

#define TALK_TEST(name)                                                                                                \
    static void name##_talk(struct talk *talk);                                                                        \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        struct talk *talk = calloc(1, sizeof *talk);                                                                   \
        (void)state;                                                                                                   \
        talk_start(talk);                                                                                              \
        name##_talk(talk);                                                                                             \
        talk_end(talk);                                                                                                \
        free(talk);                                                                                                    \
    }                                                                                                                  \
    static void name##_talk(struct talk *talk)

/* The same with settings of its own. */
#define TALK_TEST_WITH(name, setting)                                                                                  \
    static void name##_talk(struct talk *talk);                                                                        \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        struct talk *talk = calloc(1, sizeof *talk);                                                                   \
        (void)state;                                                                                                   \
        talk_prepare(talk);                                                                                            \
        talk->setting;                                                                                                 \
        talk_begin(talk);                                                                                              \
        name##_talk(talk);                                                                                             \
        talk_end(talk);                                                                                                \
        free(talk);                                                                                                    \
    }                                                                                                                  \
    static void name##_talk(struct talk *talk)

#endif
