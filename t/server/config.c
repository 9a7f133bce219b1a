/* Command line and configuration file: what is accepted, and how everything else is refused. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/address.h"
#include "server/config.h"
#include "server/listen.h"
#include "server/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 48 };

struct fixture {
    struct config config;
    char error[CONFIG_ERROR_MAX];
    char path[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->path, "/tmp/ringcached-conf-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    unsetenv("STATE_DIRECTORY");
    config_init(&f->config);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    config_close(&f->config);
    unlink(f->path);
    free(f);
    return 0;
}

/* Reads "ringcached" and the words of `line`. */
static bool read_line(struct fixture *f, const char *line)
{
    char copy[512], *words[WORDS_MAX] = {"ringcached"}, *rest = NULL;
    int count = 1;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    f->error[0] = '\0';
    return config_read_arguments(&f->config, count, words, f->error);
}

static void again(struct fixture *f)
{
    config_close(&f->config);
    config_init(&f->config);
}

static bool read_text(struct fixture *f, const void *text, size_t len)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
    again(f);
    f->error[0] = '\0';
    return config_read_file(&f->config, f->path, f->error) && config_finish(&f->config, f->error);
}

static void assert_file_refused(struct fixture *f, const char *text, unsigned line, const char *says)
{
    char where[80];
    snprintf(where, sizeof(where), "%s:%u: ", f->path, line);
    assert_false(read_text(f, text, strlen(text)));
    if (strncmp(f->error, where, strlen(where)) != 0 || strstr(f->error, says) == NULL)
        fail_msg("expected \"%s...%s\", got \"%s\"", where, says, f->error);
}

static void assert_line_refused(struct fixture *f, const char *line, const char *says)
{
    again(f);
    if (read_line(f, line))
        fail_msg("%s has been accepted", line);
    if (strstr(f->error, says) == NULL)
        fail_msg("%s: expected \"%s\", got \"%s\"", line, says, f->error);
}

static void defaults_are_those_of_memcached(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, ""));
    assert_int_equal(f->config.port, 11211);
    assert_int_equal(f->config.memory_mb, 64);
    assert_int_equal(f->config.connections_max, 1024);
    assert_int_equal(f->config.threads, 4);
    assert_int_equal(f->config.backlog, 1024);
    assert_int_equal(f->config.requests_per_event, 20);
    assert_int_equal(f->config.value_max, 1 << 20);
    assert_int_equal(f->config.unix_mask, 0700);
    assert_int_equal(f->config.dialects, SESSION_ANY);
    assert_false(f->config.connections_wait);
    assert_null(f->config.ignored);
    assert_string_equal(f->config.data, "./ringcached-data");
}

static void memcached_flags_set_what_they_name(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, "-p 0 -s /tmp/x.sock -a 0777 -A -m 1024 -M -c 77 -t 2 -b 9 -R 5 -C -F -I 2m -vv -D /"));
    assert_int_equal(f->config.port, 0);
    assert_string_equal(f->config.unix_socket, "/tmp/x.sock");
    assert_int_equal(f->config.unix_mask, 0777);
    assert_true(f->config.shutdown_enabled && f->config.evictions_disabled && f->config.cas_disabled);
    assert_true(f->config.flush_disabled);
    assert_int_equal(f->config.memory_mb, 1024);
    assert_int_equal(f->config.connections_max, 77);
    assert_int_equal(f->config.threads, 2);
    assert_int_equal(f->config.backlog, 9);
    assert_int_equal(f->config.requests_per_event, 5);
    assert_int_equal(f->config.value_max, 2 << 20);
    assert_int_equal(f->config.verbosity, 2);
    assert_string_equal(f->config.delimiter, "/");
}

static void flags_that_mean_nothing_here_are_noted_once(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, "-f 1.1 -L -o slab_chunk_max=16384,no_lru_crawler -o relaxed_privileges,modern"));
    assert_string_equal(f->config.ignored, "-f, -L, -o slab_chunk_max, -o no_lru_crawler, -o relaxed_privileges, "
                                           "-o modern");
}

