/* Runs a fuzzer's function over the committed corpus: the plain test in builds without libFuzzer. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "base/check.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    struct stat about;
    CHECK(fstat(fileno(file), &about) == 0);
    /* Exactly as large as the input, so that a sanitizer sees the first byte read beyond it. */
    size_t size = (size_t)about.st_size;
    uint8_t *data = malloc(size + (size == 0));
    CHECK(data != NULL);
    CHECK(fread(data, 1, size, file) == size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 64;
    }
    DIR *corpus = opendir(argv[1]);
    if (corpus == NULL) {
        perror(argv[1]);
        return 1;
    }
    unsigned replayed = 0;
    for (struct dirent *entry; (entry = readdir(corpus)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        CHECK((size_t)snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name) < sizeof path);
        replay_file(path);
        replayed++;
    }
    closedir(corpus);
    printf("%u inputs replayed\n", replayed);
    /* An empty corpus would pass without having tested anything. */
    return replayed == 0;
}
