#include "storage/replay.h"

#include "base/bounds.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "storage/inside.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>

/* Generations given out before a loss of power may have left records and no header that tells of them. No more were
 * lost than there are segments, and begins that failed. */
enum { GENERATIONS_SKIPPED = 1 << 20 };

/* A segment that is being replayed, with its next record. Within a segment sequence numbers grow, so merging all
 * segments by their next number replays the store's updates in the order in which they were made. */
struct stream {
    struct segment_reader reader;
    struct log_record next;
    bool has_damaged; /* the record before the next one, of which only this is known */
    uint16_t damaged_partition;
    uint8_t damaged_key_len;
    uint8_t damaged_key[LOG_KEY_MAX];
};

struct replay {
    struct store *store;
    struct store_recovery *found;
    struct segment **segments; /* all that were found, then those to be replayed */
    size_t segment_count, segment_capacity;
    struct stream **heap; /* the lowest sequence on top */
    size_t heap_count;
    uint64_t floor, sequence_last, generation_last;
    bool has_mark; /* there is a clean-stop mark, or one that the directory is in use */
    uint64_t mark;
    hybrid_time clock; /* of the last checkpoint */
    struct arena arena;
    bool failed, built_tree;
};

static void fail(struct replay *replay, const char *text)
{
    store_report(replay->store, text);
    replay->failed = true;
}

/* ---- What the last checkpoint said ---- */

/* false: there is no such value, or replay has failed. */
static bool read_number(struct replay *replay, const char *name, size_t len, uint64_t *first, uint64_t *second)
{
    struct blob *value;
    enum store_status status = store_find_meta(replay->store, name, &value);
    if (status != STORE_OK && status != STORE_ABSENT)
        fail(replay, "The data directory's meta table (log floor, clock, stop mark) could not be read; nothing was "
                     "changed; check the disk of the data directory.");
    if (status != STORE_OK)
        return false;
    if (value->len != len)
        fail(replay,
             "The data directory's meta table is damaged (log floor, clock or stop mark); restore the directory "
             "from a copy.");
    struct wire_reader reader = wire_reader_of(blob_bytes(value));
    *first = wire_read_u64(&reader);
    if (second != NULL)
        *second = wire_read_u64(&reader);
    blob_release(value);
    return true;
}

/* Without any mark nothing has ever run here, unless a checkpoint says otherwise. */
static bool says_clean(const struct replay *replay, uint64_t floor)
{
    return replay->has_mark ? replay->mark == floor : floor == 0;
}

static void read_meta(struct replay *replay)
{
    uint64_t next_sequence = 1;
    (void)read_number(replay, META_LOG_FLOOR, LOG_FLOOR_LEN, &replay->floor, &next_sequence);
    replay->sequence_last = next_sequence == 0 ? 0 : next_sequence - 1;
    replay->generation_last = replay->floor == 0 ? 0 : replay->floor - 1;
    (void)read_number(replay, META_HYBRID_TIME, 8, &replay->clock, NULL);
    replay->found->newest = replay->clock;
    replay->has_mark = read_number(replay, META_CLEAN_STOP, 8, &replay->mark, NULL);
    replay->found->clean = says_clean(replay, replay->floor);
}

/* What is replayed depends on the segments alone. But what is not in them, because it was buffered or power was lost,
 * is missed only by whoever finds that the last stop was not clean: so before anything is acknowledged the directory is
 * marked as in use. On a full disk updates wait for that. A store of hints is marked with its first batch: nobody
 * judges by it, and it is to cost nothing while it is empty. */
static void mark_in_use(struct replay *replay)
{
    struct store *store = replay->store;
    if (!says_clean(replay, store->checkpoint.floor_done))
        return;
    if (!store_is_of_hints(store) && store_put_meta(store, META_CLEAN_STOP, store_in_use()))
        return;
    store->checkpoint.erases_mark = true;
    if (store_is_of_hints(store))
        return;
    store_report(store, "The data directory could not be marked as in use because its disk is full or fails; updates "
                        "are refused until it can be; free space or check the disk.");
    atomic_store(&store->looks_stopped, true);
    atomic_store(&store->checkpoint_wanted, true);
}

/* ---- The segments ---- */

static uint64_t number_of_name(const char *name)
{
    unsigned long long number;
    int end = 0;
    if (sscanf(name, "log-%16llu%n", &number, &end) != 1 || name[end] != '\0')
        return UINT64_MAX;
    return number;
}

