/* One HTTP request over a connection of its own, waiting for the reply. */
#ifndef RINGCTL_HTTP_H
#define RINGCTL_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HTTP_ERROR_MAX = 512,         /* bytes of an error text */
    HTTP_REPLY_MAX = 64 << 20,    /* bytes; a table of 65536 partitions has about one million */
    HTTP_TOKEN_MAX = 256,         /* bytes */
    HTTP_CONNECT_SECONDS = 5,     /* to connect, or to send */
    HTTP_REPLY_SECONDS = 60,      /* without a byte; a join is answered within 30 */
    HTTP_REQUEST_HEAD_MAX = 4096, /* bytes of request line and headers */
    HTTP_PORT_DEFAULT = 13211     /* where an address names none */
};

struct http_request {
    const char *address; /* HOST:PORT, HOST or :PORT; IPv6 in brackets */
    const char *token;   /* NULL: none */
    const char *path;    /* with its query */
    const char *body;    /* JSON to POST; NULL: GET */
};

struct http_reply {
    int status;
    char *body; /* NUL-terminated, malloc'd */
    size_t len;
};

/* false: there was no reply; `error` (HTTP_ERROR_MAX bytes) says why and what to do. */
bool http_ask(const struct http_request *request, struct http_reply *reply, char *error);

#endif
