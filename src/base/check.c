#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *claim, const char *file, int line)
{
    (void)fprintf(stderr, "ringcached: internal error at %s:%d: %s does not hold; please report this line\n", file,
                  line, claim);
    abort();
}
