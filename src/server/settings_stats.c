/* `stats settings` and `stats conns`: what only the server knows, under memcached's names. */
#include "server/clock.h"
#include "server/connection.h"
#include "server/host.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NAME_BYTES = 64, VALUE_BYTES = 512 };

struct writer {
    admin_emit *emit;
    void *context;
};

static void __attribute__((format(printf, 3, 4)))
say(const struct writer *writer, const char *name, const char *format, ...)
{
    char value[VALUE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    writer->emit(writer->context, bytes_of_text(name), bytes_of_text(value));
}

static const char *yes_no(bool value)
{
    return value ? "yes" : "no";
}

static const char *or_null(const char *text)
{
    return text != NULL ? text : "NULL";
}

static void say_sockets(const struct writer *out, const struct shell *shell)
{
    const struct config *config = shell->config;
    say(out, "maxbytes", "%" PRIu64, config->memory_mb << 20);
    say(out, "maxconns", "%" PRIu64, shell->connections_max);
    say(out, "tcpport", "%d", shell->acceptor.listeners.tcp_port);
    say(out, "udpport", "0");
    say(out, "inter", "%s", or_null(config->listen));
    say(out, "verbosity", "%" PRIu32, logger_verbosity(shell->log));
    say(out, "oldest", "0");
    /* The engine memory evicts unless -M; lmdb never needs to, which serves no client less. */
    say(out, "evictions", "%s", config->evictions_disabled ? "off" : "on");
    say(out, "domain_socket", "%s", or_null(config->unix_socket));
    say(out, "umask", "%" PRIo64, config->unix_mask);
}

void settings_stats(const struct shell *shell, admin_emit *emit, void *context)
{
    static const char *const DIALECTS[] = {"auto-negotiate", "ascii", "binary"};
    const struct config *config = shell->config;
    struct writer out = {emit, context};
    say_sockets(&out, shell);
    say(&out, "shutdown_command", "%s", yes_no(config->shutdown_enabled));
    say(&out, "growth_factor", "1.25");
    say(&out, "chunk_size", "48");
    say(&out, "num_threads", "%u", shell->loop_count);
    say(&out, "num_threads_per_udp", "0");
    say(&out, "stat_key_prefix", "%c", shell->settings.prefix_delimiter);
    say(&out, "detail_enabled", "%s", yes_no(prefix_stats_is_on(shell->prefixes)));
    say(&out, "reqs_per_event", "%" PRIu64, config->requests_per_event);
    say(&out, "cas_enabled", "%s", yes_no(!config->cas_disabled));
    say(&out, "tcp_backlog", "%" PRIu64, config->backlog);
    say(&out, "binding_protocol", "%s", DIALECTS[config->dialects]);
    say(&out, "auth_enabled_sasl", "%s", yes_no(config->sasl));
    say(&out, "auth_enabled_ascii", "%s", shell->settings.text_auth ? config->auth_file : "no");
    say(&out, "item_size_max", "%" PRIu64, config->value_max);
    say(&out, "maxconns_fast", "%s", yes_no(!config->connections_wait));
    say(&out, "flush_enabled", "%s", yes_no(!config->flush_disabled));
    say(&out, "dump_enabled", "no");
    say(&out, "hash_algorithm", "murmur3");
    say(&out, "idle_timeout", "%" PRIu64, config->idle_timeout_s);
    say(&out, "track_sizes", "no");
    say(&out, "inline_ascii_response", "no");
    say(&out, "ssl_enabled", "no");
    say(&out, "engine", "%s", shell->data.engine != NULL ? "lmdb" : "memory");
    say(&out, "node", "%s", shell->dir.node);
    say(&out, "data", "%s", or_null(shell->dir.path));
    say(&out, "partitions", "%" PRIu32, shell->dir.partitions);
    say(&out, "grace_ms", "%" PRIu64, config->grace_ms);
}

/* As memcached writes addresses: tcp:1.2.3.4:5, tcp6:[::1]:5, unix:/path. */
static void describe_address(const struct sockaddr_storage *address, const char *unix_path, char *text, size_t room)
{
    char ip[INET6_ADDRSTRLEN] = "";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
        snprintf(text, room, "tcp:%s:%u", ip, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)address;
        inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof(ip));
        snprintf(text, room, "tcp6:[%s]:%u", ip, ntohs(in->sin6_port));
    } else {
        snprintf(text, room, "unix:%s", or_null(unix_path));
    }
}

static void say_socket(const struct writer *out, const struct shell *shell, int fd, bool listens)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char name[NAME_BYTES], text[VALUE_BYTES];
    snprintf(name, sizeof(name), "%d:addr", fd);
    if (listens)
        getsockname(fd, (struct sockaddr *)&address, &len);
    else
        getpeername(fd, (struct sockaddr *)&address, &len);
    describe_address(&address, shell->config->unix_socket, text, sizeof(text));
    say(out, name, "%s", text);
    if (!listens) {
        len = sizeof(address);
        getsockname(fd, (struct sockaddr *)&address, &len);
        describe_address(&address, shell->config->unix_socket, text, sizeof(text));
        snprintf(name, sizeof(name), "%d:listen_addr", fd);
        say(out, name, "%s", text);
    }
}

static void say_state(const struct writer *out, int fd, const char *state, uint64_t idle_s)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof(name), "%d:state", fd);
    say(out, name, "%s", state);
    snprintf(name, sizeof(name), "%d:secs_since_last_cmd", fd);
    say(out, name, "%" PRIu64, idle_s);
}

void connection_stats(struct shell *shell, admin_emit *emit, void *context)
{
    struct writer out = {emit, context};
    uint32_t now_s = (uint32_t)(clock_now().mono_ns / 1000000000);
    for (unsigned i = 0; i < shell->acceptor.listeners.count; i++) {
        say_socket(&out, shell, shell->acceptor.listeners.fds[i], true);
        say_state(&out, shell->acceptor.listeners.fds[i], "conn_listening", 0);
    }
    for (unsigned i = 0; i < shell->loop_count; i++) {
        struct loop *loop = &shell->loops[i];
        pthread_mutex_lock(&loop->connections_lock);
        for (struct list *at = loop->connections.next; at != &loop->connections; at = at->next) {
            struct connection *connection = CONTAINER_OF(at, struct connection, link);
            uint32_t active_s = atomic_load_explicit(&connection->active_s, memory_order_relaxed);
            if (connection->fd < 0)
                continue;
            say_socket(&out, shell, connection->fd, false);
            say_state(&out, connection->fd, now_s == active_s ? "conn_read" : "conn_waiting",
                      now_s > active_s ? now_s - active_s : 0);
        }
        pthread_mutex_unlock(&loop->connections_lock);
    }
}
