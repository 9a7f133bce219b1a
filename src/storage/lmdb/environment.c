#include "storage/lmdb/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    FREE_RECORDS_MAX =
        20000,        /* records of the free list that are added up; beyond, the map counts as fuller than it is */
    EXTRA_READERS = 8 /* reader slots beyond our own, for mdb_stat and backups by mdb_copy */
};

static const char FORMAT_NAME[] = "lmdb-format";

static enum lmdb_open_status refuse(enum lmdb_open_status status, char *error, const char *directory, const char *what,
                                    const char *advice)
{
    snprintf(error, LMDB_ERROR_MAX, "%.300s/data.mdb %s; %s", directory, what, advice);
    return status;
}

static enum lmdb_open_status refuse_code(int code, char *error, const char *directory)
{
    switch (code) {
    case MDB_INVALID:
        return refuse(LMDB_OPEN_FOREIGN, error, directory, "is not an LMDB file",
                      "name another data directory or move the file away");
    case MDB_VERSION_MISMATCH:
        return refuse(LMDB_OPEN_FOREIGN, error, directory, "was written by another version of LMDB",
                      "start the program that wrote it");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return refuse(LMDB_OPEN_FAILED, error, directory, "is damaged", "restore it from a backup");
    case ENOMEM:
        return refuse(LMDB_OPEN_FAILED, error, directory, "cannot be mapped",
                      "lower map-size or raise the limit of address space (ulimit -v)");
    default:
        return refuse(LMDB_OPEN_FAILED, error, directory, mdb_strerror(code),
                      "check owner, permissions and space of the data directory");
    }
}

/* A freshly created name survives a loss of power only when its directory has been synced. */
static int directory_sync(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return code;
}

static int create_tables(struct environment *environment, MDB_txn *txn)
{
    int code = mdb_dbi_open(txn, "data", MDB_CREATE, &environment->data);
    if (code == 0)
        code = mdb_dbi_open(txn, "meta", MDB_CREATE, &environment->meta);
    return code;
}

static int note_format(struct environment *environment, MDB_txn *txn)
{
    char format[12];
    snprintf(format, sizeof(format), "%d", LMDB_FORMAT);
    MDB_val key = {.mv_size = strlen(FORMAT_NAME), .mv_data = (void *)(uintptr_t)FORMAT_NAME};
    MDB_val value = {.mv_size = strlen(format), .mv_data = format};
    return mdb_put(txn, environment->meta, &key, &value, 0);
}

/* Opens the tables of an environment that is not empty. *format stays 0 when it is not one of ours. */
static int find_tables(struct environment *environment, MDB_txn *txn, unsigned long *format)
{
    int code = mdb_dbi_open(txn, "meta", 0, &environment->meta);
    if (code == 0)
        code = mdb_dbi_open(txn, "data", 0, &environment->data);
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
        return 0;
    if (code != 0)
        return code;
    MDB_val key = {.mv_size = strlen(FORMAT_NAME), .mv_data = (void *)(uintptr_t)FORMAT_NAME};
    MDB_val value;
    code = mdb_get(txn, environment->meta, &key, &value);
    if (code == MDB_NOTFOUND)
        return 0;
    if (code == 0 && value.mv_size < 12) {
        char text[12] = {0};
        memcpy(text, value.mv_data, value.mv_size);
        *format = strtoul(text, NULL, 10);
    }
    return code;
}

