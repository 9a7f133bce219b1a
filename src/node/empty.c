#include "node/shared.h"

bool node_is_empty(struct node_shared *shared)
{
    struct flush_registers registers = {0};
    struct store_stats stats;
    replica_flush_registers(&shared->replica, &registers.flushed, &registers.pending, &registers.issued);
    store_stats(shared->store, &stats);
    uint64_t records = stats.records_buffered + stats.engine.records;
    if (registers.flushed == 0 && registers.pending == 0 && registers.issued == 0)
        return records == 0 && stats.evictions == 0;
    /* The registers have a record of their own: the only dirty one, or, with nothing dirty, the engine's only one. When
     * one is dirty and one checkpointed, that may be somebody else's: then the next checkpoint will tell. */
    if (!stats.has_engine)
        return records <= 1 && stats.evictions == 0;
    return stats.records_dirty == 0 ? stats.engine.records <= 1 : stats.records_dirty == 1 && stats.engine.records == 0;
}
