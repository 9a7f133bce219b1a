#include "base/hash.h"
#include "base/wire.h"
#include "version/record.h"
#include "version/record_layout.h"
#include "version/sorted.h"

const char *record_status_text(enum record_status status)
{
    switch (status) {
    case RECORD_OK:
        return "record is good";
    case RECORD_CORRUPT:
        return "record is corrupt";
    case RECORD_TOO_NEW:
        return "record has a later format than this program knows";
    }
    return "unknown record status";
}

static enum record_status format_status(struct bytes record)
{
    if (record.len <= RECORD_HEAD_BYTES)
        return RECORD_CORRUPT;
    uint8_t format = record.at[RECORD_CHECKSUM_BYTES];
    if (format == 0)
        return RECORD_CORRUPT;
    return format > RECORD_FORMAT ? RECORD_TOO_NEW : RECORD_OK;
}

enum record_status record_verify(struct bytes record)
{
    /* The checksum comes first: a damaged format byte must not pass for a later format. */
    if (record.len <= RECORD_HEAD_BYTES || record.len > UINT32_MAX)
        return RECORD_CORRUPT;
    struct wire_reader reader = wire_reader_of(record);
    uint64_t checksum = wire_read_u64(&reader);
    if (checksum != hash_fingerprint(bytes_after(record, RECORD_CHECKSUM_BYTES), RECORD_CHECKSUM_SEED))
        return RECORD_CORRUPT;
    return format_status(record);
}

/* The readers below turn reader->ok false for what no encoder writes. */
static void require(struct wire_reader *reader, bool claim)
{
    if (!claim)
        reader->ok = false;
}

static void read_pair(struct wire_reader *reader, struct actor *actor, uint64_t *counter)
{
    actor->node = wire_read_u32(reader);
    actor->incarnation = wire_read_u64(reader);
    actor->birth = wire_read_varint(reader);
    *counter = wire_read_varint(reader);
    require(reader, actor->incarnation != 0 && *counter != 0);
}

static void read_dot(struct wire_reader *reader, struct actor *actor, uint64_t *counter)
{
    read_pair(reader, actor, counter);
    require(reader, actor->birth != 0);
}

static hybrid_time read_time(struct wire_reader *reader)
{
    hybrid_time time = wire_read_u64(reader);
    require(reader, time <= HYBRID_TIME_MAX);
    return time;
}

static unsigned read_traits(struct wire_reader *reader, uint8_t format)
{
    unsigned traits = wire_read_u8(reader);
    if ((traits & TRAIT_MORE) == 0)
        return traits;
    traits &= ~(unsigned)TRAIT_MORE;
    if (format == RECORD_FORMAT_ONE_BYTE)
        return traits | TRAIT_OWN_PAIR;
    unsigned more = (unsigned)wire_read_u8(reader) << 8;
    require(reader, more != 0 && (more & ~(unsigned)TRAITS_IN_SECOND_BYTE) == 0);
    return traits | more;
}

/* A field that is present differs from what its absence means: only so is there one encoding of an object. */
static void read_times(struct wire_reader *reader, unsigned traits, struct version *version)
{
    version->kind = (traits & TRAIT_TOMBSTONE) != 0 ? VERSION_TOMBSTONE : VERSION_VALUE;
    version->marks = (uint8_t)(traits >> TRAIT_MARKS_SHIFT & (VERSION_STALE | VERSION_WIN_SENT));
    version->time = read_time(reader);
    version->expiry_stamp = version->time;
    version->flags = 0;
    version->expiry_ms = 0;
    if ((traits & TRAIT_FLAGS) != 0) {
        uint64_t flags = wire_read_varint(reader);
        require(reader, flags != 0 && flags <= UINT32_MAX);
        version->flags = (uint32_t)flags;
    }
    if ((traits & TRAIT_EXPIRY) != 0) {
        version->expiry_ms = wire_read_varint(reader);
        require(reader, version->expiry_ms != 0);
    }
    if ((traits & TRAIT_STAMP) != 0) {
        version->expiry_stamp = read_time(reader);
        require(reader, version->expiry_stamp != version->time);
    }
    version->request = 0;
    version->attempt = 0;
    if ((traits & TRAIT_REQUEST) != 0) {
        version->request = wire_read_u64(reader);
        uint64_t attempt = wire_read_varint(reader);
        require(reader, version->request != 0 && attempt != 0 && attempt <= UINT32_MAX);
        version->attempt = (uint32_t)attempt;
    }
}

