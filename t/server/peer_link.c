/* Two ends of a connection between nodes, over real sockets: handshake, frames of all sizes, refusals, hand-over, and
 * when a dialler tries again. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "server/peer_acceptor.h"
#include "server/peer_dialer.h"
#include "server/peer_link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16384, FRAME_MAX = 1 << 20, OUT_MAX = 1 << 20, ROUNDS_MAX = 20000 };

struct end {
    struct peer_hub hub;
    struct handshake_identity identity;
    uint8_t buffer[BUFFER_BYTES];
    struct peer_link *up; /* the last one */
    unsigned ups, downs, frames;
    uint64_t bytes, sum; /* of the heads that came */
    char fault[PEER_FAULT_MAX];
    bool refuses_frames, sends_away;
    struct peer_arrival *arrival;
    struct peer_acceptor *acceptor;
};

struct fixture {
    struct event_base *base;
    struct logger log;
    int log_fd;
    struct address_book *book;
    struct end dialler, acceptor;
    struct peer_acceptor peers;
    struct peer_dialer messenger;
    char address[32];
};

static bool on_up(void *host, struct peer_link *link)
{
    struct end *end = host;
    end->ups++;
    end->up = link;
    if (end->sends_away) {
        end->arrival = peer_link_depart(link);
        return false;
    }
    return link->target == NULL || peer_dialer_on_up(link);
}

static bool on_frame(void *host, struct peer_link *link, const struct frame *frame)
{
    struct end *end = host;
    (void)link;
    end->frames++;
    end->bytes += frame->head.len;
    for (size_t i = 0; i < frame->head.len; i++)
        end->sum += frame->head.at[i];
    return !end->refuses_frames;
}

static void on_down(void *host, struct peer_link *link)
{
    struct end *end = host;
    end->downs++;
    snprintf(end->fault, sizeof(end->fault), "%s", link->fault);
    if (end->up == link)
        end->up = NULL;
    if (link->target != NULL)
        peer_dialer_on_down(link);
    else if (!link->was_up && end->acceptor != NULL)
        peer_acceptor_on_refused(end->acceptor, link);
}

static void end_init(struct end *end, struct fixture *f, const char *name, uint64_t incarnation)
{
    end->identity = (struct handshake_identity){.cluster = "blue", .node = name, .incarnation = incarnation};
    end->hub = (struct peer_hub){.base = f->base,
                                 .log = &f->log,
                                 .identity = &end->identity,
                                 .buffer = end->buffer,
                                 .buffer_bytes = BUFFER_BYTES,
                                 .frame_max = FRAME_MAX,
                                 .out_max = OUT_MAX,
                                 .ports = {on_up, on_frame, on_down, end}};
    peer_hub_init(&end->hub);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct config config;
    struct listeners listeners;
    assert_non_null(f);
    f->base = event_base_new();
    f->log_fd = memfd_create("log", MFD_CLOEXEC);
    logger_init(&f->log, f->log_fd, 0);
    f->book = address_book_new();
    end_init(&f->dialler, f, "a", 1);
    end_init(&f->acceptor, f, "b", 2);
    config_init(&config);
    assert_true(listeners_open_peers(&listeners, "127.0.0.1", 0, &config, &f->log));
    config_close(&config);
    snprintf(f->address, sizeof(f->address), "127.0.0.1:%d", listeners.tcp_port);
    peer_acceptor_init(&f->peers, &f->acceptor.hub, &listeners);
    f->acceptor.acceptor = &f->peers;
    peer_dialer_init(&f->messenger, &f->dialler.hub, f->book, PLANE_MEMBERSHIP, 7, true, 42);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    peer_dialer_close(&f->messenger);
    f->acceptor.acceptor = NULL;
    peer_acceptor_close(&f->peers);
    peer_hub_close(&f->dialler.hub);
    peer_hub_close(&f->acceptor.hub);
    address_book_free(f->book);
    event_base_free(f->base);
    logger_close(&f->log);
    close(f->log_fd);
    free(f);
    return 0;
}

static struct peer_link *dial(struct fixture *f, enum handshake_plane plane)
{
    struct sockaddr_storage to;
    socklen_t len;
    assert_true(address_book_find(f->book, f->address, &to, &len));
    struct peer_link *link = peer_link_dial(&f->dialler.hub, (struct sockaddr *)&to, len, f->address, plane, 7);
    assert_non_null(link);
    return link;
}

