/* Arena, pool and blob: who holds which memory until when. */
#define _GNU_SOURCE
#include "base/arena.h"
#include "base/blob.h"
#include "base/check.h"
#include "base/pool.h"
#include "base/prng.h"
#include "base/seeded.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

static void arena_allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    enum { PIECES = 400 };
    const uint64_t seed = 41;
    struct prng prng;
    prng_init(&prng, seed);
    static struct arena arena;
    arena_init(&arena);
    for (unsigned round = 0; round < 20; round++) {
        uint8_t *pieces[PIECES];
        size_t sizes[PIECES];
        for (unsigned i = 0; i < PIECES; i++) {
            sizes[i] = (size_t)(prng_next(&prng) >> (52 + prng_below(&prng, 12)));
            pieces[i] = arena_alloc(&arena, sizes[i]);
            assert_seeded(((uintptr_t)pieces[i] & 15) == 0, seed);
            memset(pieces[i], (int)(i & 0xff), sizes[i]);
        }
        for (unsigned i = 0; i < PIECES; i++) {
            for (size_t at = 0; at < sizes[i]; at++)
                assert_seeded(pieces[i][at] == (i & 0xff), seed);
        }
        arena_reset(&arena);
    }
    arena_close(&arena);
}

static void arena_uses_the_heap_only_beyond_its_inline_bytes(void **state)
{
    (void)state;
    static struct arena arena;
    arena_init(&arena);
    uint8_t *first = arena_alloc(&arena, ARENA_INLINE_BYTES);
    assert_ptr_equal(first, arena.inline_bytes);
    assert_null(arena.blocks);
    assert_non_null(arena_alloc(&arena, 0)); /* nothing needs no room */
    assert_null(arena.blocks);
    (void)arena_alloc(&arena, 1);
    assert_non_null(arena.blocks);
    arena_reset(&arena);
    assert_null(arena.blocks);
    assert_ptr_equal(arena_alloc(&arena, 1), first);
    arena_close(&arena);
}

static void arena_grows_to_any_size(void **state)
{
    (void)state;
    static struct arena arena;
    arena_init(&arena);
    uint8_t *small = arena_alloc(&arena, 10);
    memset(small, 1, 10);
    for (size_t size = 1000; size < 4000000; size *= 3) {
        uint8_t *large = arena_alloc(&arena, size);
        memset(large, 2, size);
    }
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(small[i], 1);
    arena_close(&arena);
}

static void pool_lends_returned_objects_again(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 48, 2);
    void *a = pool_borrow(&pool), *b = pool_borrow(&pool), *c = pool_borrow(&pool);
    assert_int_equal(pool.borrowed, 3);
    memset(a, 0xaa, 48);
    pool_return(&pool, a);
    assert_ptr_equal(pool_borrow(&pool), a);
    pool_return(&pool, a);
    pool_return(&pool, b);
    pool_return(&pool, c); /* one more than it keeps: freed */
    assert_int_equal(pool.free_count, 2);
    assert_int_equal(pool.borrowed, 0);
    void *d = pool_borrow(&pool), *e = pool_borrow(&pool);
    assert_true((d == a && e == b) || (d == b && e == a));
    pool_return(&pool, d);
    pool_return(&pool, e);
    pool_close(&pool);
    assert_int_equal(pool.free_count, 0);
}

static void pool_objects_are_never_smaller_than_a_pointer(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 1, 8);
    void *a = pool_borrow(&pool), *b = pool_borrow(&pool);
    pool_return(&pool, a);
    pool_return(&pool, b);
    assert_ptr_equal(pool_borrow(&pool), b);
    assert_ptr_equal(pool_borrow(&pool), a);
    pool_return(&pool, a);
    pool_return(&pool, b);
    pool_close(&pool);
}

static void a_blob_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_null(blob_new(BLOB_LEN_MAX + 1));
    assert_null(blob_new(SIZE_MAX));
    blob_release(NULL);
}

static void blob_footprint_counts_header_and_bytes(void **state)
{
    (void)state;
    struct blob *empty = blob_new(0), *blob = blob_new(1000);
    assert_int_equal(blob_bytes(blob).len, 1000);
    assert_ptr_equal(blob_bytes(blob).at, blob->at);
    assert_true(blob_footprint(empty) >= sizeof *empty);
    assert_true(blob_footprint(blob) >= sizeof *blob + 1000);
    assert_true(blob_footprint(blob) < sizeof *blob + 1000 + 64);
    blob_release(empty);
    blob_release(blob);
}

enum { THREADS = 4, ROUNDS = 20000 };

/* Gives back the reference that it was started with, too. */
static int retain_and_release(void *context)
{
    struct blob *blob = context;
    int sum = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct blob *mine = blob_retain(blob);
        sum += mine->at[i % mine->len];
        blob_release(mine);
    }
    blob_release(blob);
    return sum;
}

static void a_blob_lives_until_its_last_reference_on_whatever_thread(void **state)
{
    (void)state;
    struct blob *blob = blob_new(100);
    memset(blob->at, 1, blob->len);
    thrd_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(thrd_create(&threads[i], retain_and_release, blob_retain(blob)), thrd_success);
    for (unsigned i = 0; i < THREADS; i++) {
        int sum;
        assert_int_equal(thrd_join(threads[i], &sum), thrd_success);
        assert_int_equal(sum, ROUNDS);
    }
    assert_int_equal(atomic_load(&blob->references), 1);
    blob_release(blob);
}

/* What a child that runs `end_badly` writes before it aborts. */
static void last_words(void (*end_badly)(void), char *words, size_t room)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        end_badly();
        _exit(0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], words, room - 1);
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(got > 0);
    words[got] = '\0';
}

static void run_out_of_memory(void)
{
    const void *nothing = NULL;
    CHECK_MEMORY(nothing);
}

static void break_a_claim(void)
{
    CHECK(1 + 1 == 3);
}

/* Nobody shall report a machine that is too small as a mistake of the program. */
static void a_lack_of_memory_is_not_called_an_internal_error(void **state)
{
    (void)state;
    char words[512];
    last_words(run_out_of_memory, words, sizeof words);
    assert_non_null(strstr(words, "out of memory"));
    assert_null(strstr(words, "internal error"));
    last_words(break_a_claim, words, sizeof words);
    assert_non_null(strstr(words, "internal error"));
    assert_non_null(strstr(words, "1 + 1 == 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_allocations_are_aligned_and_apart),
        cmocka_unit_test(arena_uses_the_heap_only_beyond_its_inline_bytes),
        cmocka_unit_test(arena_grows_to_any_size),
        cmocka_unit_test(pool_lends_returned_objects_again),
        cmocka_unit_test(pool_objects_are_never_smaller_than_a_pointer),
        cmocka_unit_test(a_blob_that_cannot_be_is_refused),
        cmocka_unit_test(blob_footprint_counts_header_and_bytes),
        cmocka_unit_test(a_lack_of_memory_is_not_called_an_internal_error),
        cmocka_unit_test(a_blob_lives_until_its_last_reference_on_whatever_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