static void all_extended_options_of_the_test_suite_are_accepted(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, "-m 64 -U 0 -o ext_page_size=8,ext_wbuf_size=2,ext_threads=1,ext_io_depth=2,"
                             "ext_item_size=512,ext_item_age=2,ext_recache_rate=10000,ext_max_frag=0.9,"
                             "ext_path=/tmp/x:64m,slab_automove=0,ext_compact_under=1,no_lru_crawler"));
    again(f);
    assert_true(read_line(f, "-o idle_timeout=3,no_maxconns_fast"));
    assert_int_equal(f->config.idle_timeout_s, 3);
    assert_true(f->config.connections_wait);
}

static void a_udp_port_alone_names_the_tcp_port_as_in_memcached(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, "-U 4711"));
    assert_int_equal(f->config.port, 4711);
    assert_non_null(strstr(f->config.ignored, "UDP is not offered"));
    again(f);
    assert_true(read_line(f, "-U 4711 -p 4712"));
    assert_int_equal(f->config.port, 4712);
}

static void bad_command_lines_are_refused_with_what_would_be_accepted(void **state)
{
    struct fixture *f = *state;
    assert_line_refused(f, "-t 0", "from 1 to 256");
    assert_line_refused(f, "-t four", "from 1 to 256");
    assert_line_refused(f, "-t 4x", "from 1 to 256");
    assert_line_refused(f, "-t -1", "from 1 to 256");
    assert_line_refused(f, "-c 0", "a number from 1");
    assert_line_refused(f, "-m 18446744073709551616", "a number from 1");
    assert_line_refused(f, "-p 65536", "a port from 0 to 65535");
    assert_line_refused(f, "-I 1023", "from 1k to 128m");
    assert_line_refused(f, "-I 129m", "from 1k to 128m");
    assert_line_refused(f, "-I 64m", "1/2 of memory max");
    assert_line_refused(f, "-B latin", "auto, ascii, binary");
    assert_line_refused(f, "-a 888", "octal");
    assert_line_refused(f, "-S", "needs --auth-file");
    assert_line_refused(f, "-Y /x -B binary", "ascii protocol only");
    assert_line_refused(f, "-S -Y /x -B ascii", "binary protocol only");
    assert_line_refused(f, "-Z", "TLS");
    assert_line_refused(f, "-o no_such_thing", "no_such_thing");
    assert_line_refused(f, "-o ssl_key=x", "TLS");
    assert_line_refused(f, "-o hashpower", "needs a value");
    assert_line_refused(f, "-o idle_timeout=soon", "a number of seconds");
    assert_line_refused(f, "-p 0", "nothing to listen on");
    assert_line_refused(f, "--engine berkeley", "lmdb, memory");
    assert_line_refused(f, "--map-size 1x", "k, m, g, t");
    assert_line_refused(f, "--log-segment 100", "from 64k to 2g");
    assert_line_refused(f, "--grace 1y", "ms, s, m, h, d");
    assert_line_refused(f, "--partitions 1000", "a power of two");
    assert_line_refused(f, "--map-size 100m --map-reserve 60m", "at most half");
    assert_line_refused(f, "--map-size 100m --map-reserve 9m", "at least 10m");
    assert_line_refused(f, "--map-size 19m", "at least 20m");
    assert_line_refused(f, "--no-such-option", "--no-such-option");
    assert_line_refused(f, "-q", "-q is not an option");
    assert_line_refused(f, "-p", "needs an argument");
    assert_line_refused(f, "--port", "needs an argument");
    assert_line_refused(f, "11211", "is not an option");
    assert_line_refused(f, "--reconcile lww", "is not an option"); /* a bucket's, in files only */
    assert_line_refused(f, "--config /tmp/ringcached-no-such-file", "No such file");
}

