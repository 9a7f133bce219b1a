/* Assertions about our own code. They stay on in release builds: a broken invariant must stop the
 * process before it can answer a client. Errors of the world are return codes instead. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/* Prints the failed claim and aborts. Never returns. */
_Noreturn void check_failed(const char *claim, const char *file, int line);

/* Says that there is no memory and aborts. Never returns. */
_Noreturn void check_no_memory(const char *file, int line);

#define CHECK(claim) ((claim) ? (void)0 : check_failed(#claim, __FILE__, __LINE__))

/* The allocation must succeed: a node that cannot get a few kilobytes cannot keep a promise either.
 * Large buffers whose size a client chooses are allocated with malloc() and answered with an error. */
#define CHECK_MEMORY(pointer) ((pointer) != NULL ? (void)0 : check_no_memory(__FILE__, __LINE__))

#endif
