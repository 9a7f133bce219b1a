/* Fingerprints of what a record holds, for comparing replicas without sending values: Dynamo 4.5 and 4.7 with [R5].
 *
 * Covered are the live dots, and of each version expiry, marks and their stamp; not contexts, which may differ between
 * identical replicas, and not bytes or whether there are any: a dot stands for its bytes, and the bytes of an expired
 * version go at different moments on different replicas. */
#ifndef VERSION_FINGERPRINT_H
#define VERSION_FINGERPRINT_H

#include "base/bytes.h"
#include "version/object.h"

#include <stdint.h>

/* Does not depend on the order of versions; 0 for an object without any live version, else not 0. */
uint64_t object_fingerprint(const struct object *object);

/* The same from a record's bytes, without an arena when it has one version. 0 for an empty record; *ok becomes false
 * when it cannot be decoded. */
uint64_t record_fingerprint(struct bytes record, bool *ok);

#endif
