#include "simulator/fake_disk.h"

#include "base/bounds.h"
#include "base/check.h"

#include <stdlib.h>

enum { PAGE = 4096, SECTOR = 512 };

static struct fake_disk *fake_of(struct disk *disk)
{
    return (struct fake_disk *)(void *)disk;
}

struct fake_file *fake_disk_file(struct fake_disk *fake, const char *name)
{
    for (struct fake_file *file = fake->files; file != NULL; file = file->next)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static void open_fake(struct fake_disk *fake, struct fake_file *file)
{
    CHECK(!file->is_open);
    file->is_open = true;
    file->file.map = fake->unmapped ? NULL : file->live;
}

static enum disk_status create_file(struct disk *disk, const char *name, uint64_t size, struct disk_file **out)
{
    struct fake_disk *fake = fake_of(disk);
    CHECK(fake_disk_file(fake, name) == NULL);
    if (fake->create_fails)
        return DISK_IO;
    if (fake->bytes + size > fake->bytes_max)
        return DISK_FULL;
    struct fake_file *file = calloc(1, sizeof *file);
    CHECK_MEMORY(file);
    file->file.size = size;
    file->live = calloc(1, size);
    file->durable = calloc(1, size);
    CHECK(file->live != NULL && file->durable != NULL);
    memcpy(file->name, name, strlen(name));
    file->next = fake->files;
    fake->files = file;
    fake->bytes += size;
    fake->created++;
    open_fake(fake, file);
    *out = &file->file;
    return DISK_OK;
}

static enum disk_status open_file(struct disk *disk, const char *name, struct disk_file **out)
{
    struct fake_file *file = fake_disk_file(fake_of(disk), name);
    if (file == NULL)
        return DISK_IO;
    open_fake(fake_of(disk), file);
    *out = &file->file;
    return DISK_OK;
}

static enum disk_status write_file(struct disk *disk, struct disk_file *file, uint64_t offset, struct bytes data)
{
    struct fake_file *fake = (struct fake_file *)(void *)file;
    CHECK(fake->is_open && offset + data.len <= file->size);
    bool lands_and_fails = fake_of(disk)->writes_land_and_fail > 0;
    if (!lands_and_fails && fake_of(disk)->write_fails)
        return DISK_IO;
    memcpy(fake->live + offset, data.at, data.len);
    if (fake_of(disk)->on_write != NULL)
        fake_of(disk)->on_write(fake_of(disk)->observer, fake, data);
    if (!lands_and_fails)
        return DISK_OK;
    fake_of(disk)->writes_land_and_fail--;
    return DISK_IO;
}

static enum disk_status read_file(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *at, size_t len)
{
    struct fake_file *fake = (struct fake_file *)(void *)file;
    (void)disk;
    CHECK(fake->is_open && offset + len <= file->size);
    memcpy(at, fake->live + offset, len);
    return DISK_OK;
}

static enum disk_status sync_file(struct disk *disk, struct disk_file *file)
{
    struct fake_disk *fake = fake_of(disk);
    struct fake_file *synced = (struct fake_file *)(void *)file;
    CHECK(synced->is_open);
    fake->synced++;
    if (fake->sync_fails)
        return DISK_IO;
    if (!fake->sync_lies && !fake->sync_copies_not)
        memcpy(synced->durable, synced->live, file->size);
    if (fake->on_sync != NULL)
        fake->on_sync(fake->observer, synced);
    return DISK_OK;
}

static void close_fake(struct disk *disk, struct disk_file *file)
{
    struct fake_file *fake = (struct fake_file *)(void *)file;
    (void)disk;
    CHECK(fake->is_open);
    fake->is_open = false;
}

static void free_file(struct fake_file *file)
{
    free(file->live);
    free(file->durable);
    free(file);
}

static enum disk_status remove_file(struct disk *disk, const char *name)
{
    struct fake_disk *fake = fake_of(disk);
    for (struct fake_file **at = &fake->files; *at != NULL; at = &(*at)->next) {
        struct fake_file *file = *at;
        if (strcmp(file->name, name) != 0)
            continue;
        CHECK(!file->is_open);
        *at = file->next;
        fake->bytes -= file->file.size;
        fake->removed++;
        free_file(file);
        return DISK_OK;
    }
    return DISK_IO;
}

static enum disk_status list_files(struct disk *disk, disk_visit *visit, void *context)
{
    for (struct fake_file *file = fake_of(disk)->files; file != NULL; file = file->next)
        visit(context, file->name, file->file.size);
    return DISK_OK;
}

void fake_disk_init(struct fake_disk *fake)
{
    *fake = (struct fake_disk){.disk = {.create = create_file,
                                        .open = open_file,
                                        .write = write_file,
                                        .read = read_file,
                                        .sync = sync_file,
                                        .close_file = close_fake,
                                        .remove = remove_file,
                                        .list = list_files},
                               .bytes_max = UINT64_MAX};
}

void fake_disk_close(struct fake_disk *fake)
{
    while (fake->files != NULL) {
        struct fake_file *file = fake->files;
        fake->files = file->next;
        free_file(file);
    }
}

static struct fake_file *copy_file(const struct fake_file *file)
{
    struct fake_file *copy = calloc(1, sizeof *copy);
    CHECK_MEMORY(copy);
    copy->file.size = file->file.size;
    copy->live = malloc(file->file.size);
    copy->durable = malloc(file->file.size);
    CHECK(copy->live != NULL && copy->durable != NULL);
    memcpy(copy->live, file->live, file->file.size);
    memcpy(copy->durable, file->durable, file->file.size);
    memcpy(copy->name, file->name, sizeof copy->name);
    return copy;
}

void fake_disk_copy(struct fake_disk *copy, const struct fake_disk *fake)
{
    fake_disk_init(copy);
    copy->unmapped = fake->unmapped;
    copy->bytes = fake->bytes;
    struct fake_file **end = &copy->files;
    for (const struct fake_file *file = fake->files; file != NULL; file = file->next) {
        *end = copy_file(file);
        end = &(*end)->next;
    }
}

void fake_disk_write_back_some(struct fake_disk *fake, struct prng *prng)
{
    for (struct fake_file *file = fake->files; file != NULL; file = file->next)
        for (uint64_t at = 0; at < file->file.size; at += PAGE)
            if (prng_below(prng, 4) == 0)
                memcpy(file->durable + at, file->live + at, smaller(PAGE, file->file.size - at));
}

void fake_disk_power_loss(struct fake_disk *fake, struct prng *prng)
{
    for (struct fake_file *file = fake->files; file != NULL; file = file->next) {
        for (uint64_t page = 0; page < file->file.size; page += PAGE) {
            uint64_t fate = prng_below(prng, 3); /* lost, written, torn */
            for (uint64_t at = page; at < smaller(page + PAGE, file->file.size); at += SECTOR)
                if (fate == 1 || (fate == 2 && prng_below(prng, 2) == 0))
                    memcpy(file->durable + at, file->live + at, smaller(SECTOR, file->file.size - at));
        }
        memcpy(file->live, file->durable, file->file.size);
    }
}
