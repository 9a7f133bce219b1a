/* Equal-sized objects that are borrowed and returned, so that the steady state allocates nothing.
 * Used by one thread. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool {
    void *free_list;
    size_t object_size;
    size_t free_count, free_count_max; /* returned objects kept; more are freed */
    size_t borrowed;
};

/* `object_size` bytes each (at least a pointer); at most `free_count_max` unused ones are kept. */
void pool_init(struct pool *pool, size_t object_size, size_t free_count_max);

/* An object with undefined contents. Aborts without memory. The borrower owns it until pool_return. */
void *pool_borrow(struct pool *pool);

/* Gives back what pool_borrow of this pool returned. */
void pool_return(struct pool *pool, void *object);

/* Frees the unused objects; nothing may be borrowed any more. */
void pool_close(struct pool *pool);

#endif
