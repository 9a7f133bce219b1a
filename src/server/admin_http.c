#include "server/admin_http.h"

#include "base/check.h"
#include "server/address.h"
#include "server/admin_answer.h"
#include "server/admin_listen.h"
#include "server/clock.h"
#include "server/secret.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LOOK_MS = 1000 /* how often connections are looked through while there are any */ };

/* A connection. The reference keeps the buffer event readable after libevent has let go of it. */
struct visitor {
    struct bufferevent *event; /* NULL: free */
    uint64_t since_ns;
};

struct admin_http {
    struct evhttp *http;
    struct evconnlistener *listeners[ADMIN_SOCKETS_MAX];
    unsigned listener_count;
    int port;
    struct admin_ports ports;
    struct admin_asks asks;
    struct logger *log;
    struct secret token; /* empty: none is needed */
    struct visitor visitors[ADMIN_CONNECTIONS_MAX];
    unsigned visitor_count;
    bool paused; /* nothing is accepted until visitors have gone */
    struct event look;
};

/* Connections. libevent 2.1 does not count them and lets them live as long as a byte comes now and then. */

static void set_paused(struct admin_http *admin, bool paused)
{
    admin->paused = paused;
    for (unsigned i = 0; i < admin->listener_count; i++) {
        if (paused)
            evconnlistener_disable(admin->listeners[i]);
        else
            evconnlistener_enable(admin->listeners[i]);
    }
}

static void look_soon(struct admin_http *admin)
{
    struct timeval time = {.tv_sec = LOOK_MS / 1000};
    if (!evtimer_pending(&admin->look, NULL))
        evtimer_add(&admin->look, &time);
}

/* libevent takes its callbacks away when it frees a connection. */
static bool has_gone(const struct visitor *visitor)
{
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;
    void *context;
    bufferevent_getcb(visitor->event, &read, &write, &event, &context);
    return read == NULL && write == NULL && event == NULL;
}

static void forget(struct admin_http *admin, struct visitor *visitor)
{
    bufferevent_free(visitor->event);
    visitor->event = NULL;
    admin->visitor_count--;
}

/* Lets go of those that have ended and cuts the old ones, which libevent then ends itself. */
static void look_through(struct admin_http *admin)
{
    uint64_t now = clock_now().mono_ns;
    for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct visitor *visitor = &admin->visitors[i];
        if (visitor->event == NULL)
            continue;
        if (has_gone(visitor))
            forget(admin, visitor);
        else if (now - visitor->since_ns > (uint64_t)ADMIN_CONNECTION_SECONDS * 1000000000)
            shutdown(bufferevent_getfd(visitor->event), SHUT_RDWR);
    }
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct admin_http *admin = context;
    (void)fd;
    (void)what;
    look_through(admin);
    if (admin->paused && admin->visitor_count < ADMIN_CONNECTIONS_MAX)
        set_paused(admin, false);
    if (admin->visitor_count > 0)
        look_soon(admin);
}

/* libevent has accepted a connection and asks for its buffer event. */
static struct bufferevent *on_visitor(struct event_base *base, void *context)
{
    struct admin_http *admin = context;
    /* The socket is closed when the last reference goes, so that its number cannot become another's before. */
    struct bufferevent *event = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    CHECK_MEMORY(event);
    look_through(admin);
    for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct visitor *visitor = &admin->visitors[i];
        if (visitor->event != NULL)
            continue;
        bufferevent_incref(event);
        *visitor = (struct visitor){.event = event, .since_ns = clock_now().mono_ns};
        admin->visitor_count++;
        break;
    }
    if (admin->visitor_count == ADMIN_CONNECTIONS_MAX)
        set_paused(admin, true);
    look_soon(admin);
    return event;
}

/* Out of descriptors: trying at once again would only turn the loop. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct admin_http *admin = context;
    (void)listener;
    logger_line(admin->log, LEVEL_WARNING, "admin", "cannot accept a connection at the admin port: %s",
                strerror(EVUTIL_SOCKET_ERROR()));
    set_paused(admin, true);
    look_soon(admin);
}

/* Who may ask. */

