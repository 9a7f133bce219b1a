/* Arbitrary bytes as a configuration file: refused with a text that names the file, or accepted the same way each time.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/config.h"
#include "base/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_as_file(const char *path, struct config *config, char *error)
{
    config_init(config);
    memset(error, 0, CONFIG_ERROR_MAX);
    return config_read_file(config, path, error);
}

/* An error says where it is: the file, and (except where the whole file is meant) the line. */
static void check_error(const char *path, const char *error)
{
    CHECK(memchr(error, '\0', CONFIG_ERROR_MAX) != NULL);
    CHECK(strncmp(error, path, strlen(path)) == 0 && error[strlen(path)] == ':');
}

static void check_accepted(struct config *first, struct config *again)
{
    char error[CONFIG_ERROR_MAX] = "";
    CHECK(first->buckets.count == again->buckets.count && first->buckets.count >= 1);
    CHECK(first->port == again->port && first->memory_mb == again->memory_mb);
    if (!config_finish(first, error))
        CHECK(error[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("configuration", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    char path[64], error[CONFIG_ERROR_MAX], second_error[CONFIG_ERROR_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config config, again;
    bool good = read_as_file(path, &config, error);
    CHECK(read_as_file(path, &again, second_error) == good && strcmp(error, second_error) == 0);
    if (good)
        check_accepted(&config, &again);
    else
        check_error(path, error);
    config_close(&config);
    config_close(&again);
    close(fd);
    return 0;
}