static void meet_file(void *context, const char *name, uint64_t size)
{
    struct replay *replay = context;
    (void)size;
    uint64_t number = number_of_name(name);
    if (number == UINT64_MAX || replay->failed)
        return;
    if (number >= replay->store->logs.next_file)
        replay->store->logs.next_file = number + 1;
    if (replay->segment_count == replay->segment_capacity) {
        replay->segment_capacity = replay->segment_capacity == 0 ? 16 : 2 * replay->segment_capacity;
        replay->segments = realloc(replay->segments, replay->segment_capacity * sizeof(struct segment *));
        CHECK_MEMORY(replay->segments);
    }
    enum disk_status status;
    struct segment *segment = segment_open(replay->store->ports.disk, name, &status);
    if (segment == NULL || segment_read_generation(replay->store->ports.disk, segment) != DISK_OK) {
        if (segment != NULL)
            segment_close(replay->store->ports.disk, segment);
        fail(replay, "A segment of the log could not be read; nothing was changed; check the disk of the data "
                     "directory.");
        return;
    }
    replay->segments[replay->segment_count++] = segment;
}

static void find_segments(struct replay *replay)
{
    struct disk *disk = replay->store->ports.disk;
    if (disk->list(disk, meet_file, replay) != DISK_OK && !replay->failed)
        fail(replay, "The files of the log could not be listed; check the data directory.");
}

/* Segments above the floor go to the set as sealed ones and stay in the array; the others are free. */
static void sort_segments(struct replay *replay)
{
    struct store *store = replay->store;
    size_t kept = 0;
    for (size_t i = 0; i < replay->segment_count; i++) {
        struct segment *segment = replay->segments[i];
        if (segment->generation > replay->generation_last)
            replay->generation_last = segment->generation;
        if (segment->generation != 0 && segment->generation >= replay->floor) {
            log_adopt_sealed(&store->logs, segment);
            replay->segments[kept++] = segment;
        } else if (log_adopt_free(&store->logs, segment, store_is_of_hints(store) ? 0 : store_spares_max(store))
                   != DISK_OK) {
            store_report(store, "A file of the log that is no longer needed could not be removed.");
        }
    }
    replay->segment_count = kept;
}

/* ---- Streams in the order of their next sequence ---- */

static void sift_down(struct replay *replay, size_t at)
{
    struct stream **heap = replay->heap;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= replay->heap_count)
            return;
        if (child + 1 < replay->heap_count && heap[child + 1]->next.sequence < heap[child]->next.sequence)
            child++;
        if (heap[at]->next.sequence <= heap[child]->next.sequence)
            return;
        struct stream *swapped = heap[at];
        heap[at] = heap[child];
        heap[child] = swapped;
        at = child;
    }
}

/* Others follow the damaged record, so it was whole once, and acknowledged. */
static void report_damaged(struct replay *replay, struct stream *stream)
{
    replay->found->damaged += stream->has_damaged;
    if (stream->has_damaged)
        store_report_corrupt(replay->store, stream->damaged_partition,
                             bytes_of(stream->damaged_key, stream->damaged_key_len));
    stream->has_damaged = false;
}

static void note_damaged(struct stream *stream)
{
    stream->has_damaged = true;
    stream->damaged_partition = stream->next.partition;
    stream->damaged_key_len = (uint8_t)stream->next.key.len;
    wire_write_bytes(stream->damaged_key, stream->next.key);
}

/* The segment seems to end here. If it does not, all that follows is lost, for there is nothing to show where it
 * begins. */
static void look_behind(struct replay *replay, struct stream *stream)
{
    if (!segment_goes_on(&stream->reader))
        return;
    char text[256];
    replay->found->damaged++;
    snprintf(text, sizeof text,
             "Segment %s of the log is damaged, or power was lost while it was written: what it has behind byte %llu "
             "cannot be replayed.",
             stream->reader.segment->name, (unsigned long long)stream->reader.at);
    store_report(replay->store, text);
}

/* Loads the stream's next record. False at its end. A record whose object alone is damaged is passed over; as the last
 * of its segment it is a torn tail. */
static bool advance(struct replay *replay, struct stream *stream)
{
    enum segment_read met;
    while ((met = segment_read_next(&stream->reader, &stream->next)) == SEGMENT_DAMAGED) {
        report_damaged(replay, stream);
        note_damaged(stream);
    }
    switch (met) {
    case SEGMENT_RECORD:
        report_damaged(replay, stream);
        return true;
    case SEGMENT_END:
        replay->found->torn_records += stream->has_damaged;
        look_behind(replay, stream);
        return false;
    case SEGMENT_TORN:
        replay->found->torn_records++;
        look_behind(replay, stream);
        return false;
    case SEGMENT_TOO_NEW:
        fail(replay,
             "The log was written by a later version of this program; nothing was changed; start that version.");
        return false;
    case SEGMENT_DAMAGED:
    case SEGMENT_IO:
        break;
    }
    fail(replay, "A segment of the log could not be read; nothing was lost; check the disk of the data directory.");
    return false;
}

