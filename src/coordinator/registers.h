/* The flush registers and the record that keeps them, as durable as any write: the one with the empty key, a node's
 * own. Its value is flushed, pending, issued, 8 bytes each; an older form has no `issued`, which is then the version's
 * time. Within the room. */
#ifndef COORDINATOR_REGISTERS_H
#define COORDINATOR_REGISTERS_H

#include "coordinator/coordinator.h"

/* What both say together: the later flush, the delayed one that was commanded last. A delayed one that is due at
 * `now_ms` is not taken back by a later command. */
struct flush_registers registers_join(struct flush_registers a, struct flush_registers b, uint64_t now_ms);
bool registers_equal(const struct flush_registers *a, const struct flush_registers *b);

/* From now on these count, beside those that do already (coordinator_flush_registers). */
void registers_count(struct coordinator *coordinator, struct flush_registers registers);

/* What a record of the node holds. false: it is corrupt. An empty record holds nothing. `object` is decoded into the
 * scratch arena, which is reset. */
bool registers_decode(struct coordinator *coordinator, struct bytes record, struct object *object,
                      struct flush_registers *out);

/* The new record; `fresh` is a version with dot and times. false: no memory. */
bool registers_encode(struct coordinator *coordinator, const struct object *object, struct version fresh,
                      const struct flush_registers *registers, struct store_draft *draft);

/* Fills in an op on that record. */
void registers_prepare_op(struct store_op *op, enum store_kind kind);

#endif