static void turn(struct fixture *f)
{
    event_base_loop(f->base, EVLOOP_ONCE);
    peer_hub_bury(&f->dialler.hub);
    peer_hub_bury(&f->acceptor.hub);
}

#define TURN_UNTIL(f, condition)                                                                                       \
    do {                                                                                                               \
        for (unsigned rounds = 0; !(condition); rounds++) {                                                            \
            assert_in_range(rounds, 0, ROUNDS_MAX);                                                                    \
            turn(f);                                                                                                   \
        }                                                                                                              \
    } while (0)

static void connect_both(struct fixture *f, enum handshake_plane plane)
{
    dial(f, plane);
    TURN_UNTIL(f, f->dialler.ups == 1 && f->acceptor.ups == 1);
}

static bool has_logged(struct fixture *f, const char *text)
{
    static char said[65536];
    ssize_t len = pread(f->log_fd, said, sizeof(said) - 1, 0);
    said[len > 0 ? len : 0] = '\0';
    return strstr(said, text) != NULL;
}

static void both_ends_know_who_is_there(void **state)
{
    struct fixture *f = *state;
    connect_both(f, PLANE_DATA);
    assert_string_equal(f->dialler.up->peer.node, "b");
    assert_int_equal(f->dialler.up->link.peer, ring_node_id("b"));
    assert_true(f->dialler.up->link.is_dialled);
    assert_string_equal(f->acceptor.up->peer.node, "a");
    assert_int_equal(f->acceptor.up->link.peer_incarnation, 1);
    assert_int_equal(f->acceptor.up->plane, PLANE_DATA);
    assert_int_equal(f->acceptor.up->peer.loop, 7);
    assert_int_equal(f->acceptor.hub.shaking, 0);
    peer_link_close(f->dialler.up, "enough");
    TURN_UNTIL(f, f->acceptor.downs == 1);
    assert_string_equal(f->acceptor.fault, "closed by the other side");
}

/* Sizes around the buffer's, and frames far larger; many in one chain. */
static void frames_of_any_size_arrive_whole_and_in_order(void **state)
{
    struct fixture *f = *state;
    static uint8_t content[FRAME_MAX];
    uint64_t seed = 20261121, frames = 0, bytes = 0, sum = 0;
    struct prng prng;
    prng_init(&prng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    connect_both(f, PLANE_DATA);
    for (unsigned i = 0; i < 200; i++) {
        size_t len = i % 20 == 0  ? FRAME_MAX - FRAME_HEADER_BYTES - 1
                     : i % 3 == 0 ? BUFFER_BYTES - 40 + prng_below(&prng, 40)
                                  : prng_below(&prng, 500);
        for (size_t at = 0; at < len; at += 97)
            sum += content[at] = (uint8_t)prng_next(&prng);
        for (size_t at = 0; at < len; at++)
            bytes++;
        frame_append(&f->dialler.up->link.out, MESSAGE_READ, bytes_of(content, len));
        frames++;
        for (size_t at = 0; at < len; at += 97)
            content[at] = 0;
        if (i % 7 == 0)
            peer_link_flush(f->dialler.up);
    }
    peer_link_flush(f->dialler.up);
    TURN_UNTIL(f, f->acceptor.frames == frames);
    assert_int_equal(f->acceptor.bytes, bytes);
    assert_int_equal(f->acceptor.sum, sum);
    assert_int_equal(f->dialler.up->link.out.len, 0);
    assert_int_equal(f->acceptor.up->partial_room, 0); /* an idle link keeps no large buffer */
}

static void a_frame_beyond_the_limit_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    static const uint8_t content[FRAME_MAX];
    connect_both(f, PLANE_DATA);
    frame_append(&f->dialler.up->link.out, MESSAGE_READ, bytes_of(content, sizeof(content)));
    peer_link_flush(f->dialler.up);
    TURN_UNTIL(f, f->acceptor.downs == 1);
    assert_int_equal(f->acceptor.frames, 0);
    assert_string_equal(f->acceptor.fault, "a damaged frame");
    assert_true(has_logged(f, "node a at 127.0.0.1:"));
}

