#include "simulator/fake_dir.h"

#include "base/check.h"

void fake_dir_init(struct fake_dir *dir, uint64_t id)
{
    *dir = (struct fake_dir){.id = id};
    fake_disk_init(&dir->disk);
    fake_disk_init(&dir->hint_disk);
    dir->disk.unmapped = dir->hint_disk.unmapped = true; /* every append passes through the disk, where it is seen */
    fake_engine_init(&dir->engine, &lock_none);
    fake_engine_init(&dir->hint_engine, &lock_none);
}

void fake_dir_close(struct fake_dir *dir)
{
    fake_disk_close(&dir->disk);
    fake_disk_close(&dir->hint_disk);
    fake_engine_free(&dir->engine);
    fake_engine_free(&dir->hint_engine);
    blob_release(dir->saved);
    dir->saved = NULL;
}

void fake_dir_copy(struct fake_dir *copy, const struct fake_dir *dir)
{
    *copy =
        (struct fake_dir){.id = dir->id, .incarnation = dir->incarnation, .boot = dir->boot, .appended = dir->appended};
    fake_disk_copy(&copy->disk, &dir->disk);
    fake_disk_copy(&copy->hint_disk, &dir->hint_disk);
    fake_engine_copy(&copy->engine, &dir->engine);
    fake_engine_copy(&copy->hint_engine, &dir->hint_engine);
    copy->saved = dir->saved == NULL ? NULL : blob_retain(dir->saved);
}

void fake_dir_lose_power(struct fake_dir *dir, struct prng *prng)
{
    fake_disk_power_loss(&dir->disk, prng);
    fake_disk_power_loss(&dir->hint_disk, prng);
}
