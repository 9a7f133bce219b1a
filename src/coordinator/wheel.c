#include "coordinator/wheel.h"

void wheel_init(struct wheel *wheel)
{
    *wheel = (struct wheel){0};
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
}

static unsigned slot_of(uint64_t tick)
{
    return (unsigned)(tick % WHEEL_SLOTS);
}

void wheel_clear(struct wheel *wheel, struct timer *timer)
{
    if (timer->tick == 0)
        return;
    unsigned slot = slot_of(timer->tick);
    list_remove(&timer->link);
    timer->tick = 0;
    wheel->count--;
    if (list_is_empty(&wheel->slots[slot]))
        wheel->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

void wheel_set(struct wheel *wheel, struct timer *timer, uint64_t now_ns, uint64_t due_ns)
{
    wheel_clear(wheel, timer);
    if (wheel->count == 0) /* nothing was left behind, so the wheel may turn to the present at once */
        wheel->tick = now_ns >> WHEEL_TICK_BITS;
    uint64_t tick = (due_ns >> WHEEL_TICK_BITS) + 1;
    timer->tick = tick < wheel->tick ? wheel->tick : tick;
    if (timer->tick == 0)
        timer->tick = 1;
    unsigned slot = slot_of(timer->tick);
    list_push_back(&wheel->slots[slot], &timer->link);
    wheel->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
    wheel->count++;
}

/* How many slots from `slot` on are empty, going round; WHEEL_SLOTS: all. */
static unsigned empty_slots(const struct wheel *wheel, unsigned slot)
{
    for (unsigned passed = 0; passed < WHEEL_SLOTS;) {
        unsigned at = (slot + passed) % WHEEL_SLOTS;
        uint64_t word = wheel->occupied[at / 64] >> at % 64;
        if (word != 0)
            return passed + (unsigned)__builtin_ctzll(word);
        passed += 64 - at % 64;
    }
    return WHEEL_SLOTS;
}

static struct timer *first_due(const struct list *slot, uint64_t tick)
{
    for (struct list *at = slot->next; at != slot; at = at->next) {
        struct timer *timer = CONTAINER_OF(at, struct timer, link);
        if (timer->tick <= tick)
            return timer; /* others of the slot may be due some turns of the wheel later */
    }
    return NULL;
}

struct timer *wheel_next_due(struct wheel *wheel, uint64_t now_ns)
{
    uint64_t present = now_ns >> WHEEL_TICK_BITS;
    if (wheel->count == 0)
        return NULL;
    if (present >= wheel->tick + WHEEL_SLOTS) /* every slot once is enough */
        wheel->tick = present - WHEEL_SLOTS + 1;
    while (wheel->tick <= present) {
        unsigned empty = empty_slots(wheel, slot_of(wheel->tick));
        if (empty > present - wheel->tick)
            break;
        wheel->tick += empty;
        struct timer *timer = first_due(&wheel->slots[slot_of(wheel->tick)], present);
        if (timer != NULL) {
            wheel_clear(wheel, timer);
            return timer;
        }
        wheel->tick++;
    }
    if (wheel->tick <= present)
        wheel->tick = present + 1;
    return NULL;
}

uint64_t wheel_wake_at(const struct wheel *wheel)
{
    if (wheel->count == 0)
        return UINT64_MAX;
    return (wheel->tick + empty_slots(wheel, slot_of(wheel->tick))) << WHEEL_TICK_BITS;
}
