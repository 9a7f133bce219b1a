/* For tests over generated inputs: a claim that tells the seed when it fails. */
#ifndef T_BASE_SEEDED_H
#define T_BASE_SEEDED_H

/* cmocka wants these before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_seeded(claim, seed)                                                                                     \
    do {                                                                                                               \
        if (!(claim))                                                                                                  \
            fail_msg("%s does not hold; seed %llu", #claim, (unsigned long long)(seed));                               \
    } while (0)

#endif