static enum lmdb_open_status open_tables(struct environment *environment, const char *directory, char *error)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(environment->env, NULL, 0, &txn);
    if (code != 0)
        return refuse_code(code, error, directory);
    MDB_stat stat;
    code = mdb_env_stat(environment->env, &stat);
    unsigned long format = LMDB_FORMAT;
    if (code == 0 && stat.ms_entries == 0) {
        code = create_tables(environment, txn);
    } else if (code == 0) {
        format = 0;
        code = find_tables(environment, txn, &format);
    }
    if (code == 0 && (stat.ms_entries == 0 || (format != 0 && format < LMDB_FORMAT)))
        code = note_format(environment, txn);
    if (code != 0 || format == 0 || format > LMDB_FORMAT) {
        mdb_txn_abort(txn);
        if (code != 0)
            return refuse_code(code, error, directory);
        if (format == 0)
            return refuse(LMDB_OPEN_FOREIGN, error, directory, "belongs to another program",
                          "name another data directory");
        return refuse(LMDB_OPEN_NEWER, error, directory, "was written by a later release",
                      "install that release or name another data directory");
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? LMDB_OPEN_OK : refuse_code(code, error, directory);
}

static int env_setup(MDB_env *env, const struct lmdb_options *options)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t size = options->map_bytes / page * page;
    int code = mdb_env_set_mapsize(env, (size_t)size);
    if (code == 0)
        code = mdb_env_set_maxdbs(env, LMDB_TABLES_MAX);
    if (code == 0)
        code = mdb_env_set_maxreaders(env, options->readers + EXTRA_READERS);
    return code;
}

/* LMDB does not tell where its map is, but the kernel does: `inside` is an address in it. 0: not found. */
static uintptr_t map_of(const void *inside)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uintptr_t first, end, found = 0;
    uint64_t offset;
    char *line = NULL;
    size_t room = 0;
    while (maps != NULL && found == 0 && getline(&line, &room, maps) >= 0) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64, &first, &end, &offset) == 3
            && (uintptr_t)inside >= first && (uintptr_t)inside < end)
            found = first - (uintptr_t)offset;
    }
    free(line);
    if (maps != NULL)
        fclose(maps);
    return found;
}

static int find_map(struct environment *environment)
{
    MDB_txn *txn = NULL;
    MDB_stat stat;
    MDB_val key = {.mv_size = strlen(FORMAT_NAME), .mv_data = (void *)(uintptr_t)FORMAT_NAME};
    MDB_val value;
    int code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return code;
    code = mdb_stat(txn, environment->meta, &stat);
    if (code == 0)
        code = mdb_get(txn, environment->meta, &key, &value);
    if (code == 0) {
        environment->page_bytes = stat.ms_psize;
        environment->map = map_of(value.mv_data);
    }
    mdb_txn_abort(txn);
    return code;
}

/* A file that has been cut would end the process as soon as a page behind its end is read; pages of zeros are an error
 * of LMDB instead. (The last pages may be missing in a good file too, when they were freed before they were written.)
 */
static int mend_length(const struct environment *environment, const struct lmdb_options *options)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    mdb_filehandle_t fd;
    int code = mdb_env_info(environment->env, &info);
    if (code == 0)
        code = mdb_env_stat(environment->env, &stat);
    if (code == 0)
        code = mdb_env_get_fd(environment->env, &fd);
    if (code == 0 && fstat(fd, &file) != 0)
        code = errno;
    uint64_t wanted = code == 0 ? ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize : 0;
    if (code != 0 || (uint64_t)file.st_size >= wanted)
        return code;
    char text[LMDB_ERROR_MAX];
    snprintf(
        text, sizeof(text),
        "%.300s/data.mdb is shorter than it says by %llu bytes; if it has been cut, what is missing will be reported "
        "as damaged: restore it from a backup",
        options->directory, (unsigned long long)(wanted - (uint64_t)file.st_size));
    if (options->report != NULL)
        options->report(options->host, text);
    return ftruncate(fd, (off_t)wanted) == 0 ? 0 : errno;
}

