/* One request of a memcached client, whatever dialect it spoke: text, meta or binary. Dynamo 4.1's interface as
 * real clients speak it; memcached's doc/protocol.txt and the binary protocol are the references.
 *
 * Parsers turn a slice of bytes into a command and never see a socket; what they cannot accept becomes
 * COMMAND_ERROR with the exact reply, or PARSE_CLOSE. docs/protocol.md tells the commands and replies. */
#ifndef PROTOCOL_COMMAND_H
#define PROTOCOL_COMMAND_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEY_MAX = 250,               /* bytes of a key */
    TEXT_LINE_MAX = 2048,        /* bytes of a command line without newline, except get, gets, gat and gats */
    TEXT_GET_LINE_MAX = 8 << 20, /* bytes of a get, gets, gat or gats line */
    TEXT_VALUE_MAX = 0x7ffffffd, /* longest data block that a text or meta command may announce */
    META_OPAQUE_MAX = 32,        /* bytes of an O(token), its letter included */
    META_FLAGS_MAX = 32,         /* flags on one meta line */
    BINARY_HEADER = 24,
    BINARY_OPCODE_SIBLINGS = 0xe0 /* ringcached's own: all siblings of a key, see COMMAND_SIBLINGS */
};

/* ringcached's own flags of mg. */
#define META_COUNT 'n' /* returns the number of siblings */
#define META_PICK  'p' /* p(token): the token-th sibling, newest first, from 0; past the last one it is a miss */

enum dialect { DIALECT_TEXT, DIALECT_META, DIALECT_BINARY };

enum command_kind {
    COMMAND_ERROR, /* answer `error`, or nothing when quiet; swallow value_len (+ trailer) bytes first if has_value */
    /* reads */
    COMMAND_GET,  /* text get, binary GET family: one value */
    COMMAND_GETS, /* text gets: all siblings */
    COMMAND_GAT,  /* with exptime */
    COMMAND_GATS,
    COMMAND_META_GET,
    COMMAND_META_DEBUG,
    COMMAND_SIBLINGS, /* BINARY_OPCODE_SIBLINGS: all siblings as packets, then an empty one */
    /* writes */
    COMMAND_SET,
    COMMAND_ADD,
    COMMAND_REPLACE,
    COMMAND_APPEND,
    COMMAND_PREPEND,
    COMMAND_CAS, /* text cas, has_token is true; a binary set, add or replace and a meta set or replace with a token are
                    COMMAND_SET with has_token, which means the same, as memcached has it */
    COMMAND_INCR,
    COMMAND_DECR,
    COMMAND_TOUCH,
    COMMAND_DELETE, /* meta: with flag I in meta.present it marks stale */
    /* the server */
    COMMAND_FLUSH_ALL,
    COMMAND_STATS,
    COMMAND_VERSION,
    COMMAND_VERBOSITY,
    COMMAND_NOOP, /* mn, binary NOOP */
    COMMAND_QUIT,
    COMMAND_SHUTDOWN,
    COMMAND_CACHE_MEMLIMIT,
    COMMAND_SLABS, /* this and the next three have no effect here: answer error_text (nothing when quiet) */
    COMMAND_LRU,
    COMMAND_LRU_CRAWLER,
    COMMAND_WATCH,
    COMMAND_CONFIG_GET_CLUSTER,
    COMMAND_SASL_LIST,
    COMMAND_SASL_AUTH,
    COMMAND_SASL_STEP
};

/* Flags of meta commands, by letter, in request order, for the reply to repeat. */
struct meta_flag {
    char letter;
    struct bytes token; /* into the line; empty when it has none */
};

/* Bits of meta_flags.present. */
static inline uint64_t meta_bit(char letter)
{
    /* 'A'..'z' is 58 values: one bit each. */
    return (uint64_t)1 << (unsigned)(letter - 'A');
}

struct meta_flags {
    uint64_t present; /* meta_bit(letter) of every flag given */
    uint8_t count;
    struct meta_flag list[META_FLAGS_MAX];
    int64_t vivify_exptime; /* N(token); ma: the exptime of a number that is created */
    int64_t recache_ttl;    /* R(token) */
    uint32_t sibling;       /* p(token), META_PICK */
};

/* Was the flag given? `letter` is one of A..Z, a..z. */
static inline bool meta_has(const struct meta_flags *flags, char letter)
{
    return (flags->present & meta_bit(letter)) != 0;
}

