#include "storage/log.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void log_set_init(struct log_set *set, struct disk *disk, const struct lock_ops *locks, uint64_t segment_bytes,
                  uint64_t bytes_max)
{
    *set = (struct log_set){.disk = disk, .locks = locks, .segment_bytes = segment_bytes, .bytes_max = bytes_max};
    list_init(&set->spares);
    list_init(&set->sealed);
    atomic_init(&set->next_generation, 1);
    atomic_init(&set->next_sequence, 1);
    locks->init(&set->lock);
}

static void close_all(struct log_set *set, struct list *segments)
{
    for (struct list *link; (link = list_pop_front(segments)) != NULL;)
        segment_close(set->disk, CONTAINER_OF(link, struct segment, link));
}

void log_set_close(struct log_set *set)
{
    close_all(set, &set->spares);
    close_all(set, &set->sealed);
    set->locks->close(&set->lock);
}

void log_init(struct log *log, struct log_set *set, int owner)
{
    *log = (struct log){.owner = owner};
    queue_init(&log->unsynced);
    queue_init(&log->synced);
    set->locks->init(&log->lock);
}

void log_close(struct log *log, struct log_set *set)
{
    if (log->active != NULL)
        segment_close(set->disk, log->active);
    if (log->special != NULL)
        segment_close(set->disk, log->special);
    set->locks->close(&log->lock);
}

static bool is_special(const struct log_set *set, const struct segment *segment)
{
    return segment->file->size != set->segment_bytes;
}

static void seal_locked(struct log_set *set, struct segment *segment)
{
    list_push_back(&set->sealed, &segment->link);
    set->sealed_count++;
    set->sealed_used += segment->used;
}

static struct segment *take_spare(struct log_set *set)
{
    set->locks->take(&set->lock);
    struct list *link = list_pop_front(&set->spares);
    if (link != NULL)
        set->spare_count--;
    set->locks->give(&set->lock);
    return link == NULL ? NULL : CONTAINER_OF(link, struct segment, link);
}

static void give_spare(struct log_set *set, struct segment *segment)
{
    set->locks->take(&set->lock);
    list_push_front(&set->spares, &segment->link);
    set->spare_count++;
    set->locks->give(&set->lock);
}

static enum disk_status begin(struct log_set *set, struct log *log, struct segment *segment)
{
    uint64_t generation = atomic_fetch_add(&set->next_generation, 1);
    return segment_begin(set->disk, segment, generation, log->owner);
}

/* The active segment has no room: a spare takes its place. */
static enum log_status turn_over(struct log_set *set, struct log *log)
{
    struct segment *spare = take_spare(set);
    log->took_spare = true;
    if (spare == NULL)
        return LOG_WAIT;
    if (begin(set, log, spare) != DISK_OK) {
        give_spare(set, spare);
        return LOG_IO;
    }
    if (log->active != NULL) {
        set->locks->take(&set->lock);
        seal_locked(set, log->active);
        set->locks->give(&set->lock);
    }
    log->active = spare;
    return LOG_OK;
}

static enum disk_status append(struct log_set *set, struct segment *segment, const struct log_record *record)
{
    enum disk_status status = segment_append(set->disk, segment, record);
    if (segment->doubtful)
        atomic_fetch_add(&set->doubts, 1);
    return status;
}

/* A record that is too large for ordinary segments has one of its own, which is sealed at once. */
static enum log_status append_special(struct log_set *set, struct log *log, struct log_record *record, uint64_t size)
{
    uint64_t wanted = SEGMENT_HEADER + size + LOG_RECORD_HEADER;
    struct segment *segment = log->special;
    if (segment == NULL || segment_capacity(segment->file->size) < size) {
        if (log->special_refused) {
            log->special_refused = false;
            log->special_wanted = 0;
            return LOG_FULL;
        }
        log->special_wanted = wanted;
        return LOG_WAIT;
    }
    if (begin(set, log, segment) != DISK_OK)
        return LOG_IO;
    record->sequence = atomic_fetch_add_explicit(&set->next_sequence, 1, memory_order_relaxed);
    if (append(set, segment, record) != DISK_OK)
        return LOG_IO;
    log->special = NULL;
    log->special_wanted = 0;
    log->special_refused = false;
    set->locks->take(&set->lock);
    seal_locked(set, segment);
    set->locks->give(&set->lock);
    return LOG_OK;
}

