#include "base/pool.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void pool_init(struct pool *pool, size_t object_size, size_t free_count_max)
{
    *pool = (struct pool){.free_count_max = free_count_max};
    pool->object_size = object_size < sizeof(void *) ? sizeof(void *) : object_size;
}

void *pool_borrow(struct pool *pool)
{
    void *object = pool->free_list;
    if (object != NULL) {
        memcpy(&pool->free_list, object, sizeof(void *));
        pool->free_count--;
    } else {
        object = malloc(pool->object_size);
        CHECK_MEMORY(object);
    }
    pool->borrowed++;
    return object;
}

void pool_return(struct pool *pool, void *object)
{
    CHECK(pool->borrowed > 0);
    pool->borrowed--;
    if (pool->free_count >= pool->free_count_max) {
        free(object);
        return;
    }
    memcpy(object, &pool->free_list, sizeof(void *));
    pool->free_list = object;
    pool->free_count++;
}

void pool_close(struct pool *pool)
{
    CHECK(pool->borrowed == 0);
    while (pool->free_list != NULL) {
        void *object = pool->free_list;
        memcpy(&pool->free_list, object, sizeof(void *));
        free(object);
    }
    pool->free_count = 0;
}