static void a_node_alone_has_no_peers_and_one_that_names_them_has(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, ""));
    assert_false(config_has_peers(&f->config));
    assert_string_equal(f->config.cluster, "ringcached");
    assert_int_equal(f->config.weight, RING_WEIGHT_ONE);
    assert_int_equal(f->config.request_timeout_ms, 1000);
    assert_int_equal(f->config.strategy, RING_CLAIMED_PARTITIONS);
    again(f);
    assert_true(read_line(f,
                          "--peer 10.0.0.1:12211 --seeds a:1,[::1]:2 --seeds b:3 --weight 2.5 --rack r1 --datacenter d "
                          "--read-all-share 0.125 --peer-queue 1m --request-timeout 250ms --n 2 --strategy 1"));
    assert_true(config_has_peers(&f->config));
    assert_string_equal(f->config.seeds, "a:1,[::1]:2,b:3");
    assert_int_equal(f->config.weight, 2500);
    assert_int_equal(f->config.read_all_share, 125);
    assert_int_equal(f->config.peer_queue_bytes, 1 << 20);
    assert_int_equal(f->config.request_timeout_ms, 250);
    assert_int_equal(f->config.strategy, RING_RANDOM_TOKENS);
    again(f);
    assert_true(read_line(f, "-p -1 --node a --peer 127.0.0.1:0"));
}

static void seeds_of_the_command_line_replace_the_files(void **state)
{
    struct fixture *f = *state;
    char line[128];
    static const char TEXT[] = "[node]\nseeds = a:1,b:2\nsecret-file = /etc/secret\n[ring]\ncluster = blue\n";
    assert_true(read_text(f, TEXT, sizeof(TEXT) - 1));
    assert_string_equal(f->config.seeds, "a:1,b:2");
    assert_string_equal(f->config.cluster, "blue");
    again(f);
    snprintf(line, sizeof(line), "--config %s --seeds c:3", f->path);
    assert_true(read_line(f, line));
    assert_string_equal(f->config.seeds, "c:3");
    assert_string_equal(f->config.secret_file, "/etc/secret");
}

static void bad_settings_of_the_ring_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_line_refused(f, "--peer 10.0.0.1", "host:port");
    assert_line_refused(f, "--peer ::1:2", "host:port");
    assert_line_refused(f, "--peer a:65536", "host:port");
    assert_line_refused(f, "--seeds a:1,b", "\"b\" is not an address");
    assert_line_refused(f, "--seeds a:0", "\"a:0\" is not an address");
    assert_line_refused(f, "--seeds ,", "1 to 32 addresses");
    assert_line_refused(f, "--weight 0.09", "from 0.1 to 100");
    assert_line_refused(f, "--weight 100.001", "from 0.1 to 100");
    assert_line_refused(f, "--weight 1.2345", "three decimals");
    assert_line_refused(f, "--weight 1.", "three decimals");
    assert_line_refused(f, "--weight heavy", "three decimals");
    assert_line_refused(f, "--strategy 4", "from 1 to 3");
    assert_line_refused(f, "--tokens 0", "from 1 to 1024");
    assert_line_refused(f, "--peer 127.0.0.1:0 --node a --peer-announce 10.0.0.1", "host:port");
    assert_line_refused(f, "--peer 127.0.0.1:0 --node a --peer-announce *:1", "host:port");
    assert_line_refused(f, "--peer 127.0.0.1:0 --node a --peer-announce a:0", "host:port");
    assert_line_refused(f, "--peer-queue 1k", "from 64k to 2g");
    assert_line_refused(f, "--request-timeout 0", "from 10ms");
    assert_line_refused(f, "--read-all-share 2", "from 0 to 1");
    assert_line_refused(f, "--cluster 0123456789012345678901234567890123456789012345678901234567890123", "at most 63");
    assert_line_refused(f, "--engine memory --seeds a:1", "engine memory");
    assert_line_refused(f, "-s /tmp/x --seeds a:1", "name --peer");
    assert_line_refused(f, "-p 65000 --seeds a:1", "name --peer");
    assert_line_refused(f, "-p -1 --peer 127.0.0.1:0", "--node");
}