static void a_malformed_message_ends_the_connection_and_is_logged(void **state)
{
    struct fixture *f = *state;
    f->acceptor.refuses_frames = true;
    connect_both(f, PLANE_DATA);
    frame_append(&f->dialler.up->link.out, MESSAGE_READ, bytes_of("x", 1));
    frame_append(&f->dialler.up->link.out, MESSAGE_READ, bytes_of("y", 1));
    peer_link_flush(f->dialler.up);
    TURN_UNTIL(f, f->acceptor.downs == 1 && f->dialler.downs == 1);
    assert_int_equal(f->acceptor.frames, 1); /* nothing behind it is looked at */
    assert_true(has_logged(f, "sent a malformed message"));
}

static void wrong_cluster_and_wrong_secret_are_refused_and_logged(void **state)
{
    struct fixture *f = *state;
    f->dialler.identity.cluster = "red";
    dial(f, PLANE_DATA);
    TURN_UNTIL(f, f->acceptor.downs == 1 && f->dialler.downs == 1);
    assert_int_equal(f->peers.refusals, 1);
    assert_true(has_logged(f, "refused a connection from 127.0.0.1:"));
    f->dialler.identity.cluster = "blue";
    f->dialler.identity.secret = bytes_of("other", 5);
    dial(f, PLANE_DATA);
    TURN_UNTIL(f, f->acceptor.downs == 2 && f->dialler.downs == 2);
    assert_int_equal(f->dialler.ups + f->acceptor.ups, 0);
    assert_int_equal(f->dialler.hub.shaking + f->acceptor.hub.shaking, 0);
}

static void who_says_nothing_is_cut_off(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage to;
    socklen_t len;
    assert_true(address_book_find(f->book, f->address, &to, &len));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, len), 0);
    TURN_UNTIL(f, f->acceptor.hub.shaking == 1);
    TURN_UNTIL(f, f->acceptor.downs == 1);
    assert_string_equal(f->acceptor.fault, "no handshake within 3 s");
    close(fd);
}

static void a_link_goes_to_another_hub_and_carries_on(void **state)
{
    struct fixture *f = *state;
    struct end worker = {0};
    end_init(&worker, f, "b", 2);
    f->acceptor.sends_away = true;
    connect_both(f, PLANE_DATA);
    assert_non_null(f->acceptor.arrival);
    frame_append(&f->dialler.up->link.out, MESSAGE_READ, bytes_of("abc", 3));
    peer_link_flush(f->dialler.up);
    peer_link_arrive(&worker.hub, f->acceptor.arrival);
    TURN_UNTIL(f, worker.frames == 1);
    assert_string_equal(worker.up->peer.node, "a");
    assert_int_equal(worker.sum, 'a' + 'b' + 'c');
    assert_int_equal(f->acceptor.downs, 0);
    assert_int_equal(f->acceptor.hub.traffic.links_up, 0);
    peer_hub_close(&worker.hub);
}

static void who_does_not_take_replies_is_asked_for_no_more_requests(void **state)
{
    struct fixture *f = *state;
    static const uint8_t content[FRAME_MAX / 2];
    connect_both(f, PLANE_DATA);
    struct peer_link *link = f->acceptor.up;
    /* More than sockets hold: the dialler has not read any of it yet. */
    for (unsigned i = 0; i < 64; i++)
        frame_append(&link->link.out, MESSAGE_READ_REPLY, bytes_of(content, sizeof(content)));
    peer_link_flush(link);
    assert_true(link->link.out.len > OUT_MAX);
    assert_int_equal(link->watched, EV_WRITE);
    assert_true(peer_hub_has_replies(&f->acceptor.hub));
    TURN_UNTIL(f, f->dialler.frames == 64);
    TURN_UNTIL(f, link->watched == EV_READ);
    assert_false(peer_hub_has_replies(&f->acceptor.hub));
    peer_hub_drain(&f->acceptor.hub);
    assert_int_equal(link->watched, 0);
    assert_int_equal(f->dialler.up->watched, EV_READ);
}

/* The socket was full already when the replies grew beyond what may wait. */
static void replies_that_grow_behind_a_full_socket_stop_requests_too(void **state)
{
    struct fixture *f = *state;
    static const uint8_t content[FRAME_MAX / 8];
    connect_both(f, PLANE_DATA);
    struct peer_link *link = f->acceptor.up;
    while (link->link.out.len == 0) {
        frame_append(&link->link.out, MESSAGE_READ_REPLY, bytes_of(content, sizeof(content)));
        peer_link_flush(link);
    }
    assert_int_equal(link->watched, EV_READ | EV_WRITE);
    while (link->link.out.len <= OUT_MAX)
        frame_append(&link->link.out, MESSAGE_READ_REPLY, bytes_of(content, sizeof(content)));
    peer_link_flush(link);
    assert_int_equal(link->watched, EV_WRITE);
    TURN_UNTIL(f, link->watched == EV_READ);
}

