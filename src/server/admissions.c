#include "server/admissions.h"

#include "base/check.h"
#include "ring/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct admission {
    char name[RING_NAME_MAX + 1];
    uint64_t incarnation;
};

struct admissions {
    pthread_mutex_t lock;
    struct admission *all; /* as many as there have been members: it is asked when a connection is made */
    unsigned count, room;
};

struct admissions *admissions_new(void)
{
    struct admissions *admissions = calloc(1, sizeof(*admissions));
    CHECK_MEMORY(admissions);
    CHECK(pthread_mutex_init(&admissions->lock, NULL) == 0);
    return admissions;
}

void admissions_free(struct admissions *admissions)
{
    if (admissions == NULL)
        return;
    pthread_mutex_destroy(&admissions->lock);
    free(admissions->all);
    free(admissions);
}

static struct admission *find(struct admissions *admissions, const char *name)
{
    for (unsigned i = 0; i < admissions->count; i++) {
        if (strcmp(admissions->all[i].name, name) == 0)
            return &admissions->all[i];
    }
    return NULL;
}

static struct admission *add(struct admissions *admissions, const char *name)
{
    if (admissions->count == admissions->room) {
        admissions->room = admissions->room == 0 ? 16 : 2 * admissions->room;
        admissions->all = realloc(admissions->all, admissions->room * sizeof(*admissions->all));
        CHECK_MEMORY(admissions->all);
    }
    struct admission *admission = &admissions->all[admissions->count++];
    *admission = (struct admission){0};
    strncpy(admission->name, name, RING_NAME_MAX);
    return admission;
}

bool admissions_set(struct admissions *admissions, const char *name, uint64_t incarnation)
{
    pthread_mutex_lock(&admissions->lock);
    struct admission *admission = find(admissions, name);
    if (admission == NULL)
        admission = add(admissions, name);
    bool is_new = admission->incarnation != incarnation;
    admission->incarnation = incarnation;
    pthread_mutex_unlock(&admissions->lock);
    return is_new;
}

bool admissions_allow(struct admissions *admissions, const char *name, uint64_t incarnation)
{
    pthread_mutex_lock(&admissions->lock);
    const struct admission *admission = find(admissions, name);
    bool allowed = admission == NULL || admission->incarnation == incarnation;
    pthread_mutex_unlock(&admissions->lock);
    return allowed;
}