/* [R3]: what is still on its way must not be older than the horizon. Alone there is nothing on its way. */
static void grace_is_longer_than_two_requests_may_take(void **state)
{
    struct fixture *f = *state;
    assert_line_refused(f, "--seeds a:1 --grace 2s", "more than twice as long");
    assert_line_refused(f, "--seeds a:1 --request-timeout 30s", "request-timeout of 30000 ms");
    again(f);
    assert_true(read_line(f, "--seeds a:1 --grace 2001ms"));
    again(f);
    assert_true(read_line(f, "--grace 1s"));
}

static void what_survives_failure_has_options(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, ""));
    assert_int_equal(f->config.quorum, QUORUM_SLOPPY);
    assert_int_equal(f->config.hint_bytes, (uint64_t)1 << 30);
    assert_int_equal(f->config.antientropy_interval_ms, 60000);
    assert_int_equal(f->config.antientropy_rate, 16 << 20);
    assert_int_equal(f->config.clock_bound_ms, 10000);
    again(f);
    assert_true(read_line(f, "--quorum strict --hint-size 32m --antientropy-interval 5s --antientropy-rate 0 "
                             "--clock-bound 250ms"));
    assert_int_equal(f->config.quorum, QUORUM_STRICT);
    assert_int_equal(f->config.hint_bytes, 32 << 20);
    assert_int_equal(f->config.antientropy_interval_ms, 5000);
    assert_int_equal(f->config.antientropy_rate, 0);
    assert_int_equal(f->config.clock_bound_ms, 250);
    assert_line_refused(f, "--quorum some", "sloppy");
}

static void addresses_of_members_are_split_and_joined(void **state)
{
    (void)state;
    struct address address;
    char text[RING_ADDRESS_MAX + 1], big[RING_ADDRESS_MAX + 2];
    assert_true(address_split("[fe80::1]:7", &address));
    assert_string_equal(address.host, "fe80::1");
    assert_int_equal(address.port, 7);
    assert_true(address_join(address.host, address.port, text));
    assert_string_equal(text, "[fe80::1]:7");
    assert_true(address_split("host.example:11211", &address));
    assert_true(address_join(address.host, address.port, text));
    assert_string_equal(text, "host.example:11211");
    assert_true(address_split("*:0", &address));
    assert_string_equal(address.host, "");
    assert_true(address_split(":12", &address));
    assert_string_equal(address.host, "");
    assert_false(address_split("fe80::1:7", &address));
    assert_false(address_split("[]:7", &address));
    assert_false(address_split("[::1:7", &address));
    assert_false(address_split("a b:7", &address));
    assert_false(address_split("a:", &address));
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    memcpy(big + sizeof(big) - 3, ":1", 2);
    assert_false(address_split(big, &address)); /* a byte too long */
    assert_true(address_split(big + 1, &address));
    assert_false(address_join(big + 1, 1, text));
}

static void authentication_chooses_the_protocol(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, "-Y /etc/hosts"));
    assert_int_equal(f->config.dialects, SESSION_TEXT_ONLY);
    again(f);
    assert_true(read_line(f, "-S -Y /etc/hosts"));
    assert_int_equal(f->config.dialects, SESSION_BINARY_ONLY);
}

static void help_works_whatever_else_is_said(void **state)
{
    struct fixture *f = *state;
    assert_true(read_line(f, "--config /tmp/ringcached-no-such-file -h"));
    assert_int_equal(f->config.action, ACTION_HELP);
}

