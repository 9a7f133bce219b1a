/* The form of the log: records, segments, their reuse. */
#include "storage/log.h"

#include "base/arena.h"
#include "base/check.h"
#include "storage/fixture.h"
#include "version/record.h"

#include <stdlib.h>

/* An encoded object with this value. */
static struct bytes record_of(uint8_t *at, const char *value)
{
    struct version version = {.dot = {.actor = {.node = 1, .incarnation = 1, .birth = 1}, .counter = 1},
                              .time = 5,
                              .expiry_stamp = 5,
                              .kind = VERSION_VALUE,
                              .value = bytes_of_text(value)};
    struct pair pair = {.actor = version.dot.actor, .counter = 1, .time = 5};
    struct object object = {.context = {.pairs = &pair, .count = 1}, .live = &version, .live_count = 1};
    record_encode(&object, at);
    return bytes_of(at, record_size(&object));
}

static struct log_record log_record_of(struct bytes record, const char *key)
{
    return (struct log_record){.sequence = 42, .partition = 513, .key = bytes_of_text(key), .record = record};
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    uint8_t object[256], at[512];
    struct log_record record = log_record_of(record_of(object, "value"), "key"), back;
    log_record_write(&record, 9, at);
    uint64_t size = log_record_size(3, record.record.len);
    assert_int_equal(size % 8, 0);
    assert_int_equal(log_record_peek(at), size);
    assert_int_equal(log_record_read(bytes_of(at, sizeof at), 9, &back), LOG_RECORD_OK);
    assert_int_equal(back.sequence, 42);
    assert_int_equal(back.partition, 513);
    assert_true(bytes_equal(back.key, record.key));
    assert_true(bytes_equal(back.record, record.record));
}

static void every_damaged_byte_is_noticed(void **state)
{
    (void)state;
    uint8_t object[256], at[512];
    struct log_record record = log_record_of(record_of(object, "some value"), "some key"), back;
    log_record_write(&record, 9, at);
    size_t len = LOG_RECORD_HEADER + record.key.len + record.record.len;
    for (size_t i = 0; i < len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            at[i] ^= (uint8_t)(1U << bit);
            bool in_object = i >= LOG_RECORD_HEADER + record.key.len + 8; /* behind the object's own checksum */
            assert_int_equal(log_record_read(bytes_of(at, len), 9, &back),
                             in_object ? LOG_RECORD_DAMAGED : LOG_RECORD_TORN);
            at[i] ^= (uint8_t)(1U << bit);
        }
    for (size_t cut = LOG_RECORD_HEADER; cut < len; cut++)
        assert_int_equal(log_record_read(bytes_of(at, cut), 9, &back), LOG_RECORD_TORN);
}

static void a_record_of_another_generation_is_no_record(void **state)
{
    (void)state;
    uint8_t object[256], at[512];
    struct log_record record = log_record_of(record_of(object, "value"), "key"), back;
    log_record_write(&record, 9, at);
    assert_int_equal(log_record_read(bytes_of(at, sizeof at), 10, &back), LOG_RECORD_TORN);
}

static void an_erasure_is_a_record_without_object(void **state)
{
    (void)state;
    uint8_t at[64];
    struct log_record record = log_record_of(bytes_of(NULL, 0), "key"), back;
    log_record_write(&record, 1, at);
    assert_int_equal(log_record_read(bytes_of(at, sizeof at), 1, &back), LOG_RECORD_OK);
    assert_int_equal(back.record.len, 0);
    uint8_t zeros[64] = {0};
    assert_int_equal(log_record_read(bytes_of(zeros, sizeof zeros), 1, &back), LOG_RECORD_NONE);
}

static unsigned count_records(struct disk *disk, struct segment *segment, enum segment_read *end)
{
    struct segment_reader reader;
    struct log_record record;
    unsigned count = 0;
    segment_reader_init(&reader, disk, segment);
    while ((*end = segment_read_next(&reader, &record)) == SEGMENT_RECORD)
        count++;
    segment_reader_close(&reader);
    return count;
}

static void fill(struct disk *disk, struct segment *segment, unsigned records)
{
    uint8_t object[256];
    for (unsigned i = 0; i < records; i++) {
        struct log_record record = log_record_of(record_of(object, "value"), "key");
        assert_int_equal(segment_append(disk, segment, &record), DISK_OK);
    }
}

static void used_again_shows_nothing_old(bool unmapped)
{
    struct fake_disk fake;
    fake_disk_init(&fake);
    fake.unmapped = unmapped;
    struct disk *disk = &fake.disk;
    enum disk_status status;
    enum segment_read end;
    struct segment *segment = segment_create(disk, "log-1", 4096, &status);
    assert_int_equal(segment_read_generation(disk, segment), DISK_OK);
    assert_int_equal(segment->generation, 0);
    segment_begin(disk, segment, 3, 0);
    fill(disk, segment, 20);
    assert_int_equal(count_records(disk, segment, &end), 20);
    assert_int_equal(end, SEGMENT_END);
    for (unsigned records = 0; records < 5; records++) {
        segment_begin(disk, segment, 4 + records, 0);
        fill(disk, segment, records);
        assert_int_equal(count_records(disk, segment, &end), records);
        assert_int_equal(end, SEGMENT_END); /* and nothing old passes for a torn tail */
    }
    segment->generation = 0;
    assert_int_equal(segment_read_generation(disk, segment), DISK_OK);
    assert_int_equal(segment->generation, 8);
    segment_close(disk, segment);
    fake_disk_close(&fake);
}

