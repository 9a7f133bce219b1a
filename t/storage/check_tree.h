/* Is the hash tree what the records say? */
#ifndef STORAGE_CHECK_TREE_H
#define STORAGE_CHECK_TREE_H

#include "storage/fixture.h"

/* Leaves that differ from a tree rebuilt from all records: those of the newest records, those of the engine's, and
 * those that are stored in the engine. To be called between two slices. */
struct wrong_leaves {
    unsigned newest, engine, stored;
};
struct wrong_leaves wrong_leaves(struct fixture *fixture);

/* Fails the test when any is wrong; `what` and `seed` say when it was. */
void check_tree(struct fixture *fixture, const char *what, uint64_t seed);

#endif
