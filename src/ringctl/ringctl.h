/* The operator's tool: asks a node's admin port and prints what it says, as text for people or as JSON.
 *
 *   arguments.h  the command line
 *   http.h       one request, one reply
 *   job.h        one call; verify.c  the command that asks again and again
 *   show.h       replies as text
 *   table.h      aligned columns */
#ifndef RINGCTL_RINGCTL_H
#define RINGCTL_RINGCTL_H

enum {
    RINGCTL_GOOD = 0,
    RINGCTL_REFUSED = 1,      /* the node answered that it cannot do so */
    RINGCTL_USAGE = 64,       /* the command line makes no sense */
    RINGCTL_UNREACHABLE = 69, /* no answer, or not one of an admin port */
    RINGCTL_PATIENCE_S = 30   /* of `wait` and `verify`, unless they are told otherwise */
};

/* The whole program; returns its exit status, one of the above. */
int ringctl_main(int argc, char **argv);

#endif
