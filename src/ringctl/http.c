#include "ringctl/http.h"

#include "base/check.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { HOST_MAX = 256, PORT_TEXT_MAX = 16, READ_BYTES = 65536 };

struct place {
    char host[HOST_MAX], port[PORT_TEXT_MAX];
};

__attribute__((format(printf, 2, 3))) static bool fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, HTTP_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static bool split(const char *address, struct place *place, char *error)
{
    const char *host = address, *end = NULL, *port = NULL;
    if (*address == '[') {
        host = address + 1;
        end = strchr(address, ']');
        port = end != NULL && end[1] == ':' ? end + 2 : NULL;
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return fail(error, "%.200s is no address; accepted: host, host:port, [IPv6]:port", address);
    } else {
        end = strchr(address, ':');
        if (end != NULL && strchr(end + 1, ':') != NULL)
            end = NULL; /* a bare IPv6 address */
        port = end != NULL ? end + 1 : NULL;
        end = end != NULL ? end : address + strlen(address);
    }
    snprintf(place->port, sizeof(place->port), "%d", HTTP_PORT_DEFAULT);
    if (port != NULL) {
        if (*port == '\0' || port[strspn(port, "0123456789")] != '\0' || strlen(port) > 5 || atoi(port) > 65535)
            return fail(error, "%.200s has no port that makes sense; accepted: 1 to 65535", address);
        snprintf(place->port, sizeof(place->port), "%s", port);
    }
    if ((size_t)(end - host) >= sizeof(place->host))
        return fail(error, "the host's name is too long");
    snprintf(place->host, sizeof(place->host), "%.*s", (int)(end - host), host);
    if (place->host[0] == '\0')
        snprintf(place->host, sizeof(place->host), "127.0.0.1");
    return true;
}

static void set_timeout(int fd, int option, int seconds)
{
    struct timeval time = {.tv_sec = seconds};
    setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

/* -1: errno says why the last address did not work. */
static int connect_to_any(const struct addrinfo *list)
{
    int code = 0;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, at->ai_protocol);
        if (fd < 0)
            continue;
        set_timeout(fd, SO_SNDTIMEO, HTTP_CONNECT_SECONDS); /* Linux ends connect by it too */
        set_timeout(fd, SO_RCVTIMEO, HTTP_REPLY_SECONDS);
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            return fd;
        code = errno == EINPROGRESS ? ETIMEDOUT : errno;
        close(fd);
    }
    errno = code;
    return -1;
}

static int dial(const char *address, const struct place *place, char *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(place->host, place->port, &hints, &found);
    if (code != 0) {
        fail(error, "cannot find the host of %s: %s", address,
             code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return -1;
    }
    int fd = connect_to_any(found);
    freeaddrinfo(found);
    if (fd < 0)
        fail(error,
             "cannot connect to %s:%s: %s: is the node running? Its admin port is the clients' port + 2000; "
             "name another one with -a HOST:PORT",
             place->host, place->port, strerror(errno));
    return fd;
}

static bool send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* HTTP 1.0: the reply comes in one piece and ends with the connection. */
static bool send_request(int fd, const struct http_request *request, const struct place *place, char *error)
{
    char head[HTTP_REQUEST_HEAD_MAX];
    size_t body_len = request->body != NULL ? strlen(request->body) : 0;
    bool is_v6 = strchr(place->host, ':') != NULL;
    int len = snprintf(head, sizeof(head), "%s %s HTTP/1.0\r\nHost: %s%s%s:%s\r\n%s%s%s",
                       request->body != NULL ? "POST" : "GET", request->path, is_v6 ? "[" : "", place->host,
                       is_v6 ? "]" : "", place->port, request->token != NULL ? "Authorization: Bearer " : "",
                       request->token != NULL ? request->token : "", request->token != NULL ? "\r\n" : "");
    if (len > 0 && len < (int)sizeof(head) && request->body != NULL)
        len += snprintf(head + len, sizeof(head) - (size_t)len,
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_len);
    if (len < 0 || (size_t)len + 2 >= sizeof(head))
        return fail(error, "the request is too long");
    memcpy(head + len, "\r\n", 2);
    if (!send_all(fd, head, (size_t)len + 2) || (body_len > 0 && !send_all(fd, request->body, body_len)))
        return fail(error, "%s:%s closed the connection: %s", place->host, place->port, strerror(errno));
    return true;
}

/* Everything until the other end closes. */
static bool receive(int fd, char **text, size_t *len, char *error)
{
    char *all = NULL;
    size_t room = 0, at = 0;
    for (;;) {
        if (room - at < READ_BYTES) {
            room = at + 2 * READ_BYTES + at / 2;
            all = realloc(all, room);
            CHECK_MEMORY(all);
        }
        ssize_t got = recv(fd, all + at, READ_BYTES - 1, 0);
        /* A reset behind a whole reply is no harm; what is missing will be seen. */
        if (got <= 0 && (got == 0 || (errno == ECONNRESET && at > 0)))
            break;
        at += got > 0 ? (size_t)got : 0;
        if (got < 0 || at > HTTP_REPLY_MAX) {
            const char *why = got >= 0          ? "the reply is longer than 64 MiB"
                              : errno == EAGAIN ? "no answer in time"
                                                : strerror(errno);
            free(all);
            return fail(error, "%s", why);
        }
    }
    all[at] = '\0';
    *text = all;
    *len = at;
    return true;
}

/* The value of a header, NULL without it. `head` is NUL-terminated at its end. */
static const char *find_header(const char *head, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 3 + len;
    }
    return NULL;
}

/* Takes over `text`. */
static bool parse(char *text, size_t len, struct http_reply *reply)
{
    char *body = strstr(text, "\r\n\r\n");
    int status = 0;
    if (body == NULL || sscanf(text, "HTTP/1.%*1[01] %3d", &status) != 1 || status < 100)
        return false;
    *body = '\0';
    body += 4;
    len -= (size_t)(body - text);
    const char *announced = find_header(text, "Content-Length");
    if (announced != NULL && strtoull(announced, NULL, 10) > len)
        return false;
    memmove(text, body, len + 1);
    *reply = (struct http_reply){.status = status, .body = text, .len = len};
    return true;
}

bool http_ask(const struct http_request *request, struct http_reply *reply, char *error)
{
    struct place place;
    char *text = NULL;
    size_t len = 0;
    if (!split(request->address, &place, error))
        return false;
    int fd = dial(request->address, &place, error);
    if (fd < 0)
        return false;
    bool good = send_request(fd, request, &place, error) && receive(fd, &text, &len, error);
    close(fd);
    if (good && !parse(text, len, reply)) {
        free(text);
        good = fail(error,
                    "%s:%s did not answer as an admin port does: is it one? It is the clients' port + 2000; name it "
                    "with -a HOST:PORT",
                    place.host, place.port);
    }
    return good;
}
