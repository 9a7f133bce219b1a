#include "load_thread.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256 };

/* A server that has been silent for so long will not answer any more. */
static const uint64_t silence_max_ns = 10000000000;

uint64_t load_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static unsigned connection_number(const struct load_thread *thread, unsigned index)
{
    return thread->number + index * thread->options->threads;
}

/* Asks epoll for room in the socket only while the client has something left to send. */
static void watch(const struct load_thread *thread, struct load_client *client, int operation)
{
    uint32_t events = load_client_is_blocked(client) ? EPOLLIN | EPOLLOUT : EPOLLIN;
    struct epoll_event event = {.events = events, .data.ptr = client};
    CHECK(epoll_ctl(thread->epoll, operation, client->socket, &event) == 0);
}

bool load_thread_open(struct load_thread *thread, const struct load_options *options, unsigned number)
{
    unsigned count = (options->connections - number + options->threads - 1) / options->threads;
    *thread = (struct load_thread){.options = options, .number = number, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    thread->clients = calloc(count, sizeof *thread->clients);
    CHECK_MEMORY(thread->clients);
    if (thread->epoll < 0) {
        perror("ringcached-load: epoll_create1");
        return false;
    }
    for (; thread->client_count < count; thread->client_count++) {
        struct load_client *client = &thread->clients[thread->client_count];
        if (!load_client_open(client, options, connection_number(thread, thread->client_count))) {
            perror("ringcached-load: cannot connect to the server");
            return false;
        }
        watch(thread, client, EPOLL_CTL_ADD);
    }
    return true;
}

static void lose(struct load_thread *thread, struct load_client *client)
{
    thread->connections_lost++;
    load_client_close(client, &thread->counts);
}

static void send_more(struct load_thread *thread, struct load_client *client)
{
    bool was_blocked = load_client_is_blocked(client);
    if (!load_client_send(client, load_clock_ns()))
        lose(thread, client);
    else if (was_blocked != load_client_is_blocked(client))
        watch(thread, client, EPOLL_CTL_MOD);
}

/* Starts a phase on every connection that is still there and returns how many have something to do. */
static unsigned start(struct load_thread *thread, enum load_phase phase)
{
    const struct load_options *options = thread->options;
    unsigned busy = 0;
    for (unsigned i = 0; i < thread->client_count; i++) {
        struct load_client *client = &thread->clients[i];
        if (client->socket < 0)
            continue;
        if (phase == LOAD_PREFILL)
            load_client_prefill(client, connection_number(thread, i));
        else
            load_client_mix(client, options->requests == 0 ? UINT64_MAX : options->requests);
        send_more(thread, client);
        busy += !load_client_is_idle(client);
    }
    return busy;
}

/* Serves one event; true when the connection had something to do before and has not now. */
static bool serve(struct load_thread *thread, struct load_client *client, uint32_t events, bool stopping)
{
    if (client->socket < 0)
        return false;
    bool was_busy = !load_client_is_idle(client);
    if (stopping)
        load_client_stop(client);
    bool readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
    if (readable && !load_client_receive(client, load_clock_ns, &thread->counts))
        lose(thread, client);
    else
        send_more(thread, client);
    return was_busy && load_client_is_idle(client);
}

static void stop_all(struct load_thread *thread, unsigned *busy)
{
    for (unsigned i = 0; i < thread->client_count; i++) {
        struct load_client *client = &thread->clients[i];
        bool was_busy = !load_client_is_idle(client);
        load_client_stop(client);
        *busy -= was_busy && load_client_is_idle(client);
    }
}

static void give_up_on_silence(struct load_thread *thread)
{
    fprintf(stderr, "ringcached-load: the server has been silent for %u s\n", (unsigned)(silence_max_ns / 1000000000));
    for (unsigned i = 0; i < thread->client_count; i++)
        if (thread->clients[i].socket >= 0 && !load_client_is_idle(&thread->clients[i]))
            lose(thread, &thread->clients[i]);
}

void load_thread_run(struct load_thread *thread, enum load_phase phase)
{
    thread->counts = (struct load_counts){0};
    uint64_t begin = load_clock_ns(), last = begin;
    uint64_t end = phase == LOAD_MIX && thread->options->seconds > 0
                       ? begin + (uint64_t)thread->options->seconds * 1000000000
                       : UINT64_MAX;
    bool stopping = false;
    unsigned busy = start(thread, phase);
    while (busy > 0) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(thread->epoll, events, EVENTS_MAX, 100);
        CHECK(count >= 0 || errno == EINTR);
        uint64_t now = load_clock_ns();
        if (!stopping && now >= end) {
            stopping = true;
            stop_all(thread, &busy);
        }
        for (int i = 0; i < count; i++)
            busy -= serve(thread, events[i].data.ptr, events[i].events, stopping);
        if (count > 0)
            last = now;
        else if (now - last > silence_max_ns) {
            give_up_on_silence(thread);
            break;
        }
    }
    thread->duration_ns = load_clock_ns() - begin;
}

void load_thread_close(struct load_thread *thread)
{
    for (unsigned i = 0; i < thread->client_count; i++) {
        load_client_close(&thread->clients[i], &thread->counts);
        load_client_free(&thread->clients[i]);
    }
    free(thread->clients);
    if (thread->epoll >= 0)
        close(thread->epoll);
}
