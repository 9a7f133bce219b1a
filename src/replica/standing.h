/* What this node's copy of each partition is worth, Dynamo 4.7 with [R3] and [R9]. Shared by all loops of a process.
 *
 * Horizon: everything written at or before it that lives on anywhere is here, so what is not here is dead. It only
 * rises, unless what was here is lost. It counts as soon as it is durable: set, kept by the storage thread, in force.
 *
 * Doubtful: acknowledged writes may be missing here (the process stopped uncleanly and power was lost, the data
 * directory is new or an old copy), and the copy has not yet been compared with every other owner. Its answers do not
 * count towards r, its data is merged all the same.
 *
 * Behind: writes may have passed it by (it was away, frozen or cut off) since it was last compared; nothing that was
 * acknowledged by it is missing. It counts, but a write that replaces everything asks the others first, else it would
 * stand beside what it does not know. */
#ifndef REPLICA_STANDING_H
#define REPLICA_STANDING_H

#include "base/bytes.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum standing_flag { STANDING_DOUBTFUL = 1, STANDING_BEHIND = 2 };

struct standing;

/* All horizons are 0, nothing is doubtful or behind, the directory is confirmed. Aborts without memory. */
struct standing *standing_new(void);
void standing_free(struct standing *standing);

/* The highest horizon of any partition, in force or not. What is written must be later than it, so at the start the
 * clock observes it, whatever the wall clock says. */
hybrid_time standing_newest_horizon(const struct standing *standing);

/* Reads; any thread, a load each. */
hybrid_time standing_horizon(const struct standing *standing, uint16_t partition);
bool standing_is_doubtful(const struct standing *standing, uint16_t partition);
bool standing_is_behind(const struct standing *standing, uint16_t partition); /* also when it is doubtful */

/* The whole copy has become doubtful, or is behind: every partition. Any thread. */
void standing_mark_all(struct standing *standing, enum standing_flag flag);
void standing_mark(struct standing *standing, uint16_t partition, enum standing_flag flag);
/* It has been compared with every other owner: both flags go. How often the partition has been marked since the
 * comparison began decides: `marks` is what standing_marks said then; false: marked again meanwhile, the flags stay. */
bool standing_clear(struct standing *standing, uint16_t partition, uint64_t marks);
uint64_t standing_marks(const struct standing *standing, uint16_t partition);

/* Nobody has confirmed yet that the data directory is the one this node last ran with (membership): until then every
 * partition is doubtful. */
void standing_set_confirmed(struct standing *standing, bool confirmed);
bool standing_is_confirmed(const struct standing *standing);

/* The horizon is to rise to this; it is in force only when it is durable. Any one thread. */
void standing_raise_horizon(struct standing *standing, uint16_t partition, hybrid_time horizon);

/* Records of the partition are missing that were here, as only a damaged disk could lose them: what is not here is not
 * dead for that. Its horizon becomes 0, and it is doubtful. As soon as that is durable (standing_wants_keeping says no)
 * it is safe to compare the copy with others. By the thread that raises horizons. */
void standing_withdraw_horizon(struct standing *standing, uint16_t partition);

/* What has to be kept durably of the first `partitions` rows: wanted horizons, doubtful flags. The storage thread calls
 * standing_wants_keeping, writes what standing_encode gives (standing_size bytes) as the store's named value
 * "standing", and then says standing_kept: horizons as they were encoded come into force. */
bool standing_wants_keeping(const struct standing *standing);
size_t standing_size(uint32_t partitions);
void standing_encode(struct standing *standing, uint32_t partitions, uint8_t *at);
void standing_kept(struct standing *standing);
/* At the start: takes over what was kept, horizons being in force at once. false: it cannot be understood, and nothing
 * was taken over. */
bool standing_decode(struct standing *standing, struct bytes kept);

#endif