static void systemd_names_the_data_directory_unless_data_does(void **state)
{
    struct fixture *f = *state;
    setenv("STATE_DIRECTORY", "/var/lib/ringcached:/var/lib/other", 1);
    assert_true(read_line(f, ""));
    assert_string_equal(f->config.data, "/var/lib/ringcached");
    again(f);
    assert_true(read_line(f, "--data /srv/x"));
    assert_string_equal(f->config.data, "/srv/x");
    unsetenv("STATE_DIRECTORY");
}

/* The file. */

static void a_file_sets_node_ring_and_buckets(void **state)
{
    struct fixture *f = *state;
    static const char TEXT[] = "# a comment\n"
                               "[node]\n"
                               "data = /srv/data   ; where it is\n"
                               "threads = 2\n"
                               "map-size = 2g\n"
                               "grace = 5m\n"
                               "disable-cas = on\n"
                               "listen = 127.0.0.1\n"
                               "\n"
                               "[ring]\n"
                               "n = 3\n"
                               "[bucket default]\n"
                               "durability = buffered\n"
                               "[bucket sessions]\n"
                               "prefix = session:\n"
                               "reconcile = lww\n"
                               "r = 1\n"
                               "max-siblings = 7\n";
    assert_true(read_text(f, TEXT, sizeof(TEXT) - 1));
    assert_string_equal(f->config.data, "/srv/data");
    assert_int_equal(f->config.threads, 2);
    assert_int_equal(f->config.map_bytes, (uint64_t)2 << 30);
    assert_int_equal(config_map_reserve(&f->config), (uint64_t)256 << 20);
    f->config.map_bytes = (uint64_t)24 << 20; /* an eighth would have no room for the hash tree */
    assert_int_equal(config_map_reserve(&f->config), (uint64_t)10 << 20);
    assert_int_equal(f->config.grace_ms, 300000);
    assert_true(f->config.cas_disabled);
    assert_int_equal(f->config.buckets.count, 2);
    assert_int_equal(f->config.buckets.buckets[0].durability, DURABILITY_BUFFERED);
    const struct bucket *sessions = bucket_of_key(&f->config.buckets, bytes_of_text("session:1"));
    assert_string_equal(sessions->name, "sessions");
    assert_int_equal(sessions->reconcile, RECONCILE_LWW);
    assert_int_equal(sessions->r, 1);
    assert_int_equal(sessions->w, 2);
    assert_int_equal(sessions->siblings_max, 7);
    assert_int_equal(sessions->durability, DURABILITY_COMMITTED);
}

static void the_command_line_goes_before_the_file(void **state)
{
    struct fixture *f = *state;
    char line[128];
    static const char TEXT[] = "[node]\nport = 1000\nthreads = 2\nlisten = 127.0.0.1\nverbose = 2\n";
    assert_true(read_text(f, TEXT, sizeof(TEXT) - 1));
    again(f);
    snprintf(line, sizeof(line), "-p 2000 -l 127.0.0.2 --config %s -l 127.0.0.3", f->path);
    assert_true(read_line(f, line));
    assert_int_equal(f->config.port, 2000);
    assert_int_equal(f->config.threads, 2);
    assert_string_equal(f->config.listen, "127.0.0.2,127.0.0.3");
    assert_int_equal(f->config.verbosity, 2);
}

static void bad_files_are_refused_with_file_line_and_what_is_accepted(void **state)
{
    struct fixture *f = *state;
    assert_file_refused(f, "[node]\n\n\nthreads = many\n", 4, "from 1 to 256");
    assert_file_refused(f, "[node]\ncolour = red\n", 2, "accepted here: port,");
    assert_file_refused(f, "[node]\ndaemon = on\n", 2, "unknown setting"); /* command line only */
    assert_file_refused(f, "threads = 2\n", 1, "before the first section");
    assert_file_refused(f, "[nodes]\n", 1, "[node], [ring], [bucket NAME]");
    assert_file_refused(f, "[node]\nthreads 2\n", 2, "name = value");
    assert_file_refused(f, "[ring]\nn = 8\n", 2, "from 1 to 7");
    assert_file_refused(f, "[bucket a]\nprefix = a:\nreconcile = vote\n", 3, "siblings, lww");
    assert_file_refused(f, "[bucket a]\nprefix = a:\nmulti-value = maybe\n", 3, "on, off");
    assert_file_refused(f, "[node]\nengine = lmdb # fast\n", 2, "begins with \" ;\"");
}

