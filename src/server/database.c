#include "server/database.h"

#include "storage/lmdb/lmdb_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A synced file whose name was never synced is lost all the same when power fails. */
static bool sync_names(const char *directory, struct logger *log)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (!good)
        logger_line(log, LEVEL_ERROR, "data-directory", "directory %s cannot be synced: %s", directory,
                    strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

static bool open_files(struct database *database, const struct database_options *options)
{
    char error[LMDB_ERROR_MAX], path[4096];
    struct lmdb_options engine = {.directory = options->directory,
                                  .map_bytes = options->map_bytes,
                                  .reserve_bytes = options->reserve_bytes,
                                  .readers = options->loops,
                                  .report = options->ports.report,
                                  .host = options->ports.host};
    if (lmdb_engine_open(&database->engine, &engine, error) != LMDB_OPEN_OK) {
        logger_line(options->log, LEVEL_ERROR, "data-directory", "%s", error);
        return false;
    }
    snprintf(path, sizeof(path), "%s/log", options->directory);
    database->disk = disk_files_open(path, options->log_write, options->log);
    return database->disk != NULL && sync_names(options->directory, options->log);
}

bool database_open(struct database *database, const struct database_options *options)
{
    *database = (struct database){0};
    if (options->directory != NULL && !open_files(database, options))
        return false;
    struct store_ports ports = options->ports;
    ports.disk = database->disk;
    ports.engine = database->engine;
    return store_open(&database->store, &options->limits, &ports, options->loops, &database->recovery) == STORE_OPEN_OK;
}

void database_close(struct database *database, hybrid_time newest)
{
    if (database->store != NULL)
        store_close(database->store, newest);
    disk_files_close(database->disk);
    if (database->engine != NULL)
        database->engine->ops->close(database->engine);
    *database = (struct database){0};
}

struct store_limits database_hint_limits(void)
{
    struct store_limits limits = store_limits_default();
    limits.memory_bytes = HINT_MEMORY_BYTES;
    limits.dirty_bytes = HINT_MEMORY_BYTES / 2;
    limits.checkpoint_bytes = HINT_MEMORY_BYTES / 4;
    limits.log_segment_bytes = HINT_SEGMENT_BYTES;
    limits.no_tree = true;
    return limits;
}
