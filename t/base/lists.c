/* Embedded lists and queues, and the order of byte strings. */
#include "base/bytes.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/queue.h"
#include "base/seeded.h"

struct element {
    int number;
    struct list link;
    struct queue_node queued;
};

static int popped(struct list *head)
{
    struct list *node = list_pop_front(head);
    return node == NULL ? -1 : CONTAINER_OF(node, struct element, link)->number;
}

static void a_list_keeps_both_ends_in_order(void **state)
{
    (void)state;
    struct list head;
    struct element elements[4];
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_int_equal(popped(&head), -1);
    for (int i = 0; i < 4; i++)
        elements[i].number = i;
    list_push_back(&head, &elements[2].link);
    list_push_front(&head, &elements[1].link);
    list_push_back(&head, &elements[3].link);
    list_push_front(&head, &elements[0].link);
    for (int i = 0; i < 4; i++)
        assert_int_equal(popped(&head), i);
    assert_true(list_is_empty(&head));
}

static void removing_from_a_list_twice_is_harmless(void **state)
{
    (void)state;
    struct list head;
    struct element elements[3];
    list_init(&head);
    for (int i = 0; i < 3; i++) {
        elements[i].number = i;
        list_push_back(&head, &elements[i].link);
    }
    list_remove(&elements[1].link);
    list_remove(&elements[1].link);
    assert_int_equal(popped(&head), 0);
    list_remove(&elements[0].link);
    assert_int_equal(popped(&head), 2);
    assert_true(list_is_empty(&head));
}

static int unqueued(struct queue *queue)
{
    struct queue_node *node = queue_pop(queue);
    return node == NULL ? -1 : CONTAINER_OF(node, struct element, queued)->number;
}

/* Two queues; their expected contents are the counters of what went in and came out. */
static void queues_keep_order_over_pushes_pops_and_appends(void **state)
{
    (void)state;
    enum { ELEMENTS = 5000 };
    const uint64_t seed = 71;
    struct prng prng;
    prng_init(&prng, seed);
    static struct element elements[ELEMENTS];
    struct queue first, second;
    queue_init(&first);
    queue_init(&second);
    int pushed = 0, expected = 0, second_begins = 0; /* numbers rise through `first`, then through `second` */
    while (expected < ELEMENTS) {
        switch (prng_below(&prng, 3)) {
        case 0:
            if (pushed < ELEMENTS) {
                elements[pushed].number = pushed;
                queue_push(&second, &elements[pushed].queued);
                pushed++;
            }
            break;
        case 1:
            queue_append(&first, &second);
            assert_seeded(queue_is_empty(&second), seed);
            second_begins = pushed;
            break;
        default:
            if (expected < second_begins)
                assert_seeded(unqueued(&first) == expected++, seed);
            else
                assert_seeded(unqueued(&first) == -1 && queue_is_empty(&first), seed);
            break;
        }
    }
    assert_true(queue_is_empty(&first) && queue_is_empty(&second));
}

static void bytes_have_the_order_of_unsigned_bytes(void **state)
{
    (void)state;
    const struct bytes ascending[] = {
        bytes_of(NULL, 0), bytes_of("\0", 1), bytes_of("\0\0", 2), bytes_of("a", 1),    bytes_of("a\0", 2),
        bytes_of("ab", 2), bytes_of("b", 1),  bytes_of("\x7f", 1), bytes_of("\x80", 1), bytes_of("\xff\0", 2)};
    size_t count = sizeof ascending / sizeof *ascending;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int order = bytes_compare(ascending[i], ascending[k]);
            assert_true(i < k ? order < 0 : i > k ? order > 0 : order == 0);
            assert_true(bytes_equal(ascending[i], ascending[k]) == (i == k));
        }
    }
}

static void prefixes_begin_what_they_begin(void **state)
{
    (void)state;
    struct bytes whole = bytes_of_text("session:1");
    assert_true(bytes_begin_with(whole, bytes_of_text("session:")));
    assert_true(bytes_begin_with(whole, whole));
    assert_true(bytes_begin_with(whole, bytes_of(NULL, 0)));
    assert_true(bytes_begin_with(bytes_of(NULL, 0), bytes_of(NULL, 0)));
    assert_false(bytes_begin_with(whole, bytes_of_text("session:12")));
    assert_false(bytes_begin_with(whole, bytes_of_text("sessioN")));
    assert_true(bytes_equal(bytes_after(whole, 8), bytes_of_text("1")));
    assert_int_equal(bytes_after(whole, 9).len, 0);
    assert_int_equal(bytes_after(bytes_of(NULL, 0), 0).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_both_ends_in_order),
        cmocka_unit_test(removing_from_a_list_twice_is_harmless),
        cmocka_unit_test(queues_keep_order_over_pushes_pops_and_appends),
        cmocka_unit_test(bytes_have_the_order_of_unsigned_bytes),
        cmocka_unit_test(prefixes_begin_what_they_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
