#include "server/admin_verify.h"

#include "admin/repair.h"
#include "admin/report.h"
#include "base/check.h"
#include "server/admin_answer.h"

#include <stdlib.h>
#include <string.h>

static void on_surveyed(struct survey *survey);

static void look(struct admin_ask *ask)
{
    const struct admin_ports *ports = ask->asks->ports;
    struct admin_verify *verify = &ask->verify;
    verify->looks++;
    verify->is_under_way = true;
    verify->survey = (struct survey){.wanted = &verify->differing, .done = on_surveyed, .owner = ask};
    ports->survey(ports->host, &verify->survey);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct admin_ask *ask = context;
    const struct ring_view *view = ask->asks->ports->view(ask->asks->ports->host);
    if (ask->request != NULL && view != NULL && view->partition_count == ask->verify.differing.partitions) {
        look(ask);
        return;
    }
    admin_ask_answer(ask, HTTP_SERVUNAVAIL, report_error("the ring has changed meanwhile; ask again"));
    admin_ask_free(ask);
}

/* What has been seen to be the same need not be looked at again. false: somebody did not answer. */
static bool take_out_what_is_same(struct admin_verify *verify)
{
    bool all_answered = true;
    for (int at = partition_set_next(&verify->differing, 0); at >= 0;
         at = partition_set_next(&verify->differing, (uint32_t)at + 1)) {
        if (survey_is_same(&verify->survey, (uint32_t)at))
            partition_set_remove(&verify->differing, (uint32_t)at);
    }
    for (uint32_t i = 0; i < verify->survey.member_count; i++)
        all_answered = all_answered && verify->survey.members[i].outcome == SURVEY_ANSWERED;
    return all_answered;
}

/* Doubts were counted in the first look, hints in the last one. */
static void remember_first(struct admin_verify *verify)
{
    const struct survey *survey = &verify->survey;
    if (verify->first == NULL) {
        verify->epoch = survey->epoch;
        verify->first = malloc(survey->member_count * sizeof(*verify->first));
        CHECK_MEMORY(verify->first);
        memcpy(verify->first, survey->members, survey->member_count * sizeof(*verify->first));
    }
    for (uint32_t i = 0; i < survey->member_count; i++) {
        survey->members[i].doubtful = verify->first[i].doubtful;
        survey->members[i].behind = verify->first[i].behind;
    }
}

static void answer(struct admin_ask *ask, const struct ring_view *view)
{
    const struct verify_source source = {
        .survey = &ask->verify.survey, .view = view, .differing = &ask->verify.differing, .looks = ask->verify.looks};
    admin_ask_answer(ask, HTTP_OK, report_verify(&source));
}

static void on_surveyed(struct survey *survey)
{
    struct admin_ask *ask = survey->owner;
    struct admin_verify *verify = &ask->verify;
    const struct ring_view *view = ask->asks->ports->view(ask->asks->ports->host);
    const struct timeval pause = {.tv_usec = VERIFY_PAUSE_MS * 1000};
    bool is_of_view = view != NULL && view->epoch == survey->epoch;
    bool is_of_first = verify->first == NULL || verify->epoch == survey->epoch;
    verify->is_under_way = false;
    if (ask->request != NULL && is_of_view && is_of_first) {
        bool all_answered = take_out_what_is_same(verify);
        remember_first(verify);
        if (all_answered && partition_set_next(&verify->differing, 0) >= 0 && verify->looks < VERIFY_LOOKS_MAX) {
            node_survey_finish(survey);
            evtimer_add(&verify->again, &pause);
            return;
        }
        answer(ask, view);
    } else {
        admin_ask_answer(ask, HTTP_SERVUNAVAIL, report_error("the ring has changed meanwhile; ask again"));
    }
    admin_ask_free(ask);
}

void admin_verify_answer(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct ring_view *view = admin_need_view(asks, request);
    struct admin_ask *ask = view != NULL ? admin_ask_new(asks, request) : NULL;
    if (ask == NULL)
        return;
    partition_set_init(&ask->verify.differing, view->partition_count);
    for (uint32_t i = 0; i < view->partition_count; i++)
        partition_set_add(&ask->verify.differing, i);
    evtimer_assign(&ask->verify.again, asks->base, on_again, ask);
    look(ask);
}

void admin_verify_close(struct admin_verify *verify)
{
    CHECK(!verify->is_under_way);
    if (verify->differing.words != NULL)
        evtimer_del(&verify->again);
    node_survey_finish(&verify->survey);
    partition_set_close(&verify->differing);
    free(verify->first);
    verify->first = NULL;
}
