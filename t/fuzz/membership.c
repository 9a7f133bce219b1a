/* Arbitrary messages of the membership plane, and arbitrary saved states with a right checksum: whatever comes, a
 * membership neither crashes nor takes a table that is not of its ring.
 *
 *   1 byte   what the node is: founding with seeds, alone, a member of three; or the rest is a saved state
 *   then     type 1, sender 1, length 2, head */
#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "membership/inside.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FOUNDING, ALONE, MEMBER, STATE, KINDS, STEPS_MAX = 64 };

struct host {
    uint64_t cluster, epoch;
    bool holds;
};

static void on_send(void *context, const char *address, uint8_t type, struct bytes head)
{
    (void)context;
    CHECK(address[0] != '\0' && type >= MESSAGE_OF_MEMBERSHIP && head.len <= FRAME_HEAD_MAX);
}

static bool on_save(void *context, struct bytes state)
{
    (void)context;
    return state.len > 0;
}

static void on_publish(void *context, struct ring_view *view)
{
    struct host *host = context;
    CHECK(view->settings.cluster == host->cluster || host->epoch <= 1);
    CHECK(view->epoch >= host->epoch);
    host->cluster = view->settings.cluster;
    host->epoch = view->epoch;
    ring_view_free(view);
}

static void on_publish_buckets(void *context, const struct bucket_table *buckets)
{
    (void)context;
    CHECK(buckets->count > 0);
}

static void on_hold(void *context, bool held)
{
    struct host *host = context;
    CHECK(host->holds != held);
    host->holds = held;
}

static bool on_is_empty(void *context)
{
    (void)context;
    return true;
}

static void on_describe(void *context, hybrid_time *clock, uint64_t *records, uint64_t *bytes,
                        struct flush_registers *flush)
{
    (void)context;
    *clock = 1;
    *records = *bytes = 0;
    *flush = (struct flush_registers){0};
}

static void on_learn(void *context, hybrid_time clock, const struct flush_registers *flush)
{
    (void)context;
    (void)clock;
    CHECK(flush != NULL);
}

static void on_report(void *context, enum membership_severity severity, const char *text)
{
    (void)context;
    CHECK(severity <= MEMBERSHIP_ERROR && text[0] != '\0');
}

static struct ring_member member_of(unsigned n)
{
    struct ring_member member = {.weight = RING_WEIGHT_ONE};
    snprintf(member.name, sizeof member.name, "n%u", n);
    snprintf(member.peer, sizeof member.peer, "n%u:1", n);
    snprintf(member.client, sizeof member.client, "n%u:2", n);
    member.id = ring_node_id(member.name);
    return member;
}

static int by_id(const void *a, const void *b)
{
    const struct founder *left = a, *right = b;
    return left->member.id < right->member.id ? -1 : left->member.id > right->member.id;
}

/* The state of n0 as a member of n0, n1, n2. */
static void write_member_state(struct draft *out, const struct membership_settings *settings)
{
    struct value *value = calloc(1, sizeof *value);
    CHECK_MEMORY(value);
    value->kind = VALUE_FOUND;
    value->settings = settings->ring;
    value->settings.cluster = 7;
    value->founder_count = 3;
    for (unsigned i = 0; i < 3; i++)
        value->founders[i] = (struct founder){.member = member_of(i), .directory = 100 + i};
    qsort(value->founders, 3, sizeof value->founders[0], by_id);
    struct state state = {.name = "n0", .directory = 100, .table = table_of_founders(value)};
    CHECK(state.table != NULL);
    shared_set(&state.shared, 1, 0, &settings->buckets);
    acceptor_move(&state.acceptor, 2);
    struct entries entries = {0};
    state_write(out, &state, &entries);
    state_close(&state);
    free(value);
}

/* The fuzzer need not guess the checksum. */
static void write_given_state(struct draft *out, struct bytes in)
{
    draft_bytes(out, in);
    draft_u64(out, hash_fingerprint(draft_written(out), 1));
}

static void feed(struct membership *membership, struct bytes in)
{
    struct wire_reader reader = wire_reader_of(in);
    struct instant now = {.mono_ns = 1, .wall_ms = 1};
    membership_tick(membership, now);
    for (unsigned i = 0; i < STEPS_MAX && reader.ok && wire_left(&reader) > 0; i++) {
        struct frame frame = {.type = wire_read_u8(&reader)};
        char from[4] = {'n', (char)('0' + wire_read_u8(&reader) % 5), '\0'};
        frame.head = wire_read_bytes(&reader, wire_read_u16(&reader));
        if (!reader.ok)
            break;
        now.mono_ns += (uint64_t)frame.type * MS * 8;
        membership_receive(membership, now, from, &frame);
        if (membership_wake_at(membership) <= now.mono_ns)
            membership_tick(membership, now);
        struct membership_row rows[8];
        unsigned count = membership_rows(membership, now, rows, 8);
        CHECK(count > 0 && rows[0].member != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    unsigned kind = data[0] % KINDS;
    struct host host = {0};
    struct membership_ports ports = {.send = on_send,
                                     .save = on_save,
                                     .publish = on_publish,
                                     .publish_buckets = on_publish_buckets,
                                     .hold_writes = on_hold,
                                     .is_empty = on_is_empty,
                                     .describe_self = on_describe,
                                     .learn = on_learn,
                                     .report = on_report,
                                     .host = &host};
    struct membership_settings settings = {
        .self = member_of(0),
        .seeds = {"n0:1", "n1:1", "n2:1"},
        .seed_count = kind == ALONE ? 0 : 3,
        .ring = {.partition_count = 8, .strategy = RING_CLAIMED_PARTITIONS, .copies = 3, .tokens = RING_TOKENS_DEFAULT},
        .incarnation = 5,
        .version = "1",
        .seed = 9};
    bucket_table_init(&settings.buckets);
    struct draft saved = {0};
    if (kind == MEMBER)
        write_member_state(&saved, &settings);
    else if (kind == STATE)
        write_given_state(&saved, in);
    char fault[192];
    struct membership *membership = membership_new(&settings, &ports, draft_written(&saved), fault);
    CHECK(membership != NULL || kind == STATE);
    if (membership != NULL)
        feed(membership, kind == STATE ? bytes_of(NULL, 0) : in);
    membership_free(membership);
    draft_close(&saved);
    bucket_table_close(&settings.buckets);
    return 0;
}
