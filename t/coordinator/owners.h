/* A ring whose every key has the same owners, places 0, 1, 2 ... of one preference list; rules say what becomes of the
 * messages between them. */
#ifndef T_COORDINATOR_OWNERS_H
#define T_COORDINATOR_OWNERS_H

#include "base/list.h"
#include "hints/hints.h"
#include "node/ring.h"
#include "version/record.h"

enum { ANY = -1, RULES_MAX = 8 };

/* Frames of a type between two machines; ANY fits all. */
struct rule {
    int type, from, to;
    enum fate fate;
};

struct rules {
    struct rule rules[RULES_MAX];
    unsigned count;
};

static struct rules the_rules;

static inline struct request *asked(struct ring *ring, enum request_kind kind, const char *key, const char *value)
{
    struct request *request = ask(ring, kind, key);
    request->value = text(value);
    return request;
}

static enum fate owners_judge(struct ring *ring, unsigned from, unsigned to, const struct frame *frame)
{
    (void)ring;
    for (unsigned i = 0; i < the_rules.count; i++) {
        const struct rule *rule = &the_rules.rules[i];
        if ((rule->type == ANY || rule->type == frame->type) && (rule->from == ANY || rule->from == (int)from)
            && (rule->to == ANY || rule->to == (int)to))
            return rule->fate;
    }
    return FATE_ARRIVES;
}

static inline void all_arrive(void)
{
    the_rules.count = 0;
}

/* Earlier rules come first. */
static inline void rule(enum fate fate, int type, int from, int to)
{
    assert_true(the_rules.count < RULES_MAX);
    the_rules.rules[the_rules.count++] = (struct rule){type, from, to, fate};
}

/* Buckets by prefix: a: asks one and writes all, w: reads all and writes one, l: only the latest, s: siblings. */
static inline struct bucket owners_bucket(const char *prefix, uint8_t r, uint8_t w)
{
    struct bucket bucket = bucket_default(prefix);
    memcpy(bucket.prefix, prefix, bucket.prefix_len = 2);
    bucket.name[1] = '\0';
    bucket.r = r;
    bucket.w = w;
    return bucket;
}

static inline void owners_set_buckets(struct ring *ring)
{
    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket all = owners_bucket("a:", 1, 3), one = owners_bucket("w:", 3, 1), latest = owners_bucket("l:", 2, 2),
                  siblings = owners_bucket("s:", 2, 2), single = owners_bucket("o:", 1, 1);
    latest.reconcile = RECONCILE_LWW;
    siblings.stale_cas = STALE_CAS_SIBLING;
    const struct bucket *buckets[] = {&all, &one, &latest, &siblings, &single};
    for (unsigned i = 0; i < sizeof buckets / sizeof *buckets; i++)
        assert_null(bucket_table_put(&table, buckets[i]));
    for (unsigned m = 0; m < ring->machine_count; m++)
        assert_true(node_reload_buckets(ring->machines[m].shared, &table));
    bucket_table_close(&table);
}

/* Three machines, three copies of each key. */
static inline void owners_open(struct ring *ring)
{
    all_arrive();
    ring_open(ring, 3, 3);
    owners_set_buckets(ring);
    ring->judge = owners_judge;
    memset(ring->frames, 0, sizeof ring->frames);
}

/* Machines that stand in for each other; the first `copies` of each list own its keys. */
static inline void owners_open_sloppy(struct ring *ring, unsigned count, unsigned copies)
{
    all_arrive();
    ring_open_sloppy(ring, count, copies);
    owners_set_buckets(ring);
    ring->judge = owners_judge;
    memset(ring->frames, 0, sizeof ring->frames);
}

static inline void owners_close(struct ring *ring)
{
    all_arrive();
    ring_close(ring);
}

static inline struct request *incr_of(struct ring *ring, const char *key)
{
    struct request *request = ask(ring, REQUEST_INCR, key);
    request->delta = 1;
    request->create = true;
    request->initial = 1;
    return request;
}

/* The machine at a place of the key's preference list. */
static inline unsigned at(struct ring *ring, const char *key, unsigned place)
{
    return place_of_key(ring, key, place);
}