static void messages_wait_for_their_link_and_then_go(void **state)
{
    struct fixture *f = *state;
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("ab", 2));
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("c", 1));
    assert_int_equal(f->messenger.count, 1);
    TURN_UNTIL(f, f->acceptor.frames == 2);
    assert_int_equal(f->acceptor.up->plane, PLANE_MEMBERSHIP);
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("d", 1));
    TURN_UNTIL(f, f->acceptor.frames == 3);
    assert_int_equal(f->acceptor.sum, 'a' + 'b' + 'c' + 'd');
}

static void messages_for_who_is_not_there_are_dropped_and_the_trouble_is_logged_once(void **state)
{
    struct fixture *f = *state;
    peer_acceptor_close(&f->peers);
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("a", 1));
    TURN_UNTIL(f, f->dialler.downs == 1);
    struct peer_target *target = CONTAINER_OF(f->messenger.targets.next, struct peer_target, place);
    assert_true(target->pausing && target->link == NULL && target->failures == 1);
    assert_int_equal(target->waiting.len, 0);
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("a", 1));
    assert_null(target->link); /* not before the pause is over */
    TURN_UNTIL(f, !target->pausing);
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("a", 1));
    TURN_UNTIL(f, target->failures == 2);
    assert_true(has_logged(f, "Connection refused"));
}

static void a_dialler_follows_the_ring(void **state)
{
    struct fixture *f = *state;
    struct peer_dialer data;
    struct ring_member members[2] = {{.weight = RING_WEIGHT_ONE, .name = "a"},
                                     {.weight = RING_WEIGHT_ONE, .name = "b"}};
    struct ring_settings settings = {
        .cluster = 1, .partition_count = 16, .strategy = RING_CLAIMED_PARTITIONS, .copies = 2, .tokens = 1};
    members[0].id = ring_node_id("a");
    members[1].id = ring_node_id("b");
    memcpy(members[1].peer, f->address, sizeof(f->address));
    struct ring_view *view = ring_view_new(&settings, members, 2), *alone = ring_view_new_single("a", 16);
    assert_non_null(view);
    peer_dialer_init(&data, &f->dialler.hub, f->book, PLANE_DATA, 0, true, 42);
    peer_dialer_follow(&data, view, members[0].id);
    assert_int_equal(data.count, 1);
    TURN_UNTIL(f, f->dialler.ups == 1 && f->acceptor.ups == 1);
    /* It comes back when the other side has closed. */
    peer_link_close(f->acceptor.up, "restarts");
    TURN_UNTIL(f, f->dialler.ups == 2 && f->acceptor.ups == 2);
    peer_dialer_follow(&data, view, members[0].id); /* changes nothing */
    assert_int_equal(f->dialler.hub.shaking, 0);
    assert_non_null(f->dialler.up);
    peer_dialer_follow(&data, alone, members[0].id);
    assert_int_equal(data.count, 0);
    assert_int_equal(f->dialler.downs, 2);
    peer_dialer_close(&data);
    ring_view_free(view);
    ring_view_free(alone);
}

/* Somebody who takes every connection and ends it at once must not be dialled in a circle. */
static void a_node_that_ends_its_links_is_dialled_ever_more_slowly(void **state)
{
    struct fixture *f = *state;
    peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("a", 1));
    struct peer_target *target = CONTAINER_OF(f->messenger.targets.next, struct peer_target, place);
    for (unsigned times = 1; times <= 4; times++) {
        TURN_UNTIL(f, f->dialler.ups == times && f->acceptor.ups == times);
        peer_link_close(f->acceptor.up, "not wanted");
        TURN_UNTIL(f, f->dialler.downs == times);
        assert_int_equal(target->failures, times);
        TURN_UNTIL(f, !target->pausing);
        peer_dialer_send(&f->messenger, f->address, MESSAGE_OF_MEMBERSHIP, bytes_of("a", 1));
    }
    TURN_UNTIL(f, f->dialler.ups == 5 && f->acceptor.ups == 5);
    target->up_ns -= (uint64_t)DIAL_STEADY_MS * 1000000; /* it has lasted */
    peer_link_close(f->acceptor.up, "restarts");
    TURN_UNTIL(f, f->dialler.downs == 5);
    assert_int_equal(target->failures, 1);
}