static enum log_status append_ordinary(struct log_set *set, struct log *log, struct log_record *record, uint64_t size)
{
    while (log->active == NULL || segment_left(log->active) < size) { /* a first spare may be too small */
        enum log_status status = turn_over(set, log);
        if (status != LOG_OK)
            return status;
    }
    record->sequence = atomic_fetch_add_explicit(&set->next_sequence, 1, memory_order_relaxed);
    return append(set, log->active, record) == DISK_OK ? LOG_OK : LOG_IO;
}

enum log_status log_append(struct log_set *set, struct log *log, struct log_record *record, uint64_t *position)
{
    uint64_t size = log_record_size(record->key.len, record->record.len);
    set->locks->take(&log->lock);
    enum log_status status = size <= segment_capacity(set->segment_bytes) ? append_ordinary(set, log, record, size)
                                                                          : append_special(set, log, record, size);
    if (status == LOG_OK)
        *position = log->position += size;
    set->locks->give(&log->lock);
    return status;
}

void log_forget_special(struct log_set *set, struct log *log)
{
    set->locks->take(&log->lock);
    log->special_wanted = 0;
    log->special_refused = false;
    set->locks->give(&log->lock);
}

uint64_t log_seal(struct log_set *set, struct log *const *logs, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        set->locks->take(&logs[i]->lock);
    set->locks->take(&set->lock);
    uint64_t floor = atomic_load(&set->next_generation);
    for (unsigned i = 0; i < count; i++) {
        if (logs[i]->active != NULL)
            seal_locked(set, logs[i]->active);
        logs[i]->active = NULL;
        logs[i]->sealed_to = logs[i]->position;
    }
    set->locks->give(&set->lock);
    for (unsigned i = count; i-- > 0;)
        set->locks->give(&logs[i]->lock);
    return floor;
}

static void settle_doubt(struct log_set *set, struct segment *segment)
{
    if (segment != NULL && segment->doubtful && segment_void(set->disk, segment) == DISK_OK)
        atomic_fetch_sub(&set->doubts, 1);
}

bool log_settle_doubts(struct log_set *set, struct log *const *logs, unsigned count)
{
    for (unsigned i = 0; i < count && log_is_in_doubt(set); i++) {
        set->locks->take(&logs[i]->lock);
        settle_doubt(set, logs[i]->active);
        settle_doubt(set, logs[i]->special);
        set->locks->give(&logs[i]->lock);
    }
    set->locks->take(&set->lock);
    for (struct list *link = set->sealed.next; link != &set->sealed && log_is_in_doubt(set); link = link->next)
        settle_doubt(set, CONTAINER_OF(link, struct segment, link));
    set->locks->give(&set->lock);
    return !log_is_in_doubt(set);
}

static enum disk_status discard(struct log_set *set, struct segment *segment)
{
    char name[DISK_NAME_MAX + 1];
    memcpy(name, segment->name, sizeof name);
    set->locks->take(&set->lock);
    set->bytes -= segment->file->size;
    set->special_bytes -= is_special(set, segment) ? segment->file->size : 0;
    set->locks->give(&set->lock);
    segment_close(set->disk, segment);
    return set->disk->remove(set->disk, name);
}

/* Takes one sealed segment that is no longer needed out of its list. */
static struct segment *take_needless(struct log_set *set, uint64_t floor)
{
    struct segment *found = NULL;
    set->locks->take(&set->lock);
    for (struct list *link = set->sealed.next; link != &set->sealed && found == NULL; link = link->next) {
        struct segment *segment = CONTAINER_OF(link, struct segment, link);
        if (segment->generation < floor && segment->pins == 0)
            found = segment;
    }
    if (found != NULL) {
        list_remove(&found->link);
        set->sealed_count--;
        set->sealed_used -= found->used;
        if (found->doubtful) /* replay will not look at it any more */
            atomic_fetch_sub(&set->doubts, 1);
        found->doubtful = false;
    }
    set->locks->give(&set->lock);
    return found;
}

static enum disk_status keep_or_discard(struct log_set *set, struct segment *segment, unsigned spares_max)
{
    set->locks->take(&set->lock);
    bool enough = set->bytes > set->bytes_max || set->spare_count >= spares_max;
    set->locks->give(&set->lock);
    bool is_ordinary = segment->file->size == set->segment_bytes;
    if (enough || segment->broken || !is_ordinary)
        return discard(set, segment);
    give_spare(set, segment);
    return DISK_OK;
}

enum disk_status log_release(struct log_set *set, uint64_t floor, unsigned spares_max)
{
    enum disk_status worst = DISK_OK;
    for (struct segment *segment; (segment = take_needless(set, floor)) != NULL;)
        if (keep_or_discard(set, segment, spares_max) != DISK_OK)
            worst = DISK_IO;
    return worst;
}

