#include "ringctl/ringctl.h"

#include "base/check.h"
#include "base/decimal.h"
#include "ringctl/job.h"
#include "ringctl/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_PAUSE_MS = 100 };

int job_complain(int status, const char *text)
{
    fputs("ringctl: ", stderr);
    show_line(stderr, text);
    return status;
}

/* The first line of the file. */
static bool read_token(struct job *job)
{
    const char *path = job->arguments.token_file;
    if (path == NULL)
        return true;
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(job->token, sizeof(job->token), file) != NULL;
    if (!good)
        fprintf(stderr, "ringctl: cannot read a token from %s: %s\n", path,
                file == NULL ? strerror(errno) : "it is empty");
    if (file != NULL)
        fclose(file);
    job->token[strcspn(job->token, "\r\n")] = '\0';
    return good;
}

/* The node's own words when it refuses. */
static int complain_of(const struct http_reply *reply)
{
    char text[HTTP_ERROR_MAX];
    json_t *json = json_loads(reply->body, 0, NULL);
    snprintf(text, sizeof(text), "%s", show_text(json, "error"));
    if (text[0] == '\0')
        snprintf(text, sizeof(text), "the node refused with HTTP status %d and no reason", reply->status);
    json_decref(json);
    return job_complain(RINGCTL_REFUSED, text);
}

int job_ask(const struct job *job, const char *path, const char *body, struct http_reply *reply)
{
    char error[HTTP_ERROR_MAX];
    struct http_request request = {.address = job->arguments.address,
                                   .token = job->token[0] != '\0' ? job->token : NULL,
                                   .path = path,
                                   .body = body};
    if (!http_ask(&request, reply, error))
        return job_complain(RINGCTL_UNREACHABLE, error);
    if (reply->status == 200)
        return RINGCTL_GOOD;
    int status = complain_of(reply);
    free(reply->body);
    return status;
}

/* Asks and shows. */
static int relay(const struct job *job, const char *path, const char *body, void (*show)(const json_t *, FILE *))
{
    struct http_reply reply;
    int status = job_ask(job, path, body, &reply);
    if (status != RINGCTL_GOOD)
        return status;
    json_t *json = json_loadb(reply.body, reply.len, 0, NULL);
    if (!json_is_object(json))
        status = job_complain(RINGCTL_UNREACHABLE, "the answer is not one of an admin port; name it with -a HOST:PORT");
    else if (job->arguments.json)
        puts(reply.body);
    else
        show(json, stdout);
    json_decref(json);
    free(reply.body);
    return status;
}

static void show_done(const json_t *json, FILE *out)
{
    show_line(out, show_text(json, "text"));
}

static int ask_key(const struct job *job)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    const char *key = job->arguments.words[0];
    size_t len = strlen(key);
    if (len == 0 || len > 250)
        return job_complain(RINGCTL_USAGE, "a key has 1 to 250 bytes");
    char path[1024];
    char *at = stpcpy(path, "/key?key=");
    for (; *key != '\0'; key++) {
        *at++ = '%';
        *at++ = DIGITS[(unsigned char)*key >> 4];
        *at++ = DIGITS[(unsigned char)*key & 15];
    }
    *at = '\0';
    return relay(job, path, NULL, show_key);
}

/* Takes over `body`. */
static int post(const struct job *job, const char *path, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    int status =
        text == NULL ? job_complain(RINGCTL_USAGE, "the words must be UTF-8") : relay(job, path, text, show_done);
    free(text);
    json_decref(body);
    return status;
}

static int ask_join(const struct job *job)
{
    json_t *body = json_object();
    json_object_set_new(body, "address", json_string(job->arguments.words[0]));
    return post(job, "/join", body);
}

static int ask_repair(const struct job *job)
{
    const char *word = job->arguments.words[0];
    uint64_t partition = 0;
    bool all = strcmp(word, "all") == 0;
    if (!all && (!decimal_read(bytes_of_text(word), &partition) || partition > UINT16_MAX))
        return job_complain(RINGCTL_USAGE, "repair wants a partition's number, or all");
    json_t *body = json_object();
    json_object_set_new(body, "partition", all ? json_string(word) : json_integer((json_int_t)partition));
    return post(job, "/repair", body);
}

