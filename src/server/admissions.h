/* Which process each other node is, as membership has found out; any thread asks. Two processes may claim to be one
 * node (a copied data directory, a name given twice, one that was frozen while another took its place): only the one
 * that is admitted has links to this node's loops. */
#ifndef SERVER_ADMISSIONS_H
#define SERVER_ADMISSIONS_H

#include <stdbool.h>
#include <stdint.h>

struct admissions;

/* Nobody is known yet. Aborts without memory. */
struct admissions *admissions_new(void);
/* NULL is harmless. */
void admissions_free(struct admissions *admissions);

/* From now on the node of this name is that process. false: it was already. */
bool admissions_set(struct admissions *admissions, const char *name, uint64_t incarnation);
/* May this process have links? Who is not known may. */
bool admissions_allow(struct admissions *admissions, const char *name, uint64_t incarnation);

#endif
