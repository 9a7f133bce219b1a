/* What writing and reading a record share; docs/record.md is the description. For this room only. */
#ifndef VERSION_RECORD_LAYOUT_H
#define VERSION_RECORD_LAYOUT_H

enum {
    RECORD_CHECKSUM_BYTES = 8,
    RECORD_CHECKSUM_SEED = 0x7265636f, /* other fingerprints of the same bytes have other seeds */
    RECORD_HEAD_BYTES = 10,            /* checksum, format, traits */
    RECORD_PAIR_MIN = 22,              /* the shortest pair: two fixed numbers, two varints, a time */
    RECORD_VERSION_MIN = 11            /* the shortest further version: traits, two varints, a time */
};

/* The traits byte: which optional fields of a version follow. The last two are the record's, so they stand in
 * the first traits byte only. */
enum record_trait {
    TRAIT_TOMBSTONE = 0x01,
    TRAIT_STALE = 0x02,
    TRAIT_WIN_SENT = 0x04,
    TRAIT_FLAGS = 0x08,
    TRAIT_EXPIRY = 0x10,
    TRAIT_STAMP = 0x20,
    TRAIT_OWN_PAIR = 0x40, /* the pair of the newest version's actor is not just its dot and time */
    TRAIT_LONG = 0x80,     /* more than one version and its pair */
    TRAITS_OF_VERSION = 0x3f,
    TRAIT_MARKS_SHIFT = 1 /* from enum version_mark to TRAIT_STALE and TRAIT_WIN_SENT */
};

#endif