/* Texts are those of memcached 1.6.18; the enum's order is of no meaning. */
enum protocol_error {
    ERROR_NONE,
    ERROR_UNKNOWN_COMMAND, /* "ERROR" */
    ERROR_BAD_FORMAT,      /* "CLIENT_ERROR bad command line format" */
    ERROR_BAD_DELETE,      /* "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]" */
    ERROR_BAD_CHUNK,       /* "CLIENT_ERROR bad data chunk" */
    ERROR_BAD_DELTA,       /* "CLIENT_ERROR invalid numeric delta argument" */
    ERROR_BAD_EXPTIME,     /* "CLIENT_ERROR invalid exptime argument" */
    ERROR_NON_NUMERIC,     /* "CLIENT_ERROR cannot increment or decrement non-numeric value" */
    ERROR_TOO_LARGE,       /* "SERVER_ERROR object too large for cache" */
    ERROR_NO_MEMORY,       /* "SERVER_ERROR out of memory storing object" */
    ERROR_META             /* another line, most of them meta's: the text is in command.error_text */
};

/* The parsers set every field up to `meta`, and meta.present and meta.count; what they have no use for is zero. The
 * rest of meta is set for meta commands only and key_buffer when `key` lies in it: filling a kilobyte for each get
 * would cost more than parsing it. Who copies a command must point `key` anew when it lies in key_buffer. */
struct command {
    enum command_kind kind;
    enum dialect dialect;
    enum protocol_error error; /* with COMMAND_ERROR */
    const char *error_text;    /* with ERROR_META and the commands without effect: static, no line end; else NULL */
    uint16_t binary_status;    /* with COMMAND_ERROR in the binary dialect: the status to answer */
    bool close_after;          /* with COMMAND_ERROR: close once the error is written */

    bool quiet;     /* noreply, a quiet opcode, or meta q. noreply hides errors too ("bad data chunk" as well);
                       binary and meta tell all errors, so their COMMAND_ERROR is never quiet */
    bool want_key;  /* GETK, GATK: the reply carries the key */
    bool has_token; /* compare with `token` before writing (text cas; meta C; a binary cas that is not 0). A meta set or
                       delete may compare with 0, which no version has */
    bool has_value; /* a data block of value_len bytes follows (text and meta: and \r\n) */
    bool create;    /* binary incr/decr, meta N: make the number when it is missing */
    bool has_exptime; /* touch, gat, meta T, a flush_all with a delay above 0 */
    uint8_t opcode;   /* binary */

    struct bytes key; /* at most KEY_MAX; decoded if it came in base64 (then in key_buffer); into the input otherwise.
                         stats of the binary dialect: the group, may be empty; SASL: the mechanism */
    struct bytes raw_key; /* meta with b: as it was sent; empty otherwise */
    struct bytes rest; /* get, gets, gat, gats: the further keys of the line; stats, shutdown, slabs ...: arguments */
    uint32_t flags;    /* the client's 32 bits */
    int64_t exptime;   /* as sent; for incr/decr the one of the number to create, unless meta T gave another */
    uint64_t token;
    uint64_t delta, initial; /* incr, decr; verbosity: the level, cache_memlimit: megabytes, both in delta */
    uint64_t value_len;
    uint32_t opaque; /* binary, in host order as read (echoed as is) */
    struct meta_flags meta;
    uint8_t key_buffer[KEY_MAX + 3];
};

enum parse_status {
    PARSE_OK,   /* *used bytes of the input are the command; its data block is not among them */
    PARSE_MORE, /* not whole yet: call again with more input */
    PARSE_CLOSE /* hopeless or rude: close without a word */
};

/* Text and meta. `in` begins at a command. out's slices point into `in` (or into *out). How the bytes were cut into
 * pieces makes no difference: each prefix of a command says PARSE_MORE, or PARSE_CLOSE as the whole does. */
enum parse_status text_parse(struct bytes in, struct command *out, size_t *used);

/* The next key of command.rest of get, gets, gat, gats; false at its end. None is longer than KEY_MAX: text_parse
 * answers a line that has such a key with ERROR_BAD_FORMAT as a whole, as memcached does. */
bool text_next_key(struct bytes *rest, struct bytes *key);

/* Binary: header, extras and key; the value follows as the data block (of up to 4 GiB: bound value_len). */
enum parse_status binary_parse(struct bytes in, struct command *out, size_t *used);

/* The text of an error as memcached sends it, without \r\n. For ERROR_META use command.error_text. */
const char *protocol_error_text(enum protocol_error error);

/* Absolute hybrid milliseconds of a memcached exptime: 0 stays 0 (never), negative is 1 (expired long ago), up
 * to 30 days counts from now_ms, more is absolute Unix seconds. */
uint64_t exptime_to_expiry_ms(int64_t exptime, uint64_t now_ms);

#endif