static void free_stream(struct stream *stream)
{
    segment_reader_close(&stream->reader);
    free(stream);
}

static void open_streams(struct replay *replay)
{
    replay->heap = calloc(replay->segment_count + 1, sizeof(struct stream *));
    CHECK_MEMORY(replay->heap);
    for (size_t i = 0; i < replay->segment_count; i++) {
        struct stream *stream = calloc(1, sizeof *stream);
        CHECK_MEMORY(stream);
        segment_reader_init(&stream->reader, replay->store->ports.disk, replay->segments[i]);
        if (advance(replay, stream))
            replay->heap[replay->heap_count++] = stream;
        else
            free_stream(stream);
    }
    for (size_t i = replay->heap_count / 2; i-- > 0;)
        sift_down(replay, i);
}

static void step_stream(struct replay *replay)
{
    struct stream *top = replay->heap[0];
    if (!advance(replay, top)) {
        replay->heap[0] = replay->heap[--replay->heap_count];
        free_stream(top);
    }
    sift_down(replay, 0);
}

/* ---- One record ---- */

/* A time that no clock near this one can have issued must not become this node's. */
static void note_time(struct replay *replay, hybrid_time time)
{
    hybrid_time present = replay->store->ports.present;
    bool is_absurd = present != 0 && hybrid_ms(time) > hybrid_ms(larger(present, replay->clock)) + STORE_AHEAD_MS_MAX;
    if (!is_absurd)
        replay->found->newest = larger(replay->found->newest, time);
}

static void note_times(struct replay *replay, const struct object *object)
{
    for (uint32_t i = 0; i < object->context.count; i++)
        note_time(replay, object->context.pairs[i].time);
    for (uint32_t i = 0; i < object->live_count; i++) {
        note_time(replay, object->live[i].time);
        note_time(replay, object->live[i].expiry_stamp);
    }
}

/* What the record becomes together with the one that is there; NULL when that stays. */
static struct blob *merged(struct replay *replay, const struct log_record *record, const struct blob *current)
{
    struct object logged, known, both;
    arena_reset(&replay->arena);
    if (record_decode(record->record, &logged, &replay->arena) != RECORD_OK) {
        store_report_corrupt(replay->store, record->partition, record->key);
        return NULL;
    }
    note_times(replay, &logged);
    struct bytes known_bytes = bytes_of_record(current);
    if (bytes_equal(known_bytes, record->record))
        return NULL;
    bool readable = current != NULL && record_decode(known_bytes, &known, &replay->arena) == RECORD_OK;
    size_t len = record->record.len;
    if (readable) {
        object_merge(&both, &logged, 0, &known, 0, &replay->arena);
        len = record_size(&both);
    }
    struct blob *result = blob_new(len);
    CHECK_MEMORY(result);
    if (readable)
        record_encode(&both, result->at);
    else
        memcpy(result->at, record->record.at, len);
    if (readable && bytes_equal(blob_bytes(result), known_bytes)) {
        blob_release(result);
        return NULL;
    }
    return result;
}

/* The newest record that the store has. A damaged one in the engine counts as none: the log has a good one. */
static struct blob *current_of(struct replay *replay, const struct log_record *record, struct entry *entry,
                               bool *is_corrupt)
{
    struct blob *current = NULL;
    *is_corrupt = false;
    if (entry != NULL)
        return entry->record == NULL ? NULL : blob_retain(entry->record);
    enum store_status status = store_read_engine(replay->store, 0, record->partition, record->key, &current);
    if (status == STORE_IO || status == STORE_FULL)
        fail(replay, "The engine could not be read while the log was replayed; nothing was lost; check the disk of the "
                     "data directory.");
    *is_corrupt = status == STORE_CORRUPT;
    return current;
}

static void install(struct replay *replay, const struct place *place, struct stripe *stripe, struct entry *entry,
                    const struct blob *before, struct blob *record)
{
    struct buffer *buffer = &replay->store->buffer;
    bool was_dirty = entry != NULL && (entry->flags & ENTRY_DIRTY) != 0;
    uint64_t weight = store_note_change(replay->store, place, bytes_of_record(before), bytes_of_record(record));
    if (entry == NULL)
        entry = buffer_insert(buffer, stripe, place, record, ENTRY_DIRTY, 0);
    else
        blob_release(buffer_replace(buffer, stripe, entry, record, ENTRY_DIRTY, 0));
    if (!was_dirty)
        entry->base = weight;
}

