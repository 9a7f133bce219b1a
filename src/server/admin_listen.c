#include "server/admin_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADMIN_BACKLOG = 64 };

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
}

static void set_port(struct sockaddr *address, int port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* -1: errno says why. */
static int open_socket(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, ADMIN_BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

/* Addresses that do not work on this machine (IPv6 switched off) are passed over; one must work. 0, or errno. */
static int open_all(struct admin_sockets *sockets, const struct addrinfo *found)
{
    int why = 0;
    sockets->is_loopback = true;
    for (const struct addrinfo *at = found; at != NULL && sockets->count < ADMIN_SOCKETS_MAX; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6)
            continue;
        if (sockets->port != 0)
            set_port(at->ai_addr, sockets->port);
        int fd = open_socket(at);
        if (fd < 0) {
            why = errno;
            if (why == EADDRINUSE || why == EACCES || why == EMFILE)
                return why;
            continue;
        }
        sockets->fds[sockets->count++] = fd;
        sockets->port = port_of(fd);
        sockets->is_loopback = sockets->is_loopback && is_loopback(at->ai_addr);
    }
    return sockets->count > 0 ? 0 : why != 0 ? why : EADDRNOTAVAIL;
}

enum admin_listen_status admin_listen(struct admin_sockets *sockets, const char *host, unsigned port,
                                      struct logger *log)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[12];
    *sockets = (struct admin_sockets){0};
    snprintf(service, sizeof(service), "%u", port);
    int code = getaddrinfo(*host != '\0' ? host : NULL, service, &hints, &found);
    if (code != 0) {
        logger_line(log, LEVEL_ERROR, "admin", "cannot listen on \"%s\" for the admin port: %s", host,
                    code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return ADMIN_LISTEN_FAILED;
    }
    code = open_all(sockets, found);
    freeaddrinfo(found);
    if (code == 0)
        return ADMIN_LISTENS;
    admin_sockets_close(sockets);
    if (code == EADDRINUSE)
        return ADMIN_PORT_TAKEN;
    logger_line(log, LEVEL_ERROR, "admin", "cannot listen on %s port %u for the admin port: %s",
                *host != '\0' ? host : "*", port, strerror(code));
    return ADMIN_LISTEN_FAILED;
}

void admin_sockets_close(struct admin_sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++)
        close(sockets->fds[i]);
    sockets->count = 0;
}
