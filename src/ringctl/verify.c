/* `ringctl verify`: asks again until all copies are the same and no hints are left. What is under way (hints on their
 * way to their owners, exchanges) takes its time, and may be watched on standard error. */
#include "ringctl/job.h"
#include "ringctl/ringctl.h"
#include "ringctl/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VERIFY_PAUSE_MS = 250, PROGRESS_BYTES = 256 };

static bool is_good(const json_t *verdict)
{
    return json_is_true(json_object_get(verdict, "identical")) && show_number(verdict, "hints") == 0;
}

/* One line when something has changed since the last. */
static void show_progress(const json_t *verdict, char *last)
{
    char text[PROGRESS_BYTES];
    size_t i;
    json_t *member;
    int len =
        snprintf(text, sizeof(text), "%" PRId64 " of %" PRId64 " partitions differ, %" PRId64 " hints",
                 show_number(verdict, "differing"), show_number(verdict, "partitions"), show_number(verdict, "hints"));
    json_array_foreach(json_object_get(verdict, "members"), i, member)
    {
        if (strcmp(show_text(member, "state"), "answered") != 0 && len < PROGRESS_BYTES)
            len += snprintf(text + len, sizeof(text) - (size_t)len, ", %.32s: %.16s", show_text(member, "name"),
                            show_text(member, "state"));
    }
    if (strcmp(text, last) != 0)
        show_line(stderr, text);
    memcpy(last, text, PROGRESS_BYTES);
}

/* The verdict of this moment; NULL: there is none, *status says why and has been complained of. */
static json_t *look(const struct job *job, int *status)
{
    struct http_reply reply;
    *status = job_ask(job, "/verify", NULL, &reply);
    if (*status != RINGCTL_GOOD)
        return NULL;
    json_t *verdict = json_loadb(reply.body, reply.len, 0, NULL);
    free(reply.body);
    if (json_is_object(verdict))
        return verdict;
    json_decref(verdict);
    *status = job_complain(RINGCTL_UNREACHABLE, "the answer is not one of an admin port; name it with -a HOST:PORT");
    return NULL;
}

static int finish(const struct job *job, json_t *verdict)
{
    int status = is_good(verdict) ? RINGCTL_GOOD : RINGCTL_REFUSED;
    if (job->arguments.json) {
        char *text = json_dumps(verdict, JSON_COMPACT);
        puts(text != NULL ? text : "{}");
        free(text);
    } else {
        show_verify(verdict, stdout);
    }
    json_decref(verdict);
    return status;
}

int job_verify(const struct job *job)
{
    char progress[PROGRESS_BYTES] = "";
    uint64_t seconds;
    if (!job_seconds(job, RINGCTL_PATIENCE_S, &seconds))
        return job_complain(RINGCTL_USAGE, "verify SECONDS: a whole number");
    uint64_t end = job_now_ms() + seconds * 1000;
    for (;;) {
        int status;
        json_t *verdict = look(job, &status);
        if (verdict == NULL)
            return status;
        if (is_good(verdict) || job_now_ms() >= end)
            return finish(job, verdict);
        if (!job->arguments.json)
            show_progress(verdict, progress);
        json_decref(verdict);
        job_pause(VERIFY_PAUSE_MS);
    }
}