/* Nobody reaches the machine at this place of the key's list, nor it anybody. */
static inline void put_down(struct ring *ring, const char *key, unsigned place)
{
    unsigned machine = at(ring, key, place);
    for (unsigned m = 0; m < ring->machine_count; m++) {
        if (m != machine)
            ring_part(ring, machine, m);
    }
    ring_pump(ring);
    memset(ring->frames, 0, sizeof ring->frames);
}

static inline struct blob *read_store(struct ring *ring, struct store_loop *loop, struct bytes key, const char *of)
{
    struct store_op op = {.kind = STORE_READ, .peek = true, .key = key, .hash = hash_of_key(text(of))};
    op.partition = ring_partition(node_view(ring->machines[0].shared), op.hash);
    store_submit(loop, ring->now, &op);
    assert_ptr_equal(store_next_done(loop, ring->now), &op);
    return op.status == STORE_OK ? op.record : NULL;
}

/* The record in one machine's own store, or NULL; the caller releases it. */
static inline struct blob *record_at(struct ring *ring, unsigned machine, const char *key)
{
    return read_store(ring, ring_loop(ring, machine, 0)->store, text(key), key);
}

/* Has this record the value as its newest one? NULL: is it none? Releases it. */
static inline bool is_record_of(struct blob *record, const char *value)
{
    struct version newest = {0};
    uint32_t count = 0;
    if (record == NULL || value == NULL) {
        bool both = record == NULL && value == NULL;
        blob_release(record);
        return both;
    }
    assert_int_equal(record_newest(blob_bytes(record), &newest, &count), RECORD_OK);
    bool same = count > 0 && newest.kind == VERSION_VALUE && bytes_equal(newest.value, text(value));
    blob_release(record);
    return same;
}

/* Does the machine's own copy have this as its newest value? NULL: is there no record? */
static inline bool holds(struct ring *ring, unsigned machine, const char *key, const char *value)
{
    return is_record_of(record_at(ring, machine, key), value);
}

/* Does it keep a hint with this value for another one? NULL: does it keep none? */
static inline bool keeps(struct ring *ring, unsigned machine, unsigned owner, const char *key, const char *value)
{
    uint8_t at[HINT_KEY_MAX];
    struct bytes of = hint_key(at, ring->machines[owner].id, text(key));
    return is_record_of(read_store(ring, ring_loop(ring, machine, 0)->hint_store, of, key), value);
}

static inline bool holds_tombstone(struct ring *ring, unsigned machine, const char *key)
{
    struct blob *record = record_at(ring, machine, key);
    struct version newest = {0};
    uint32_t count = 0;
    if (record == NULL)
        return false;
    assert_int_equal(record_newest(blob_bytes(record), &newest, &count), RECORD_OK);
    blob_release(record);
    return count > 0 && newest.kind == VERSION_TOMBSTONE;
}

/* A value that only the owner at `place` has: a write that came no further. Its bucket has w = 1, or the put fails,
 * which is as good. */
static inline void plant(struct ring *ring, unsigned place, const char *key, const char *value)
{
    unsigned machine = at(ring, key, place);
    struct rules before = the_rules;
    for (unsigned m = 0; m < ring->machine_count; m++) { /* it must be the first that is up */
        if (m != machine)
            ring_cut(ring, ring_joint(ring, machine, 0, m));
    }
    all_arrive();
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text(value);
    struct bucket_table alone;
    bucket_table_init(&alone);
    struct bucket bucket = bucket_default("default");
    bucket.r = bucket.w = 1;
    assert_null(bucket_table_put(&alone, &bucket));
    assert_true(node_reload_buckets(ring->machines[machine].shared, &alone));
    bucket_table_close(&alone);
    assert_int_equal(run(ring, machine, request), REQUEST_OK);
    owners_set_buckets(ring);
    for (unsigned m = 0; m < ring->machine_count; m++) {
        if (m != machine)
            (void)ring_dial(ring, machine, 0, m);
    }
    ring_pump(ring);
    the_rules = before;
    memset(ring->frames, 0, sizeof ring->frames);
    assert_true(holds(ring, machine, key, value));
}

#define COORDINATED(ring, machine, name) atomic_load(&ring_loop(ring, machine, 0)->coordinator.counters.name)

#endif
