/* Finding and sorting inside an object. For this room only. */
#ifndef VERSION_SORTED_H
#define VERSION_SORTED_H

#include "version/object.h"

/* The first pair whose actor is not below `actor`, or context->count. */
uint32_t context_lower_bound(const struct context *context, const struct actor *actor);

/* `actor`'s pair, or NULL. */
const struct pair *context_find(const struct context *context, const struct actor *actor);

/* Newest first, as object.h wants it. */
void versions_sort(struct version *versions, uint32_t count);

/* The versions sorted by dot, in the arena: what versions_find looks things up in. */
const struct version **versions_by_dot(const struct version *versions, uint32_t count, struct arena *arena);

/* The version with this dot in what versions_by_dot returned, or NULL. */
const struct version *versions_find(const struct version *const *by_dot, uint32_t count, const struct dot *dot);

#endif