/* No lock is taken: no other thread has been started. */
static void replay_record(struct replay *replay, const struct log_record *record)
{
    struct buffer *buffer = &replay->store->buffer;
    struct place place = {
        .hash = store_hash_of_key(replay->store, record->key), .partition = record->partition, .key = record->key};
    struct stripe *stripe = buffer_stripe(buffer, place.hash);
    struct entry *entry = buffer_find(buffer, stripe, &place);
    replay->sequence_last = record->sequence > replay->sequence_last ? record->sequence : replay->sequence_last;
    replay->found->replayed_records++;
    replay->found->replayed_bytes += log_record_size(record->key.len, record->record.len);
    bool is_corrupt;
    struct blob *current = current_of(replay, record, entry, &is_corrupt), *result = NULL;
    bool erases = record->record.len == 0;
    if (!replay->failed && !erases)
        result = merged(replay, record, current);
    if (result != NULL || (erases && !replay->failed)) {
        install(replay, &place, stripe, entry, current, result);
        if (is_corrupt && replay->store->tree != NULL)
            tree_suspect_leaf(replay->store->tree, place.partition, place.hash);
    }
    blob_release(current);
}

/* ---- The tree ---- */

static void meet_damaged(void *context, uint16_t partition, struct bytes key)
{
    struct replay *replay = context;
    store_report_corrupt(replay->store, partition, key);
}

static void build_tree(struct replay *replay, bool is_damaged)
{
    uint64_t records;
    if (!tree_build(replay->store->tree, replay->store->ports.engine, meet_damaged, replay, &records)) {
        fail(replay, "The engine could not be read while the hash tree was built; nothing was changed; check the disk "
                     "of the data directory.");
        return;
    }
    replay->built_tree = records != 0;
    char text[160];
    snprintf(text, sizeof text, "%s: it was built from %llu records, once.",
             is_damaged ? "The stored hash tree was damaged" : "There was no hash tree in the data directory",
             (unsigned long long)records);
    if (records != 0)
        store_report(replay->store, text);
}

static void find_tree(struct replay *replay)
{
    enum tree_load got = tree_load(replay->store->tree, replay->store->ports.engine);
    if (got == TREE_FAILED)
        fail(replay, "The hash tree could not be read; nothing was changed; check the disk of the data directory.");
    else if (got != TREE_LOADED)
        build_tree(replay, got == TREE_DAMAGED);
}

/* ---- All of it ---- */

/* Memory stays bounded: when too much is dirty it goes to the engine; the floor stays until all has been replayed. */
static void make_room(struct replay *replay)
{
    struct store *store = replay->store;
    if (atomic_load(&store->buffer.dirty_bytes) >= store->limits.dirty_bytes
        && checkpoint_all(store, false, replay->found->newest) != ENGINE_OK)
        fail(replay,
             "The log could not be replayed because the engine refuses its records; nothing was lost; free space "
             "or raise map-size and start again.");
    store_evict(store);
}

static void replay_segments(struct replay *replay)
{
    open_streams(replay);
    while (replay->heap_count > 0 && !replay->failed) {
        replay_record(replay, &replay->heap[0]->next);
        if (!replay->failed)
            make_room(replay);
        step_stream(replay);
    }
    while (replay->heap_count > 0)
        free_stream(replay->heap[--replay->heap_count]);
    free(replay->heap);
}

static void settle(struct replay *replay)
{
    struct store *store = replay->store;
    atomic_store(&store->logs.next_generation, replay->generation_last + 1 + GENERATIONS_SKIPPED);
    atomic_store(&store->logs.next_sequence, replay->sequence_last + 1);
    store->checkpoint.floor_done = replay->floor;
    if (replay->segment_count != 0 || replay->built_tree)
        checkpoint_all(store, true, replay->found->newest); /* a failure is reported and retried by the slices */
    if (!store_is_of_hints(store) && !log_supply_first(&store->logs, store->loop_count))
        store_report(store, "No segment of the log could be created because the disk is full or fails; updates are "
                            "refused until there is space in the data directory.");
    store_note_usage(store);
}

bool replay_all(struct store *store, struct store_recovery *found)
{
    struct replay *replay = calloc(1, sizeof *replay);
    CHECK_MEMORY(replay);
    replay->store = store;
    replay->found = found;
    arena_init(&replay->arena);
    read_meta(replay);
    if (!replay->failed && store->tree != NULL)
        find_tree(replay);
    if (!replay->failed)
        find_segments(replay);
    if (replay->failed) {
        for (size_t i = 0; i < replay->segment_count; i++)
            segment_close(store->ports.disk, replay->segments[i]);
    } else {
        sort_segments(replay);
        replay_segments(replay);
        found->clean = found->clean && found->replayed_records == 0 && found->torn_records == 0;
    }
    if (!replay->failed) {
        settle(replay);
        mark_in_use(replay);
    }
    bool ok = !replay->failed;
    arena_close(&replay->arena);
    free(replay->segments);
    free(replay);
    return ok;
}
