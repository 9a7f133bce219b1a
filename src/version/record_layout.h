/* What writing and reading a record share; docs/record.md is the description. For this room only. */
#ifndef VERSION_RECORD_LAYOUT_H
#define VERSION_RECORD_LAYOUT_H

enum {
    RECORD_CHECKSUM_BYTES = 8,
    RECORD_CHECKSUM_SEED = 0x7265636f, /* other fingerprints of the same bytes have other seeds */
    RECORD_HEAD_BYTES = 9,             /* checksum, format */
    RECORD_PAIR_MIN = 22,              /* the shortest pair: two fixed numbers, two varints, a time */
    RECORD_VERSION_MIN = 11            /* the shortest further version: traits, two varints, a time */
};

/* Which optional fields of a version follow. The low bits are the first byte; the high ones a second byte, which is
 * there when TRAIT_MORE is set. Format 1 had one byte, with the bit of TRAIT_MORE for what is TRAIT_OWN_PAIR now.
 * TRAIT_OWN_PAIR and TRAIT_LONG are the record's, so they stand in the first traits only. */
enum record_trait {
    TRAIT_TOMBSTONE = 0x01,
    TRAIT_STALE = 0x02,
    TRAIT_WIN_SENT = 0x04,
    TRAIT_FLAGS = 0x08,
    TRAIT_EXPIRY = 0x10,
    TRAIT_STAMP = 0x20,
    TRAIT_MORE = 0x40,
    TRAIT_LONG = 0x80,      /* more than one version and its pair */
    TRAIT_REQUEST = 0x100,  /* it has a second name */
    TRAIT_OWN_PAIR = 0x200, /* the pair of the newest version's actor is not just its dot and time */
    TRAITS_OF_VERSION = 0x13f,
    TRAITS_IN_SECOND_BYTE = 0x300,
    TRAIT_MARKS_SHIFT = 1 /* from enum version_mark to TRAIT_STALE and TRAIT_WIN_SENT */
};

enum { RECORD_FORMAT_ONE_BYTE = 1 /* the format whose traits have one byte and no names of requests */ };

#endif
