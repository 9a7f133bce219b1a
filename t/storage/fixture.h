/* A store over a fake disk and engine, driven by hand: one thread plays loops, storage thread and sync thread. */
#ifndef STORAGE_FIXTURE_H
#define STORAGE_FIXTURE_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulator/fake_disk.h"
#include "simulator/fake_engine.h"
#include "storage/store.h"

enum { FIXTURE_LOOPS = 3, VALUE_MAX = 65536 };

struct fixture {
    struct fake_disk disk;
    struct fake_engine engine;
    struct store_limits limits;
    struct store_ports ports;
    struct store *store;
    struct store_recovery found;
    struct instant now;
    hybrid_time clock;
    uint64_t births;
    unsigned wakes[FIXTURE_LOOPS], storage_wakes, sync_wakes, reports;
    char last_report[512];
};

/* What a write wants to do. */
enum write_kind { WRITE_SET, WRITE_TOMBSTONE, WRITE_ERASE, WRITE_KEEP };

/* An update with its value, as a coordinator's request would embed it. */
struct write {
    struct store_op op; /* first */
    struct fixture *fixture;
    enum write_kind kind;
    char key[64];
    uint8_t value[VALUE_MAX];
    size_t value_len;
    unsigned applied; /* calls of the function */
    bool done;
};

/* Small limits: segments of 16 KiB, a log of 256 KiB, memory for 1 MiB. */
void fixture_init(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_open(struct fixture *fixture);
/* A killed process: what is in the files stays. */
void fixture_crash(struct fixture *fixture);
void fixture_stop(struct fixture *fixture);

/* A write in memory that the caller frees. */
struct write *write_new(struct fixture *fixture, const char *key, const char *value, enum durability durability);
/* Submits; true when it is done at once. */
bool write_submit(struct write *write, unsigned loop);
/* Collects what is done on all loops: sets `done`. */
void fixture_collect(struct fixture *fixture);
/* Write and wait for the end; the status. With synced durability it is still waiting: STORE_OK of `done` counts. */
enum store_status fixture_set(struct fixture *fixture, const char *key, const char *value, enum durability durability);
enum store_status fixture_erase(struct fixture *fixture, const char *key);
/* The newest value as text into `value` (NULL: do not care); the status of the read. */
enum store_status fixture_get(struct fixture *fixture, const char *key, char *value);
void fixture_expect(struct fixture *fixture, const char *key, const char *value);

/* Slices until nothing is to be done at once. */
void fixture_slices(struct fixture *fixture);
/* Makes a round due by age and runs it. */
void fixture_checkpoint(struct fixture *fixture);

#endif
