/* Views are swapped while other threads work with them. Meant for ThreadSanitizer as well. */
#include "base/seeded.h"

#include "base/check.h"
#include "node/node.h"
#include "storage/lock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { LOOPS = 3, EPOCHS = 5000 };

struct looper {
    pthread_t thread;
    struct node node;
    unsigned number;
    uint64_t seen, changes;
    atomic_bool *stop;
    atomic_uint *wrong;
};

/* A table is right when all of it belongs together: the number of members follows from the epoch. */
static uint32_t members_at(uint64_t epoch)
{
    return epoch == 0 ? 1 : (uint32_t)(1 + epoch % 3);
}

static struct ring_view *table(uint64_t epoch)
{
    const struct ring_settings settings = {.cluster = 1,
                                           .partition_count = 16,
                                           .strategy = RING_CLAIMED_PARTITIONS,
                                           .copies = 3,
                                           .tokens = RING_TOKENS_DEFAULT};
    static const char *const names[] = {"a", "b", "c"};
    struct ring_member members[3] = {0};
    for (unsigned i = 0; i < members_at(epoch); i++) {
        members[i].id = ring_node_id(names[i]);
        members[i].weight = RING_WEIGHT_ONE;
        members[i].name[0] = names[i][0];
        members[i].peer[0] = members[i].client[0] = names[i][0];
        memcpy(&members[i].peer[1], ":1", 3);
        memcpy(&members[i].client[1], ":2", 3);
    }
    struct ring_view *view = ring_view_new(&settings, members, members_at(epoch));
    CHECK(view != NULL);
    view->epoch = epoch;
    return view;
}

static bool is_right(const struct ring_view *view)
{
    if (view->member_count != members_at(view->epoch))
        return false;
    for (uint32_t p = 0; p < view->partition_count; p++) {
        for (uint32_t i = 0; i < view->member_count; i++) {
            if (ring_preference_list(view, (uint16_t)p)[i] >= view->member_count)
                return false;
        }
    }
    return true;
}

static void *run(void *context)
{
    struct looper *looper = context;
    while (!atomic_load(looper->stop)) {
        const struct ring_view *view = node_loop_view(&looper->node);
        if (view->epoch < looper->seen || !is_right(view))
            atomic_fetch_add(looper->wrong, 1);
        looper->changes += view->epoch != looper->seen;
        looper->seen = view->epoch;
        if (looper->number == 0) /* this one sleeps through most of them */
            sched_yield();
    }
    return NULL;
}

static void loops_see_whole_tables_that_only_grow_newer(void **state)
{
    static struct looper loopers[LOOPS];
    atomic_bool stop = false;
    atomic_uint wrong = 0;
    struct node_settings settings = {.name = "a", .incarnation = 1, .partition_count = 16, .tokens_max = 1};
    (void)state;
    settings.loops = LOOPS;
    bucket_table_init(&settings.buckets);
    struct node_shared *shared = node_shared_new(&settings, NULL, &lock_none, 0);
    assert_non_null(shared);
    bucket_table_close(&settings.buckets);
    for (unsigned i = 0; i < LOOPS; i++) {
        loopers[i] = (struct looper){.number = i, .stop = &stop, .wrong = &wrong};
        node_init(&loopers[i].node, shared, NULL, NULL);
        assert_int_equal(pthread_create(&loopers[i].thread, NULL, run, &loopers[i]), 0);
    }
    for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        assert_true(node_publish_view(shared, table(epoch)));
        if (epoch % 16 == 0)
            sched_yield();
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < LOOPS; i++) {
        assert_int_equal(pthread_join(loopers[i].thread, NULL), 0);
        assert_int_equal(node_loop_view(&loopers[i].node)->epoch, EPOCHS);
        assert_true(loopers[i].changes > 0);
        node_close(&loopers[i].node);
    }
    assert_int_equal(atomic_load(&wrong), 0);
    node_shared_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_see_whole_tables_that_only_grow_newer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