static void read_value(struct wire_reader *reader, struct version *version)
{
    uint64_t len = version->kind == VERSION_VALUE ? wire_read_varint(reader) : 0;
    version->value = wire_read_bytes(reader, len);
}

/* The opening of a record: everything that record_newest tells. */
struct opening {
    uint8_t format;
    unsigned traits;
    uint32_t live_count;
    uint32_t listed_pairs; /* beside the newest version's own */
};

static void read_counts(struct wire_reader *reader, struct opening *opening)
{
    uint64_t live = wire_read_varint(reader);
    uint64_t listed = wire_read_varint(reader);
    require(reader, live <= RECORD_VERSIONS_MAX && listed + (live > 0) <= RECORD_PAIRS_MAX);
    /* Before memory is taken for them. */
    require(reader, wire_left(reader) / RECORD_PAIR_MIN >= listed);
    require(reader, live == 0 || wire_left(reader) / RECORD_VERSION_MIN >= live - 1);
    opening->live_count = (uint32_t)live;
    opening->listed_pairs = (uint32_t)listed;
}

static struct wire_reader read_opening(struct bytes record, struct opening *opening, struct version *newest)
{
    struct wire_reader reader = wire_reader_of(bytes_after(record, RECORD_CHECKSUM_BYTES));
    opening->format = wire_read_u8(&reader);
    opening->traits = read_traits(&reader, opening->format);
    opening->live_count = 1;
    opening->listed_pairs = 0;
    bool is_long = (opening->traits & TRAIT_LONG) != 0;
    if (is_long) {
        read_counts(&reader, opening);
        if (opening->live_count == 0)
            require(&reader, opening->traits == TRAIT_LONG);
        if (opening->live_count == 0 || !reader.ok)
            return reader;
    }
    read_dot(&reader, &newest->dot.actor, &newest->dot.counter);
    read_times(&reader, opening->traits, newest);
    if (is_long) {
        read_value(&reader, newest);
        return reader;
    }
    newest->value = wire_read_bytes(&reader, wire_left(&reader));
    require(&reader, (opening->traits & TRAIT_OWN_PAIR) == 0);
    require(&reader, newest->kind == VERSION_VALUE || newest->value.len == 0);
    return reader;
}

enum record_status record_newest(struct bytes record, struct version *newest, uint32_t *live_count)
{
    enum record_status status = format_status(record);
    if (status != RECORD_OK)
        return status;
    struct opening opening;
    struct wire_reader reader = read_opening(record, &opening, newest);
    *live_count = opening.live_count;
    return reader.ok ? RECORD_OK : RECORD_CORRUPT;
}

static struct pair read_own_pair(struct wire_reader *reader, unsigned traits, const struct version *newest)
{
    struct pair own = {.actor = newest->dot.actor, .counter = newest->dot.counter, .time = newest->time};
    if ((traits & TRAIT_OWN_PAIR) == 0)
        return own;
    own.counter = wire_read_varint(reader);
    own.time = read_time(reader);
    require(reader, own.counter >= newest->dot.counter);
    require(reader, own.counter != newest->dot.counter || own.time != newest->time);
    return own;
}