static void a_segment_used_again_shows_nothing_old(void **state)
{
    (void)state;
    used_again_shows_nothing_old(false);
    used_again_shows_nothing_old(true);
}

static void a_segment_can_be_filled_to_its_last_byte(void **state)
{
    (void)state;
    struct fake_disk fake;
    fake_disk_init(&fake);
    enum disk_status status;
    enum segment_read end;
    uint8_t object[256];
    struct log_record record = log_record_of(record_of(object, "value"), "key");
    uint64_t size = log_record_size(3, record.record.len);
    for (unsigned extra = 0; extra < 48; extra += 8) {
        struct segment *segment = segment_create(&fake.disk, "log-1", SEGMENT_HEADER + 3 * size + extra, &status);
        segment_begin(&fake.disk, segment, 3, 0);
        fill(&fake.disk, segment, 3);
        assert_int_equal(segment_left(segment), extra);
        assert_int_equal(count_records(&fake.disk, segment, &end), 3);
        assert_int_equal(end, SEGMENT_END);
        segment_close(&fake.disk, segment);
        fake.disk.remove(&fake.disk, "log-1");
    }
    fake_disk_close(&fake);
}

static void a_torn_tail_ends_the_segment(void **state)
{
    (void)state;
    struct fake_disk fake;
    fake_disk_init(&fake);
    enum disk_status status;
    enum segment_read end;
    struct segment *segment = segment_create(&fake.disk, "log-1", 4096, &status);
    segment_begin(&fake.disk, segment, 3, 0);
    fill(&fake.disk, segment, 4);
    uint64_t third = SEGMENT_HEADER + 2 * ((segment->used - SEGMENT_HEADER) / 4);
    segment->file->map[third + 30] ^= 1;
    assert_int_equal(count_records(&fake.disk, segment, &end), 2);
    assert_int_equal(end, SEGMENT_TORN);
    segment_close(&fake.disk, segment);
    fake_disk_close(&fake);
}

static void sequences_grow_within_every_segment(void **state)
{
    (void)state;
    struct fake_disk fake;
    struct log_set set;
    struct log logs[2];
    fake_disk_init(&fake);
    log_set_init(&set, &fake.disk, &lock_none, 1024, 65536);
    log_init(&logs[0], &set, 0);
    log_init(&logs[1], &set, 1);
    uint8_t object[256];
    uint64_t last = 0, position = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct log_record record = log_record_of(record_of(object, "value"), "key");
        enum log_status status = log_append(&set, &logs[i % 2], &record, &position);
        if (status == LOG_WAIT) {
            assert_int_equal(log_supply_spare(&set, 1), SUPPLY_ADDED);
            status = log_append(&set, &logs[i % 2], &record, &position);
        }
        assert_int_equal(status, LOG_OK);
        assert_true(record.sequence > last);
        last = record.sequence;
    }
    struct log *both[2] = {&logs[0], &logs[1]};
    uint64_t floor = log_seal(&set, both, 2);
    assert_null(logs[0].active);
    assert_int_equal(log_release(&set, floor, 2), DISK_OK);
    assert_int_equal(set.spare_count, 2);
    assert_int_equal(set.bytes, 2 * 1024);
    assert_int_equal(log_used(&set, both, 2), 0);
    log_close(&logs[0], &set);
    log_close(&logs[1], &set);
    log_set_close(&set);
    fake_disk_close(&fake);
}

static void a_pinned_segment_outlives_its_release(void **state)
{
    (void)state;
    struct fake_disk fake;
    struct log_set set;
    struct log log, *logs[1] = {&log};
    fake_disk_init(&fake);
    log_set_init(&set, &fake.disk, &lock_none, 1024, 65536);
    log_init(&log, &set, 0);
    uint8_t object[256];
    uint64_t position;
    struct log_record record = log_record_of(record_of(object, "value"), "key");
    log_supply_spare(&set, 1);
    assert_int_equal(log_append(&set, &log, &record, &position), LOG_OK);
    struct segment *segment = log.active;
    segment->pins = 1;
    uint64_t floor = log_seal(&set, logs, 1);
    log_release(&set, floor, 1);
    assert_int_equal(set.sealed_count, 1);
    segment->pins = 0;
    log_release(&set, floor, 1);
    assert_int_equal(set.sealed_count, 0);
    assert_int_equal(set.spare_count, 1);
    log_close(&log, &set);
    log_set_close(&set);
    fake_disk_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(every_damaged_byte_is_noticed),
        cmocka_unit_test(a_record_of_another_generation_is_no_record),
        cmocka_unit_test(an_erasure_is_a_record_without_object),
        cmocka_unit_test(a_segment_used_again_shows_nothing_old),
        cmocka_unit_test(a_segment_can_be_filled_to_its_last_byte),
        cmocka_unit_test(a_torn_tail_ends_the_segment),
        cmocka_unit_test(sequences_grow_within_every_segment),
        cmocka_unit_test(a_pinned_segment_outlives_its_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
