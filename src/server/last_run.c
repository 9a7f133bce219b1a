#include "server/last_run.h"

#include "server/state_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char NAME[] = "run";
static const char MAGIC[] = "ringcached-run 1";

enum { NOTE_BYTES_MAX = 256 };

struct note {
    char boot[BOOT_ID_MAX + 1]; /* "": unknown */
    uint64_t identity;          /* inode of the identity file, which is made once and never again */
};

/* "" where the system does not tell. */
static void read_boot_id(char *boot)
{
    boot[0] = '\0';
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, boot, BOOT_ID_MAX);
    close(fd);
    boot[got > 0 ? got : 0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
}

static struct note note_of(const struct data_dir *dir)
{
    struct note note = {0};
    struct stat facts;
    char path[4096];
    read_boot_id(note.boot);
    snprintf(path, sizeof(path), "%s/identity", dir->path);
    if (stat(path, &facts) == 0)
        note.identity = (uint64_t)facts.st_ino;
    return note;
}

static bool parse(struct bytes content, struct note *note)
{
    char text[NOTE_BYTES_MAX + 1];
    _Static_assert(BOOT_ID_MAX == 63, "the width in the format below");
    *note = (struct note){0};
    if (content.len > NOTE_BYTES_MAX)
        return false;
    memcpy(text, content.at, content.len);
    text[content.len] = '\0';
    size_t magic = sizeof(MAGIC) - 1;
    return strncmp(text, MAGIC, magic) == 0
           && sscanf(text + magic, "\nboot %63s\nidentity %" SCNu64, note->boot, &note->identity) == 2;
}

bool last_run_read(struct last_run *last, const struct data_dir *dir, struct logger *log)
{
    uint8_t *content = NULL;
    size_t len = 0;
    struct note before, present = note_of(dir);
    *last = (struct last_run){0};
    if (!state_file_read(dir->path, NAME, &content, &len, log))
        return false;
    last->is_known = len != 0 && parse(bytes_of(content, len), &before);
    free(content);
    if (last->is_known) {
        last->is_same_boot = present.boot[0] != '\0' && strcmp(present.boot, before.boot) == 0;
        last->is_copied = present.identity != before.identity;
    }
    return true;
}

bool last_run_note(const struct data_dir *dir, struct logger *log)
{
    char text[NOTE_BYTES_MAX];
    struct note note = note_of(dir);
    int size = snprintf(text, sizeof(text), "%s\nboot %s\nidentity %" PRIu64 "\n", MAGIC,
                        note.boot[0] != '\0' ? note.boot : "-", note.identity);
    return state_file_write(dir->path, NAME, bytes_of((const uint8_t *)text, (size_t)size), log);
}