/* The listed pairs, and the newest version's own one at its place among them. */
static void read_context(struct wire_reader *reader, const struct opening *opening, struct context *context,
                         const struct pair *own)
{
    for (uint32_t i = 0; i < opening->listed_pairs && reader->ok; i++) {
        struct pair pair;
        read_pair(reader, &pair.actor, &pair.counter);
        bool may_be_request = opening->format != RECORD_FORMAT_ONE_BYTE && pair.actor.node == 0;
        require(reader, pair.actor.birth != 0 || may_be_request);
        pair.time = read_time(reader);
        if (own != NULL && actor_compare(&own->actor, &pair.actor) < 0) {
            context->pairs[context->count++] = *own;
            own = NULL;
        }
        context->pairs[context->count++] = pair;
    }
    if (own != NULL)
        context->pairs[context->count++] = *own;
    for (uint32_t i = 1; i < context->count; i++)
        require(reader, actor_compare(&context->pairs[i - 1].actor, &context->pairs[i].actor) < 0);
}

static void read_further(struct wire_reader *reader, uint8_t format, const struct context *context,
                         struct version *version)
{
    unsigned traits = read_traits(reader, format);
    uint64_t place = wire_read_varint(reader);
    version->dot.counter = wire_read_varint(reader);
    require(reader, (traits & ~(unsigned)TRAITS_OF_VERSION) == 0 && place < context->count);
    if (!reader->ok)
        return;
    const struct pair *pair = &context->pairs[place];
    version->dot.actor = pair->actor;
    require(reader,
            version->dot.actor.birth != 0 && version->dot.counter != 0 && version->dot.counter <= pair->counter);
    read_times(reader, traits, version);
    read_value(reader, version);
}

/* Newest first, and no dot twice, not even with two times. */
static bool is_canonical(const struct version *live, uint32_t count, struct arena *arena)
{
    if (count < 2)
        return true;
    for (uint32_t i = 1; i < count; i++) {
        if (version_compare(&live[i - 1], &live[i]) <= 0)
            return false;
    }
    const struct version **by_dot = versions_by_dot(live, count, arena);
    for (uint32_t i = 1; i < count; i++) {
        if (dot_equal(&by_dot[i - 1]->dot, &by_dot[i]->dot))
            return false;
    }
    return true;
}

static void read_object(struct wire_reader *reader, const struct opening *opening, const struct version *newest,
                        struct object *out, struct arena *arena)
{
    bool is_long = (opening->traits & TRAIT_LONG) != 0;
    bool has_newest = opening->live_count > 0;
    size_t pairs_max = (size_t)opening->listed_pairs + has_newest;
    out->context = (struct context){.pairs = arena_alloc(arena, pairs_max * sizeof *out->context.pairs)};
    out->live = arena_alloc(arena, opening->live_count * sizeof *out->live);
    out->live_count = opening->live_count;

    struct pair own = {0};
    if (has_newest) {
        own = read_own_pair(reader, opening->traits, newest);
        out->live[0] = *newest;
    }
    if (is_long && opening->live_count == 1 && opening->listed_pairs == 0)
        require(reader, (opening->traits & TRAIT_OWN_PAIR) != 0); /* else the short form is the only right one */
    read_context(reader, opening, &out->context, has_newest ? &own : NULL);
    for (uint32_t i = 1; i < out->live_count && reader->ok; i++)
        read_further(reader, opening->format, &out->context, &out->live[i]);
    require(reader, wire_left(reader) == 0);
}

enum record_status record_decode(struct bytes record, struct object *out, struct arena *arena)
{
    *out = (struct object){0};
    enum record_status status = format_status(record);
    if (status != RECORD_OK)
        return status;
    struct opening opening;
    struct version newest;
    struct wire_reader reader = read_opening(record, &opening, &newest);
    if (reader.ok)
        read_object(&reader, &opening, &newest, out, arena);
    if (reader.ok && is_canonical(out->live, out->live_count, arena))
        return RECORD_OK;
    *out = (struct object){0};
    return RECORD_CORRUPT;
}