static void what_libinih_would_hide_is_refused(void **state)
{
    struct fixture *f = *state;
    char text[8192];
    /* Keys below a bad header would land in the section before it. */
    assert_file_refused(f, "[node]\n[x ;y]\nthreads = 2\n", 2, "accepted: [node]");
    assert_file_refused(f, "[node]\n[ring\nn = 2\n", 2, "a name in brackets");
    assert_file_refused(f, "[node]b]\n", 1, "alone on its line");
    /* Repeated sections would merge; empty ones would not be seen. */
    assert_file_refused(f, "[node]\n[ring]\n[node]\n", 3, "been there before");
    assert_file_refused(f, "[bucket a]\n", 1, "[bucket a]");
    /* Names would be cut at 49 bytes. */
    snprintf(text, sizeof(text), "[bucket %060d]\n", 1);
    assert_file_refused(f, text, 1, "at most 49 bytes");
    /* Long lines would become two. */
    snprintf(text, sizeof(text), "[node]\ndata = /%04500d\n", 1);
    assert_file_refused(f, text, 2, "longer than 4000");
    /* An indented line would continue the one before. */
    assert_true(read_text(f, "[node]\n  threads = 3\n  port = 1\n", 32));
    assert_int_equal(f->config.threads, 3);
    assert_int_equal(f->config.port, 1);
    assert_false(read_text(f, "[node]\nnode = a\0b\n", 18));
    assert_non_null(strstr(f->error, ":2: the line has a zero byte"));
}

static void a_long_line_is_read_whole(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    int len = snprintf(text, sizeof(text), "[node]\ndata = /%0600d\n", 1);
    assert_true(read_text(f, text, (size_t)len));
    assert_int_equal(strlen(f->config.data), 601);
}

static void buckets_that_cannot_be_are_refused(void **state)
{
    struct fixture *f = *state;
    char two_defaults[] = "[bucket default]\nprefix = x\n";
    assert_file_refused(f, two_defaults, 1, "[bucket default]");
    assert_file_refused(f, "[bucket a]\nprefix = x\n[bucket b]\nprefix = x\n", 3, "[bucket b]");
    assert_file_refused(f, "[bucket a b]\nprefix = x\n", 1, "without spaces");
    static const char R[] = "[ring]\nn = 2\n[bucket a]\nprefix = x\nr = 3\n";
    assert_false(read_text(f, R, sizeof(R) - 1));
    assert_non_null(strstr(f->error, "at most n = 2"));
}

static void a_ring_of_one_copy_needs_no_quorum_settings(void **state)
{
    struct fixture *f = *state;
    assert_true(read_text(f, "[ring]\nn = 1\n", 13));
    assert_int_equal(f->config.buckets.buckets[0].r, 1);
    assert_int_equal(f->config.buckets.buckets[0].w, 1);
}

static void a_file_that_cannot_be_read_is_an_error_not_defaults(void **state)
{
    struct fixture *f = *state;
    assert_false(config_read_file(&f->config, "/tmp", f->error)); /* a directory opens but does not read */
    assert_non_null(strstr(f->error, "/tmp"));
}