static void another_node_at_a_members_address_is_not_taken_for_it(void **state)
{
    struct fixture *f = *state;
    struct peer_dialer data;
    struct ring_member members[2] = {{.weight = RING_WEIGHT_ONE, .name = "a"},
                                     {.weight = RING_WEIGHT_ONE, .name = "c"}};
    struct ring_settings settings = {
        .cluster = 1, .partition_count = 16, .strategy = RING_CLAIMED_PARTITIONS, .copies = 2, .tokens = 1};
    members[0].id = ring_node_id("a");
    members[1].id = ring_node_id("c");
    memcpy(members[1].peer, f->address, sizeof(f->address));
    struct ring_view *view = ring_view_new(&settings, members, 2);
    peer_dialer_init(&data, &f->dialler.hub, f->book, PLANE_DATA, 0, true, 42);
    peer_dialer_follow(&data, view, members[0].id);
    TURN_UNTIL(f, f->dialler.downs == 1);
    assert_string_equal(f->dialler.fault, "node b answers there");
    peer_dialer_close(&data);
    ring_view_free(view);
}

/* 50 ms up to a bound that doubles: 100, 200, 400, 800, 1600, then 2000 for ever. */
static void pauses_grow_and_stay_within_their_bounds(void **state)
{
    (void)state;
    static const uint32_t BOUNDS[] = {100, 200, 400, 800, 1600, 2000, 2000, 2000};
    for (unsigned failures = 1; failures <= sizeof(BOUNDS) / sizeof(BOUNDS[0]); failures++) {
        uint32_t bound = BOUNDS[failures - 1], longest = 0;
        for (uint32_t chance = 0; chance < 4000; chance++) {
            uint32_t pause = dial_pause_ms(failures, chance);
            assert_in_range(pause, DIAL_PAUSE_MS_MIN, bound);
            longest = pause > longest ? pause : longest;
        }
        assert_int_equal(longest, bound);
    }
    assert_in_range(dial_pause_ms(1000000, UINT32_MAX), DIAL_PAUSE_MS_MIN, DIAL_PAUSE_MS_MAX);
}

static void names_are_looked_up_beside_the_loop(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage to;
    socklen_t len;
    unsigned rounds = 0;
    assert_false(address_book_find(f->book, "localhost:7", &to, &len)); /* asks, and does not wait */
    while (!address_book_find(f->book, "localhost:7", &to, &len)) {
        assert_in_range(++rounds, 0, ROUNDS_MAX);
        usleep(1000);
    }
    assert_true(to.ss_family == AF_INET || to.ss_family == AF_INET6);
    assert_true(address_book_find(f->book, "[::1]:7", &to, &len));
    assert_int_equal(to.ss_family, AF_INET6);
    assert_false(address_book_find(f->book, "no address", &to, &len));
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    alarm(120); /* an event that never comes would be waited for without end */
    const struct CMUnitTest tests[] = {
        CLAIM(both_ends_know_who_is_there),
        CLAIM(frames_of_any_size_arrive_whole_and_in_order),
        CLAIM(a_frame_beyond_the_limit_ends_the_connection),
        CLAIM(a_malformed_message_ends_the_connection_and_is_logged),
        CLAIM(wrong_cluster_and_wrong_secret_are_refused_and_logged),
        CLAIM(who_says_nothing_is_cut_off),
        CLAIM(a_link_goes_to_another_hub_and_carries_on),
        CLAIM(who_does_not_take_replies_is_asked_for_no_more_requests),
        CLAIM(replies_that_grow_behind_a_full_socket_stop_requests_too),
        CLAIM(messages_wait_for_their_link_and_then_go),
        CLAIM(messages_for_who_is_not_there_are_dropped_and_the_trouble_is_logged_once),
        CLAIM(a_dialler_follows_the_ring),
        CLAIM(a_node_that_ends_its_links_is_dialled_ever_more_slowly),
        CLAIM(another_node_at_a_members_address_is_not_taken_for_it),
        CLAIM(pauses_grow_and_stay_within_their_bounds),
        CLAIM(names_are_looked_up_beside_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