enum lmdb_open_status environment_open(struct environment *environment, const struct lmdb_options *options, char *error)
{
    *environment = (struct environment){0};
    int code = mdb_env_create(&environment->env);
    if (code == 0)
        code = env_setup(environment->env, options);
    /* Reads are random, so reading ahead only evicts what is useful. */
    if (code == 0)
        code = mdb_env_open(environment->env, options->directory, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (code == 0)
        code = mend_length(environment, options);
    enum lmdb_open_status status = LMDB_OPEN_OK;
    if (code != 0)
        status = refuse_code(code, error, options->directory);
    if (status == LMDB_OPEN_OK)
        status = open_tables(environment, options->directory, error);
    if (status == LMDB_OPEN_OK && (code = find_map(environment)) != 0)
        status = refuse_code(code, error, options->directory);
    if (status == LMDB_OPEN_OK && (code = directory_sync(options->directory)) != 0)
        status = refuse_code(code, error, options->directory);
    if (status != LMDB_OPEN_OK)
        environment_close(environment);
    return status;
}

void environment_close(struct environment *environment)
{
    if (environment->env != NULL)
        mdb_env_close(environment->env);
    environment->env = NULL;
}

/* What ends in the page in which it begins needs no look at the file: LMDB has read that page's header already. */
bool environment_contains(const struct environment *environment, const MDB_val *found)
{
    uintptr_t at = (uintptr_t)found->mv_data;
    if (found->mv_size <= environment->page_bytes - at % environment->page_bytes || environment->map == 0)
        return true;
    mdb_filehandle_t fd;
    struct stat file;
    if (mdb_env_get_fd(environment->env, &fd) != 0 || fstat(fd, &file) != 0)
        return true;
    uint64_t size = (uint64_t)file.st_size, offset = at - environment->map;
    return offset <= size && found->mv_size <= size - offset;
}

bool environment_is_panicked(const struct environment *environment)
{
    if (environment->env == NULL)
        return true;
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
    if (code == 0)
        mdb_txn_abort(txn);
    return code == MDB_PANIC;
}

/* Pages on the free list: each record of table 0 is an array of page numbers with its length in front. */
static uint64_t free_pages(MDB_txn *txn)
{
    MDB_cursor *cursor = NULL;
    if (mdb_cursor_open(txn, 0, &cursor) != 0)
        return 0;
    uint64_t pages = 0;
    MDB_val key, value;
    for (unsigned i = 0; i < FREE_RECORDS_MAX && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; i++) {
        size_t count = 0;
        if (value.mv_size >= sizeof(count))
            memcpy(&count, value.mv_data, sizeof(count));
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

void environment_usage(const struct environment *environment, uint64_t reserve_bytes, struct engine_usage *out)
{
    *out = (struct engine_usage){0};
    MDB_txn *txn = NULL;
    if (environment->env == NULL || mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn) != 0)
        return;
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(environment->env, &info) == 0 && mdb_stat(txn, environment->data, &stat) == 0) {
        uint64_t pages = info.me_last_pgno + 1, page = stat.ms_psize;
        uint64_t free = free_pages(txn);
        out->file_bytes = pages * page;
        out->bytes_used = (pages > free ? pages - free : 0) * page;
        out->bytes_max = info.me_mapsize;
        out->bytes_reserved = reserve_bytes;
        out->records = stat.ms_entries;
        out->nearly_full = out->bytes_used + reserve_bytes >= out->bytes_max;
    }
    mdb_txn_abort(txn);
}

static bool disk_has_less_than(const struct environment *environment, uint64_t needed)
{
    mdb_filehandle_t fd;
    struct statvfs space;
    if (environment->env == NULL || mdb_env_get_fd(environment->env, &fd) != 0 || fstatvfs(fd, &space) != 0)
        return false;
    return (uint64_t)space.f_bavail * space.f_frsize < needed;
}

enum engine_status environment_status(const struct environment *environment, int code, uint64_t needed)
{
    switch (code) {
    case 0:
        return ENGINE_OK;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ENGINE_FULL;
    case EIO:
        return disk_has_less_than(environment, needed) ? ENGINE_FULL : ENGINE_IO;
    default:
        return ENGINE_IO;
    }
}