static void addresses_are_split_as_memcached_splits_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
        bool good;
    } CASES[] = {
        {"127.0.0.1", "127.0.0.1", 7, true},
        {"127.0.0.1:80", "127.0.0.1", 80, true},
        {"[::1]:80", "::1", 80, true},
        {"[::1]", "::1", 7, true},
        {"::1", "::1", 7, true},
        {"*", NULL, 7, true},
        {"*:80", NULL, 80, true},
        {"name:x", NULL, 7, false},
        {"[::1", NULL, 7, false},
        {"[::1]x", NULL, 7, false},
        {"a:65536", NULL, 7, false},
        {"", NULL, 7, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char text[64];
        const char *host = NULL;
        int port = 7;
        snprintf(text, sizeof(text), "%s", CASES[i].text);
        bool good = listen_split_address(text, &host, &port);
        if (good != CASES[i].good || (good && port != CASES[i].port)
            || (good && (host == NULL) != (CASES[i].host == NULL))
            || (good && host != NULL && strcmp(host, CASES[i].host) != 0))
            fail_msg("%s -> %d %s %d", CASES[i].text, good, host, port);
    }
}

static void every_option_is_in_help_markdown_and_man_page(void **state)
{
    (void)state;
    char *text[3] = {NULL};
    size_t len[3];
    for (int i = 0; i < 3; i++) {
        FILE *out = open_memstream(&text[i], &len[i]);
        assert_non_null(out);
        if (i == 0)
            options_print_help(out, "1.2.3");
        else if (i == 1)
            options_print_markdown(out);
        else
            options_print_man(out, "1.2.3");
        fclose(out);
    }
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        char troff[80];
        size_t at = 0;
        for (const char *c = OPTIONS[i].name; *c != '\0'; c++) {
            if (*c == '-')
                troff[at++] = '\\';
            troff[at++] = *c;
        }
        troff[at] = '\0';
        if (strstr(text[0], OPTIONS[i].name) == NULL || strstr(text[1], OPTIONS[i].name) == NULL
            || strstr(text[2], troff) == NULL)
            fail_msg("%s is missing somewhere", OPTIONS[i].name);
        for (size_t j = 0; j < i; j++) {
            assert_false(OPTIONS[i].section == OPTIONS[j].section && strcmp(OPTIONS[i].name, OPTIONS[j].name) == 0);
            assert_false(OPTIONS[i].flag != 0 && OPTIONS[i].flag == OPTIONS[j].flag);
        }
    }
    assert_non_null(strstr(text[0], "unix-socket"));
    assert_null(strstr(text[0], "ext_path")); /* test suites look here for what is offered */
    for (int i = 0; i < 3; i++)
        free(text[i]);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(defaults_are_those_of_memcached),
        CLAIM(memcached_flags_set_what_they_name),
        CLAIM(flags_that_mean_nothing_here_are_noted_once),
        CLAIM(all_extended_options_of_the_test_suite_are_accepted),
        CLAIM(a_udp_port_alone_names_the_tcp_port_as_in_memcached),
        CLAIM(bad_command_lines_are_refused_with_what_would_be_accepted),
        CLAIM(a_node_alone_has_no_peers_and_one_that_names_them_has),
        CLAIM(grace_is_longer_than_two_requests_may_take),
        CLAIM(what_survives_failure_has_options),
        CLAIM(seeds_of_the_command_line_replace_the_files),
        CLAIM(bad_settings_of_the_ring_are_refused),
        CLAIM(addresses_of_members_are_split_and_joined),
        CLAIM(authentication_chooses_the_protocol),
        CLAIM(help_works_whatever_else_is_said),
        CLAIM(systemd_names_the_data_directory_unless_data_does),
        CLAIM(a_file_sets_node_ring_and_buckets),
        CLAIM(the_command_line_goes_before_the_file),
        CLAIM(bad_files_are_refused_with_file_line_and_what_is_accepted),
        CLAIM(what_libinih_would_hide_is_refused),
        CLAIM(a_long_line_is_read_whole),
        CLAIM(buckets_that_cannot_be_are_refused),
        CLAIM(a_ring_of_one_copy_needs_no_quorum_settings),
        CLAIM(a_file_that_cannot_be_read_is_an_error_not_defaults),
        CLAIM(addresses_are_split_as_memcached_splits_them),
        CLAIM(every_option_is_in_help_markdown_and_man_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