static int ask_config(const struct job *job)
{
    const struct arguments *arguments = &job->arguments;
    if (arguments->word_count == 0)
        return relay(job, "/config", NULL, show_config);
    if (arguments->word_count == 1)
        return job_complain(RINGCTL_USAGE, "config BUCKET wants at least one OPTION=VALUE, such as r=1");
    json_t *body = json_object();
    json_object_set_new(body, "bucket", json_string(arguments->words[0]));
    for (int i = 1; i < arguments->word_count; i++) {
        char *word = arguments->words[i], *equals = strchr(word, '=');
        if (equals == NULL || equals == word) {
            json_decref(body);
            return job_complain(RINGCTL_USAGE, "settings are written OPTION=VALUE, such as r=1");
        }
        *equals = '\0';
        json_object_set_new(body, word, json_string(equals + 1));
    }
    return post(job, "/config", body);
}

uint64_t job_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void job_pause(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

bool job_seconds(const struct job *job, uint64_t usual, uint64_t *seconds)
{
    *seconds = usual;
    return job->arguments.word_count == 0
           || (decimal_read(bytes_of_text(job->arguments.words[0]), seconds) && *seconds <= SECONDS_MAX);
}

#define NOT_ALL_UP "not all members are up; ringctl status tells which"

/* NULL when the node serves and everybody is up, else what is missing. */
static const char *missing_in(const json_t *status)
{
    const json_t *members = json_object_get(status, "members");
    size_t i;
    json_t *member;
    if (show_text(status, "waits_for")[0] != '\0')
        return show_text(status, "waits_for");
    if (json_array_size(members) == 0)
        return "it has no ring yet";
    json_array_foreach(members, i, member)
    {
        if (strcmp(show_text(member, "state"), "up") != 0)
            return NOT_ALL_UP;
    }
    return NULL;
}

/* RINGCTL_GOOD when the wait is over. `why` (HTTP_ERROR_MAX bytes): why it is not. */
static int look(const struct job *job, char *why)
{
    struct http_reply reply;
    struct http_request request = {
        .address = job->arguments.address, .token = job->token[0] != '\0' ? job->token : NULL, .path = "/status"};
    if (!http_ask(&request, &reply, why))
        return RINGCTL_UNREACHABLE;
    json_t *json = json_loadb(reply.body, reply.len, 0, NULL);
    const char *missing = reply.status == 200 ? missing_in(json) : show_text(json, "error");
    bool serves = missing != NULL && strcmp(missing, NOT_ALL_UP) == 0;
    snprintf(why, HTTP_ERROR_MAX, "%s%.400s",
             serves ? "" : "the node does not serve yet: ", missing != NULL ? missing : "");
    int status = missing == NULL ? RINGCTL_GOOD : RINGCTL_REFUSED;
    json_decref(json);
    free(reply.body);
    return status;
}

static int wait_for_node(const struct job *job)
{
    char why[HTTP_ERROR_MAX];
    uint64_t seconds;
    if (!job_seconds(job, RINGCTL_PATIENCE_S, &seconds))
        return job_complain(RINGCTL_USAGE, "wait SECONDS: a whole number");
    uint64_t end = job_now_ms() + seconds * 1000;
    for (;;) {
        int status = look(job, why);
        if (status == RINGCTL_GOOD)
            return status;
        if (job_now_ms() >= end)
            return job_complain(status, why);
        job_pause(WAIT_PAUSE_MS);
    }
}

static int run(const struct job *job)
{
    switch (job->arguments.command) {
    case COMMAND_STATUS:
        return relay(job, "/status", NULL, show_status);
    case COMMAND_RING:
        return relay(job, "/ring", NULL, show_ring);
    case COMMAND_KEY:
        return ask_key(job);
    case COMMAND_JOIN:
        return ask_join(job);
    case COMMAND_CONFIG:
        return ask_config(job);
    case COMMAND_WAIT:
        return wait_for_node(job);
    case COMMAND_HINTS:
        return relay(job, "/hints", NULL, show_hints);
    case COMMAND_ANTIENTROPY:
        return relay(job, "/antientropy", NULL, show_antientropy);
    case COMMAND_REPAIR:
        return ask_repair(job);
    case COMMAND_VERIFY:
        return job_verify(job);
    case COMMANDS:
        break;
    }
    return RINGCTL_USAGE;
}

int ringctl_main(int argc, char **argv)
{
    struct job job = {0};
    if (!arguments_read(&job.arguments, argc, argv))
        return RINGCTL_USAGE;
    if (!job.arguments.act)
        return RINGCTL_GOOD;
    if (!read_token(&job))
        return RINGCTL_USAGE;
    int status = run(&job);
    if (status == RINGCTL_GOOD && (fflush(stdout) != 0 || ferror(stdout)))
        status = job_complain(RINGCTL_REFUSED, "cannot write to standard output");
    return status;
}