/* Padded, so that comparing takes the same time whatever was sent. */
static bool knows_token(const struct admin_http *admin, const char *header)
{
    static const char SCHEME[] = "Bearer ";
    uint8_t sent[ADMIN_TOKEN_MAX] = {0}, wanted[ADMIN_TOKEN_MAX] = {0};
    if (header == NULL || strncasecmp(header, SCHEME, sizeof(SCHEME) - 1) != 0)
        return false;
    const char *token = header + sizeof(SCHEME) - 1;
    size_t len = strlen(token);
    memcpy(sent, token, len < sizeof(sent) ? len : sizeof(sent));
    memcpy(wanted, admin->token.text, admin->token.len);
    bool same = CRYPTO_memcmp(sent, wanted, sizeof(sent)) == 0;
    return same && len == admin->token.len;
}

/* Where no token is asked for, a web page could have its own name lead to this port and read the answers; it cannot
 * have another name sent than its own. */
static bool is_own_host(const char *host)
{
    if (host == NULL || *host == '[')
        return true; /* no browser, or an address */
    size_t len = strcspn(host, ":");
    return (len == 9 && strncasecmp(host, "localhost", 9) == 0) || strspn(host, "0123456789.") == len;
}

static bool may_ask(const struct admin_http *admin, struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    if (admin->token.len == 0) {
        if (is_own_host(evhttp_find_header(headers, "Host")))
            return true;
        admin_refuse(request, 403, "without a token only requests to an address or to localhost are answered");
        return false;
    }
    if (knows_token(admin, evhttp_find_header(headers, "Authorization")))
        return true;
    evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate", "Bearer");
    admin_refuse(request, 401, "a token is needed here: ringctl --token-file FILE, or Authorization: Bearer TOKEN");
    return false;
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct admin_http *admin = context;
    if (may_ask(admin, request))
        admin_answer(&admin->asks, request);
}

/* Opening. */

static bool refuse(const struct admin_http_options *options, const char *text, const char *what)
{
    logger_line(options->log, LEVEL_ERROR, "admin", "%s%s", text, what);
    return false;
}

static bool load_token(struct admin_http *admin, const struct admin_http_options *options)
{
    if (options->token_file == NULL)
        return true;
    if (!secret_load(&admin->token, options->token_file, options->log))
        return false;
    bool good = admin->token.len >= ADMIN_TOKEN_MIN && admin->token.len <= ADMIN_TOKEN_MAX;
    for (size_t i = 0; i < admin->token.len; i++)
        good = good && admin->token.text[i] > ' ' && admin->token.text[i] < 0x7f;
    return good
           || refuse(options,
                     "a token has 16 to 256 printable characters of ASCII without spaces; this file has none: ",
                     options->token_file);
}

/* *wanted false: there is to be no admin port. */
static bool choose_address(const struct admin_http_options *options, struct address *address, bool *wanted)
{
    *wanted = options->address != NULL ? strcmp(options->address, "off") != 0 : options->client_port != 0;
    if (!*wanted)
        return true;
    if (options->address != NULL)
        return address_split(options->address, address)
               || refuse(options, "accepted for --admin: host:port, [IPv6]:port, *:port or off, not ",
                         options->address);
    *address = (struct address){.host = "127.0.0.1"};
    int port = options->client_port_free ? 0 : options->client_port + ADMIN_PORT_ABOVE;
    if (port > 65535) {
        logger_line(options->log, LEVEL_WARNING, "admin",
                    "there is no admin port, because port %d is too high to count it from; name one with --admin",
                    options->client_port);
        *wanted = false;
        return true;
    }
    address->port = (uint16_t)port;
    return true;
}

