#include "server/listen.h"

#include "base/check.h"
#include "base/decimal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct opening {
    struct listeners *listeners;
    const struct config *config;
    struct logger *log;
    FILE *port_file; /* NULL: not wanted */
    const char *whose;
    bool listens; /* at once */
};

static bool add(struct opening *opening, int fd)
{
    struct listeners *listeners = opening->listeners;
    if (listeners->count == LISTENERS_MAX) {
        logger_line(opening->log, LEVEL_ERROR, "listen", "more than %d addresses to listen on", LISTENERS_MAX);
        close(fd);
        return false;
    }
    listeners->fds[listeners->count++] = fd;
    return true;
}

/* Accepted sockets inherit these. */
static void set_tcp_options(int fd, int family)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

/* The line that memcached writes for each socket. */
static void note_port(struct opening *opening, int fd, int family)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return;
    unsigned port = family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                       : ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (opening->port_file != NULL)
        fprintf(opening->port_file, "TCP %s: %u\n", family == AF_INET6 ? "INET6" : "INET", port);
    if (opening->listeners->tcp_port == 0)
        opening->listeners->tcp_port = (int)port;
    logger_line(opening->log, LEVEL_INFO, "listen", "%s TCP port %u (%s)%s",
                opening->listens ? "listening on" : "will listen on", port, family == AF_INET6 ? "IPv6" : "IPv4",
                opening->whose);
}

/* -1: this address does not work; errno says why. */
static int open_tcp(struct opening *opening, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return -1;
    set_tcp_options(fd, address->ai_family);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0
        || (opening->listens && listen(fd, (int)opening->config->backlog) != 0)) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

/* getaddrinfo may offer addresses that do not work on this machine (IPv6 switched off); one must. A port in use
 * is always an error: half a server is worse than none. */
static bool listen_on(struct opening *opening, const char *host, int port)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[12];
    snprintf(service, sizeof(service), "%d", port == PORT_FREE ? 0 : port);
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0) {
        logger_line(opening->log, LEVEL_ERROR, "listen", "cannot listen on \"%s\": %s", host != NULL ? host : "*",
                    code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return false;
    }
    unsigned opened = 0;
    int why = 0;
    bool good = true;
    for (struct addrinfo *at = found; good && at != NULL; at = at->ai_next) {
        int fd = open_tcp(opening, at);
        if (fd >= 0 && (good = add(opening, fd))) {
            opened++;
            note_port(opening, fd, at->ai_family);
        } else if (fd < 0) {
            why = errno;
            good = why != EADDRINUSE && why != EACCES && why != EMFILE;
        }
    }
    freeaddrinfo(found);
    if (opened == 0 || !good)
        logger_line(opening->log, LEVEL_ERROR, "listen", "cannot listen on %s port %d: %s", host != NULL ? host : "*",
                    port, strerror(why));
    return good && opened > 0;
}

bool listen_split_address(char *text, const char **host, int *port)
{
    char *name = text, *colon = NULL;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        name = text + 1;
        *end = '\0';
        colon = end[1] == ':' ? end + 1 : NULL;
    } else {
        colon = strchr(text, ':');
        if (colon != NULL && strchr(colon + 1, ':') != NULL)
            colon = NULL; /* a bare IPv6 address */
    }
    if (colon != NULL) {
        uint64_t number;
        *colon = '\0';
        if (!decimal_read(bytes_of_text(colon + 1), &number) || number > 65535)
            return false;
        *port = (int)number;
    }
    *host = strcmp(name, "*") == 0 || *name == '\0' ? NULL : name;
    return *name != '\0' || colon != NULL;
}

static bool listen_on_list(struct opening *opening)
{
    int usual = (int)opening->config->port;
    if (opening->config->listen == NULL)
        return listen_on(opening, NULL, usual);
    char *list = strdup(opening->config->listen), *rest = NULL;
    CHECK_MEMORY(list);
    bool good = true;
    for (char *one = strtok_r(list, ";,", &rest); good && one != NULL; one = strtok_r(NULL, ";,", &rest)) {
        const char *host = NULL;
        int port = usual;
        good = listen_split_address(one, &host, &port);
        if (!good)
            logger_line(opening->log, LEVEL_ERROR, "listen",
                        "-l %s is not an address; accepted: host, host:port, [IPv6], [IPv6]:port, *",
                        opening->config->listen);
        good = good && listen_on(opening, host, port);
    }
    free(list);
    return good;
}

