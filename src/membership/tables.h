/* Tables as a whole: adopting a new one, giving it to others, fetching it when somebody has a newer one. */
#ifndef MEMBERSHIP_TABLES_H
#define MEMBERSHIP_TABLES_H

#include "membership/inside.h"

/* Makes `table` the one in force: saved, then published. Takes it. false: it could not be saved; nothing has changed.
 */
bool tables_adopt(struct membership *membership, struct instant now, struct table *table, bool is_founded);
/* Where some other member is; NULL when this node is alone in its table. */
const char *tables_anyone(struct membership *membership);

/* Takes over shared settings and publishes them if they are newer, or, with `always`, because they are those of the
 * ring that this node has just become a member of. The caller saves. false: malformed. */
bool tables_take_settings(struct membership *membership, uint64_t version, uint32_t writer, struct bytes settings,
                          bool always);

/* Sends table and shared settings to this address. */
void tables_send(struct membership *membership, const char *address);
/* MESSAGE_TABLE_REQUEST and MESSAGE_TABLE. false: malformed. */
bool tables_on_request(struct membership *membership, const struct message_sender *sender);
bool tables_on_table(struct membership *membership, struct instant now, const char *from, struct bytes head);

/* Somebody has the table of this epoch; `address` (NULL: anyone) is asked if it is newer than ours. */
void tables_hear(struct membership *membership, struct instant now, uint64_t epoch, const char *address);
/* Asks again; tables_wake_at: when that is due, monotonic nanoseconds. */
void tables_tick(struct membership *membership, struct instant now);
uint64_t tables_wake_at(const struct membership *membership);

#endif
