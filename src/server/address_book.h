/* Which socket address a member's "host:port" stands for. Numbers are read at once; names are looked up by a thread of
 * the book's own, because the system's resolver may block for many seconds, and nobody who has clients or members to
 * serve can wait for it. */
#ifndef SERVER_ADDRESS_BOOK_H
#define SERVER_ADDRESS_BOOK_H

#include <stdbool.h>
#include <sys/socket.h>

enum {
    ADDRESS_BOOK_NAMES_MAX = 4096, /* names that are remembered; further ones are not looked up */
    ADDRESS_BOOK_CHOICES_MAX = 8,  /* socket addresses of one name, tried in turn */
    ADDRESS_BOOK_FRESH_MS = 30000  /* an answer older than this is looked up again, while it goes on being used */
};

struct address_book;

/* An empty book. Its thread is started by the first name that is not a number. */
struct address_book *address_book_new(void);
/* Does not wait for a look-up that is under way. NULL is harmless. */
void address_book_free(struct address_book *book);

/* false: not known (yet); a name is being looked up then, ask again later. Any thread, never blocks for long. */
bool address_book_find(struct address_book *book, const char *address, struct sockaddr_storage *out, socklen_t *len);

/* Nobody answered there: the next call of find tries the name's next address, and the name is looked up again. */
void address_book_doubt(struct address_book *book, const char *address);

#endif
