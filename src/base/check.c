#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *claim, const char *file, int line)
{
    (void)fprintf(stderr, "ringcached: internal error at %s:%d: %s does not hold; please report this line\n", file,
                  line, claim);
    abort();
}

_Noreturn void check_no_memory(const char *file, int line)
{
    (void)fprintf(
        stderr,
        "ringcached: out of memory at %s:%d, the process ends; raise its limit of memory (ulimit -v, MemoryMax=) "
        "or lower -m, -c or -I\n",
        file, line);
    abort();
}
