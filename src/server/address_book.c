#include "server/address_book.h"

#include "base/check.h"
#include "server/address.h"
#include "server/clock.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct choice {
    struct sockaddr_storage address;
    socklen_t len;
};

struct name {
    struct name *next;
    struct address address;
    struct choice choices[ADDRESS_BOOK_CHOICES_MAX];
    unsigned count, chosen;
    uint64_t known_ms; /* when it was looked up */
    bool wanted;       /* to be looked up */
};

/* Names are never removed, so that the thread may look at one without the lock while it resolves it. */
struct address_book {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct name *names;
    unsigned count;
    bool has_thread, stopping;
    unsigned users; /* the owner and the thread: the last one frees the book */
};

struct address_book *address_book_new(void)
{
    struct address_book *book = calloc(1, sizeof(*book));
    CHECK_MEMORY(book);
    CHECK(pthread_mutex_init(&book->lock, NULL) == 0 && pthread_cond_init(&book->work, NULL) == 0);
    book->users = 1;
    return book;
}

/* Under the lock, which it gives up. */
static void leave(struct address_book *book)
{
    bool is_last = --book->users == 0;
    pthread_mutex_unlock(&book->lock);
    if (!is_last)
        return;
    for (struct name *name = book->names, *next; name != NULL; name = next) {
        next = name->next;
        free(name);
    }
    pthread_cond_destroy(&book->work);
    pthread_mutex_destroy(&book->lock);
    free(book);
}

void address_book_free(struct address_book *book)
{
    if (book == NULL)
        return;
    pthread_mutex_lock(&book->lock);
    book->stopping = true;
    pthread_cond_signal(&book->work);
    leave(book);
}

static unsigned look_up(const struct address *address, struct choice *choices)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    unsigned count = 0;
    snprintf(service, sizeof(service), "%u", address->port);
    if (getaddrinfo(address->host, service, &hints, &found) != 0)
        return 0;
    for (struct addrinfo *at = found; at != NULL && count < ADDRESS_BOOK_CHOICES_MAX; at = at->ai_next) {
        memcpy(&choices[count].address, at->ai_addr, at->ai_addrlen);
        choices[count++].len = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return count;
}

static struct name *next_wanted(struct address_book *book)
{
    struct name *name = book->names;
    while (name != NULL && !name->wanted)
        name = name->next;
    return name;
}

static void *run(void *context)
{
    struct address_book *book = context;
    pthread_mutex_lock(&book->lock);
    while (!book->stopping) {
        struct name *name = next_wanted(book);
        if (name == NULL) {
            pthread_cond_wait(&book->work, &book->lock);
            continue;
        }
        struct choice choices[ADDRESS_BOOK_CHOICES_MAX];
        pthread_mutex_unlock(&book->lock);
        unsigned count = look_up(&name->address, choices);
        pthread_mutex_lock(&book->lock);
        name->wanted = false;
        name->known_ms = clock_now().mono_ns / 1000000;
        if (count != 0) { /* a resolver that is silent takes nothing away */
            memcpy(name->choices, choices, count * sizeof(choices[0]));
            name->count = count;
        }
    }
    leave(book);
    return NULL;
}

/* Under the lock. */
static void want(struct address_book *book, struct name *name)
{
    pthread_t thread;
    name->wanted = true;
    if (!book->has_thread && pthread_create(&thread, NULL, run, book) == 0) {
        pthread_setname_np(thread, "resolver");
        pthread_detach(thread);
        book->has_thread = true;
        book->users++;
    }
    pthread_cond_signal(&book->work);
}

/* Under the lock. NULL: there are too many. */
static struct name *take_name(struct address_book *book, const struct address *address)
{
    struct name *name = book->names;
    while (name != NULL && (name->address.port != address->port || strcmp(name->address.host, address->host) != 0))
        name = name->next;
    if (name != NULL || book->count == ADDRESS_BOOK_NAMES_MAX)
        return name;
    name = calloc(1, sizeof(*name));
    CHECK_MEMORY(name);
    name->address = *address;
    name->next = book->names;
    book->names = name;
    book->count++;
    return name;
}

static bool read_number(const struct address *address, struct sockaddr_storage *out, socklen_t *len)
{
    struct sockaddr_in *in = (void *)out;
    struct sockaddr_in6 *in6 = (void *)out;
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, address->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        *len = sizeof(*in);
        return true;
    }
    if (inet_pton(AF_INET6, address->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        *len = sizeof(*in6);
        return true;
    }
    return false;
}

bool address_book_find(struct address_book *book, const char *text, struct sockaddr_storage *out, socklen_t *len)
{
    struct address address;
    if (!address_split(text, &address) || address.host[0] == '\0')
        return false;
    if (read_number(&address, out, len))
        return true;
    pthread_mutex_lock(&book->lock);
    struct name *name = take_name(book, &address);
    bool known = name != NULL && name->count != 0;
    if (known) {
        const struct choice *choice = &name->choices[name->chosen % name->count];
        *out = choice->address;
        *len = choice->len;
    }
    if (name != NULL && (!name->wanted || !book->has_thread) /* the system may have had no thread to give */
        && (!known || clock_now().mono_ns / 1000000 - name->known_ms > ADDRESS_BOOK_FRESH_MS))
        want(book, name);
    pthread_mutex_unlock(&book->lock);
    return known;
}

void address_book_doubt(struct address_book *book, const char *text)
{
    struct address address;
    struct sockaddr_storage number;
    socklen_t len;
    if (!address_split(text, &address) || address.host[0] == '\0' || read_number(&address, &number, &len))
        return;
    pthread_mutex_lock(&book->lock);
    struct name *name = take_name(book, &address);
    if (name != NULL) {
        name->chosen++;
        want(book, name);
    }
    pthread_mutex_unlock(&book->lock);
}
