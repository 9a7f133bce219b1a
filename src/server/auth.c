#include "server/auth.h"

#include "base/check.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Padded with zeros, so that comparing takes the same time whatever the lengths. */
struct padded {
    uint8_t text[AUTH_NAME_MAX];
    uint8_t len;
};

struct auth_entry {
    struct padded user, password;
};

void auth_init(struct auth *auth)
{
    *auth = (struct auth){0};
    CHECK(pthread_rwlock_init(&auth->lock, NULL) == 0);
}

static void forget(struct auth_entry *entries, unsigned count)
{
    if (entries != NULL)
        OPENSSL_cleanse(entries, count * sizeof(*entries));
    free(entries);
}

void auth_close(struct auth *auth)
{
    forget(auth->entries, auth->count);
    pthread_rwlock_destroy(&auth->lock);
    *auth = (struct auth){0};
}

static bool pad(struct padded *to, struct bytes from)
{
    memset(to, 0, sizeof(*to));
    if (from.len > AUTH_NAME_MAX)
        return false;
    if (from.len != 0)
        memcpy(to->text, from.at, from.len);
    to->len = (uint8_t)from.len;
    return true;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(const char *line, struct auth_entry *entry)
{
    size_t len = strcspn(line, "\r\n");
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line)
        return "is not of the form user:password";
    size_t user_len = (size_t)(colon - line);
    if (!pad(&entry->user, bytes_of(line, user_len)) || !pad(&entry->password, bytes_of(colon + 1, len - user_len - 1)))
        return "has a name or a password of more than 128 bytes";
    return NULL;
}

static bool read_entries(FILE *file, const char *path, struct auth_entry *entries, unsigned *count, struct logger *log)
{
    char *line = NULL;
    size_t room = 0;
    const char *wrong = NULL;
    unsigned number = 0;
    while (wrong == NULL && getline(&line, &room, file) >= 0) {
        number++;
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        wrong = *count == AUTH_ENTRIES_MAX ? "is one too many; at most 1024" : parse_line(line, &entries[*count]);
        *count += 1;
    }
    if (line != NULL)
        OPENSSL_cleanse(line, room);
    free(line);
    if (wrong == NULL && *count == 0) {
        number = 1;
        wrong = "is missing; accepted: lines of the form user:password";
    }
    if (wrong != NULL)
        logger_line(log, LEVEL_ERROR, "auth", "%s:%u: the line %s", path, number, wrong);
    return wrong == NULL;
}

bool auth_load(struct auth *auth, const char *path, struct logger *log)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        logger_line(log, LEVEL_ERROR, "auth", "cannot read the password file %s: %s", path, strerror(errno));
        return false;
    }
    unsigned count = 0;
    struct auth_entry *entries = calloc(AUTH_ENTRIES_MAX, sizeof(*entries));
    CHECK_MEMORY(entries);
    bool good = read_entries(file, path, entries, &count, log);
    fclose(file);
    if (!good) {
        forget(entries, AUTH_ENTRIES_MAX);
        return false;
    }
    pthread_rwlock_wrlock(&auth->lock);
    struct auth_entry *old = auth->entries;
    unsigned old_count = auth->count;
    auth->entries = entries;
    auth->count = count;
    pthread_rwlock_unlock(&auth->lock);
    forget(old, old_count);
    return true;
}

bool auth_verify(struct auth *auth, struct bytes user, struct bytes password)
{
    struct auth_entry given;
    if (!pad(&given.user, user) || !pad(&given.password, password))
        return false;
    bool found = false;
    pthread_rwlock_rdlock(&auth->lock);
    for (unsigned i = 0; i < auth->count; i++)
        found |= CRYPTO_memcmp(&auth->entries[i], &given, sizeof(given)) == 0;
    pthread_rwlock_unlock(&auth->lock);
    OPENSSL_cleanse(&given, sizeof(given));
    return found;
}
