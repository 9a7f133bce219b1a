/* A first-in first-out queue of nodes embedded in their owners; one pointer a node. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue_node {
    struct queue_node *next;
};

struct queue {
    struct queue_node *first, **last; /* last: where the next node's address goes */
};

static inline void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static inline bool queue_is_empty(const struct queue *queue)
{
    return queue->first == NULL;
}

static inline void queue_push(struct queue *queue, struct queue_node *node)
{
    node->next = NULL;
    *queue->last = node;
    queue->last = &node->next;
}

/* The oldest node, taken out, or NULL. */
static inline struct queue_node *queue_pop(struct queue *queue)
{
    struct queue_node *first = queue->first;
    if (first == NULL)
        return NULL;
    queue->first = first->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    return first;
}

/* Moves all of `from` behind `to`; `from` is empty afterwards. */
static inline void queue_append(struct queue *to, struct queue *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    queue_init(from);
}

#endif