static void count_in(struct log_set *set, const struct segment *segment)
{
    set->locks->take(&set->lock);
    set->bytes += segment->file->size;
    set->special_bytes += is_special(set, segment) ? segment->file->size : 0;
    set->locks->give(&set->lock);
}

static struct segment *create(struct log_set *set, uint64_t size)
{
    char name[DISK_NAME_MAX + 1];
    snprintf(name, sizeof name, "log-%016llu", (unsigned long long)set->next_file++);
    enum disk_status status;
    struct segment *segment = segment_create(set->disk, name, size, &status);
    if (segment != NULL)
        count_in(set, segment);
    return segment;
}

enum log_supply log_supply_spare(struct log_set *set, unsigned spares_wanted)
{
    set->locks->take(&set->lock);
    bool enough = set->spare_count >= spares_wanted;
    bool allowed = set->bytes - set->special_bytes + set->segment_bytes <= set->bytes_max;
    set->locks->give(&set->lock);
    if (enough || !allowed)
        return enough ? SUPPLY_ENOUGH : SUPPLY_LIMIT;
    struct segment *segment = create(set, set->segment_bytes);
    if (segment == NULL)
        return SUPPLY_REFUSED;
    give_spare(set, segment);
    return SUPPLY_ADDED;
}

bool log_supply_first(struct log_set *set, unsigned count)
{
    uint64_t size = set->segment_bytes < LOG_FIRST_BYTES ? set->segment_bytes : LOG_FIRST_BYTES;
    while (set->spare_count < count && set->bytes + size <= set->bytes_max) {
        struct segment *segment = create(set, size);
        if (segment == NULL)
            return false;
        give_spare(set, segment);
    }
    return true;
}

/* One special segment is always allowed, so that the largest record is not a matter of the limit; more only within
 * it. */
enum log_supply log_supply_special(struct log_set *set, struct log *log, bool give_up)
{
    set->locks->take(&log->lock);
    uint64_t wanted = log->special_refused ? 0 : log->special_wanted;
    struct segment *old = log->special;
    if (old != NULL && !old->doubtful && (log->special_wanted == 0 || wanted > old->file->size))
        log->special = NULL;
    else
        old = NULL;
    bool needed = wanted != 0 && log->special == NULL;
    set->locks->give(&log->lock);
    if (old != NULL)
        discard(set, old);
    if (!needed)
        return SUPPLY_ENOUGH;

    /* Its size must differ from the ordinary one, by which a segment is known to be special. */
    CHECK(wanted != set->segment_bytes);
    set->locks->take(&set->lock);
    bool allowed = set->special_bytes == 0 || set->bytes + wanted <= set->bytes_max;
    set->locks->give(&set->lock);
    if (!allowed && !give_up)
        return SUPPLY_LIMIT;
    struct segment *segment = allowed ? create(set, wanted) : NULL;
    set->locks->take(&log->lock);
    log->special = segment;
    log->special_refused = segment == NULL;
    set->locks->give(&log->lock);
    return segment == NULL ? SUPPLY_REFUSED : SUPPLY_ADDED;
}

uint64_t log_used(struct log_set *set, struct log *const *logs, unsigned count)
{
    uint64_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        set->locks->take(&logs[i]->lock);
        used += logs[i]->active == NULL ? 0 : logs[i]->active->used;
        set->locks->give(&logs[i]->lock);
    }
    set->locks->take(&set->lock);
    used += set->sealed_used;
    set->locks->give(&set->lock);
    return used;
}

unsigned log_count_active(struct log_set *set, struct log *const *logs, unsigned count)
{
    unsigned active = 0;
    for (unsigned i = 0; i < count; i++) {
        set->locks->take(&logs[i]->lock);
        active += logs[i]->active != NULL;
        set->locks->give(&logs[i]->lock);
    }
    return active;
}

bool log_has_spare(struct log_set *set)
{
    set->locks->take(&set->lock);
    bool has = set->spare_count > 0;
    set->locks->give(&set->lock);
    return has;
}

void log_adopt_sealed(struct log_set *set, struct segment *segment)
{
    count_in(set, segment);
    segment->used = segment->file->size; /* how far its records go shows only their replay */
    set->locks->take(&set->lock);
    seal_locked(set, segment);
    set->locks->give(&set->lock);
}

enum disk_status log_adopt_free(struct log_set *set, struct segment *segment, unsigned spares_max)
{
    count_in(set, segment);
    return keep_or_discard(set, segment, spares_max);
}