/* A socket file that nobody listens on is left over from a crash. */
static bool remove_stale(const struct sockaddr_un *address)
{
    struct stat stat;
    if (lstat(address->sun_path, &stat) != 0)
        return true;
    if (!S_ISSOCK(stat.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool in_use = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    if (fd >= 0)
        close(fd);
    if (in_use) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(address->sun_path) == 0;
}

static bool listen_on_unix(struct opening *opening)
{
    const struct config *config = opening->config;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", config->unix_socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask((mode_t)(~config->unix_mask & 0777));
    bool good = fd >= 0 && remove_stale(&address) && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0
                && (!opening->listens || listen(fd, (int)config->backlog) == 0);
    int code = errno;
    umask(old);
    if (!good) {
        logger_line(opening->log, LEVEL_ERROR, "listen", "cannot listen on UNIX socket %s: %s", config->unix_socket,
                    strerror(code));
        if (fd >= 0)
            close(fd);
        return false;
    }
    opening->listeners->unix_socket = strdup(config->unix_socket);
    logger_line(opening->log, LEVEL_INFO, "listen", "%s UNIX socket %s",
                opening->listens ? "listening on" : "will listen on", config->unix_socket);
    return add(opening, fd);
}

/* Written under another name first, so that whoever waits for the file finds it whole. */
static bool listen_with_port_file(struct opening *opening)
{
    const char *name = getenv("MEMCACHED_PORT_FILENAME");
    char draft[4096];
    if (name != NULL) {
        snprintf(draft, sizeof(draft), "%s.lck", name);
        opening->port_file = fopen(draft, "ae");
        if (opening->port_file == NULL)
            logger_line(opening->log, LEVEL_WARNING, "listen", "cannot write the port file %s: %s", draft,
                        strerror(errno));
    }
    bool good = listen_on_list(opening);
    if (opening->port_file != NULL && (fclose(opening->port_file) != 0 || rename(draft, name) != 0))
        logger_line(opening->log, LEVEL_WARNING, "listen", "cannot write the port file %s: %s", name, strerror(errno));
    return good;
}

void ports_file_write(int client, int peer, int admin, struct logger *log)
{
    const struct {
        const char *name;
        int port;
    } PORTS[] = {{"client", client}, {"peer", peer}, {"admin", admin}};
    const char *name = getenv("RINGCACHED_PORTS_FILENAME");
    char draft[4096];
    if (name == NULL)
        return;
    snprintf(draft, sizeof(draft), "%s.new", name);
    FILE *file = fopen(draft, "we");
    for (size_t i = 0; file != NULL && i < sizeof(PORTS) / sizeof(PORTS[0]); i++) {
        if (PORTS[i].port != 0)
            fprintf(file, "%s %d\n", PORTS[i].name, PORTS[i].port);
    }
    if (file == NULL || fclose(file) != 0 || rename(draft, name) != 0)
        logger_line(log, LEVEL_WARNING, "listen", "cannot write the file of ports %s: %s", name, strerror(errno));
}

bool listeners_open(struct listeners *listeners, const struct config *config, struct logger *log)
{
    *listeners = (struct listeners){0};
    struct opening opening = {
        .listeners = listeners, .config = config, .log = log, .whose = "", .listens = config->seeds == NULL};
    bool good = config->unix_socket != NULL ? listen_on_unix(&opening) : listen_with_port_file(&opening);
    if (!good)
        listeners_close(listeners);
    return good;
}

bool listeners_listen(const struct listeners *listeners, const struct config *config, struct logger *log)
{
    for (unsigned i = 0; i < listeners->count; i++) {
        if (listen(listeners->fds[i], (int)config->backlog) == 0)
            continue;
        logger_line(log, LEVEL_ERROR, "listen", "cannot listen: %s", strerror(errno));
        return false;
    }
    return true;
}

bool listeners_open_peers(struct listeners *listeners, const char *host, unsigned port, const struct config *config,
                          struct logger *log)
{
    *listeners = (struct listeners){0};
    struct opening opening = {
        .listeners = listeners, .config = config, .log = log, .whose = " for other nodes", .listens = true};
    if (listen_on(&opening, host[0] == '\0' ? NULL : host, port == 0 ? PORT_FREE : (int)port))
        return true;
    listeners_close(listeners);
    return false;
}

void listeners_close(struct listeners *listeners)
{
    for (unsigned i = 0; i < listeners->count; i++)
        close(listeners->fds[i]);
    if (listeners->unix_socket != NULL)
        unlink(listeners->unix_socket);
    free(listeners->unix_socket);
    *listeners = (struct listeners){0};
}
