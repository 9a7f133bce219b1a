#include "server/repair_copy.h"

#include "server/clock.h"

void repair_copy_refresh(struct repair_copy *copy)
{
    const struct admin_repair_source source = {.hints = node_hints(copy->node->shared),
                                               .deliver = node_deliver(copy->node),
                                               .antientropy = node_antientropy(copy->node),
                                               .now_ms = node_now_ms(copy->node, clock_now())};
    pthread_mutex_lock(&copy->lock);
    admin_repair_take(&copy->repair, &source);
    pthread_mutex_unlock(&copy->lock);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    repair_copy_refresh(context);
}

void repair_copy_open(struct repair_copy *copy, struct event_base *base, struct node *node)
{
    const struct timeval pause = {.tv_sec = REPAIR_COPY_MS / 1000};
    pthread_mutex_init(&copy->lock, NULL);
    copy->node = node;
    copy->is_open = true;
    repair_copy_refresh(copy);
    event_assign(&copy->timer, base, -1, EV_PERSIST, on_timer, copy);
    event_add(&copy->timer, &pause);
}

void repair_copy_close(struct repair_copy *copy)
{
    if (!copy->is_open)
        return;
    event_del(&copy->timer);
    admin_repair_close(&copy->repair);
    pthread_mutex_destroy(&copy->lock);
    copy->is_open = false;
}

const struct admin_repair *repair_copy_borrow(struct repair_copy *copy)
{
    pthread_mutex_lock(&copy->lock);
    return &copy->repair;
}

void repair_copy_return(struct repair_copy *copy)
{
    pthread_mutex_unlock(&copy->lock);
}
