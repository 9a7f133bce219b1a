/* One call of ringctl: what was asked for, and asking it. Within the room. */
#ifndef RINGCTL_JOB_H
#define RINGCTL_JOB_H

#include "ringctl/arguments.h"
#include "ringctl/http.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SECONDS_MAX = 1 << 20 };

struct job {
    struct arguments arguments;
    char token[HTTP_TOKEN_MAX + 2];
};

/* Prints the text as ringctl's complaint and returns `status`. */
int job_complain(int status, const char *text);
/* Asks; body NULL: GET. *reply is to be freed when the status is RINGCTL_GOOD; else a complaint has been printed. */
int job_ask(const struct job *job, const char *path, const char *body, struct http_reply *reply);
/* The number of seconds in the first word behind the command, `usual` without one. false: it makes no sense. */
bool job_seconds(const struct job *job, uint64_t usual, uint64_t *seconds);
/* Milliseconds of a clock that is never set; and waiting. */
uint64_t job_now_ms(void);
void job_pause(unsigned ms);

/* verify.c: compares all copies until they are the same or the time is over. */
int job_verify(const struct job *job);

#endif