/* A default port that is taken is no reason not to serve clients. */
static bool open_sockets(const struct admin_http_options *options, const struct address *address,
                         struct admin_sockets *sockets)
{
    enum admin_listen_status status = admin_listen(sockets, address->host, address->port, options->log);
    if (status == ADMIN_PORT_TAKEN && options->address == NULL) {
        logger_line(options->log, LEVEL_WARNING, "admin",
                    "there is no admin port, because port %d of %s is taken; name another one with --admin",
                    address->port, address->host);
        return true;
    }
    if (status == ADMIN_PORT_TAKEN)
        return refuse(options, "the admin port is taken: ", options->address);
    if (status == ADMIN_LISTENS && !sockets->is_loopback && options->token_file == NULL) {
        admin_sockets_close(sockets);
        return refuse(options,
                      "who reaches the admin port can change the ring, so an address that is not loopback needs "
                      "--admin-token-file FILE: ",
                      options->address);
    }
    return status == ADMIN_LISTENS;
}

static bool listen_with(struct admin_http *admin, struct admin_sockets *sockets)
{
    while (sockets->count > 0) {
        struct evhttp_bound_socket *bound =
            evhttp_accept_socket_with_handle(admin->http, sockets->fds[sockets->count - 1]);
        if (bound == NULL)
            return false;
        struct evconnlistener *listener = evhttp_bound_socket_get_listener(bound);
        evconnlistener_set_error_cb(listener, on_accept_error);
        admin->listeners[admin->listener_count++] = listener;
        sockets->count--; /* the listener's now */
    }
    return true;
}

static bool open_http(struct admin_http *admin, const struct admin_http_options *options, struct admin_sockets *sockets)
{
    admin->http = evhttp_new(options->base);
    if (admin->http == NULL)
        return refuse(options, "cannot make the admin port: ", "no memory");
    evhttp_set_max_headers_size(admin->http, ADMIN_HEADERS_MAX);
    evhttp_set_max_body_size(admin->http, ADMIN_BODY_MAX);
    evhttp_set_timeout(admin->http, ADMIN_IDLE_SECONDS);
    /* Others are refused by admin_answer, which says what is accepted. */
    evhttp_set_allowed_methods(admin->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT
                                                | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(admin->http, on_visitor, admin);
    evhttp_set_gencb(admin->http, on_request, admin);
    admin->port = sockets->port;
    if (!listen_with(admin, sockets))
        return refuse(options, "cannot make the admin port: ", strerror(errno));
    logger_line(options->log, LEVEL_INFO, "admin", "listening for ringctl on TCP port %d%s", admin->port,
                admin->token.len > 0 ? ", with a token" : "");
    return true;
}

bool admin_http_open(struct admin_http **http, const struct admin_http_options *options)
{
    struct address address;
    struct admin_sockets sockets = {0};
    bool wanted;
    *http = NULL;
    if (!choose_address(options, &address, &wanted))
        return false;
    if (!wanted)
        return true;
    struct admin_http *admin = calloc(1, sizeof(*admin));
    CHECK_MEMORY(admin);
    admin->log = options->log;
    admin->ports = options->ports;
    admin->asks = (struct admin_asks){.ports = &admin->ports, .base = options->base};
    list_init(&admin->asks.list);
    evtimer_assign(&admin->look, options->base, on_look, admin);
    bool good = load_token(admin, options) && open_sockets(options, &address, &sockets);
    if (good && sockets.count > 0) {
        good = open_http(admin, options, &sockets);
        *http = admin;
    }
    admin_sockets_close(&sockets);
    if (good && *http != NULL)
        return true;
    *http = NULL;
    admin_http_stop(admin);
    admin_http_free(admin);
    return good;
}

int admin_http_port(const struct admin_http *http)
{
    return http != NULL ? http->port : 0;
}

void admin_http_stop(struct admin_http *http)
{
    if (http == NULL)
        return;
    evtimer_del(&http->look);
    if (http->http != NULL)
        evhttp_free(http->http);
    http->http = NULL;
    http->listener_count = 0;
    for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        if (http->visitors[i].event != NULL)
            forget(http, &http->visitors[i]);
    }
    admin_asks_stop(&http->asks);
}

void admin_http_free(struct admin_http *http)
{
    if (http == NULL)
        return;
    admin_asks_close(&http->asks);
    secret_forget(&http->token);
    free(http);
}
