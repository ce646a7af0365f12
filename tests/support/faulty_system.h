/** The operating system as tests see it: the real one, until the n-th call of a kind is asked to fail.
 *
 *      for (long n = 0;; n++) {
 *          sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);      // the (n+1)-th allocation from now fails, and all after it
 *          int status = work(&out, &err);
 *          bool reached = sal_faulty_reset();              // true when a call did fail
 *          if (!reached) { assert_int_equal(status, 0); break; }
 *          assert_int_equal(status, SAL_ENOMEM);
 *      }
 *
 *  sal_faulty_blocks() counts blocks not yet freed: equal before and after means that nothing leaks. */
#ifndef SALIENT_FAULTY_SYSTEM_H
#define SALIENT_FAULTY_SYSTEM_H

#include <stdbool.h>

typedef enum sal_faulty_kind {
    SAL_FAULTY_ALLOCATION,
    SAL_FAULTY_OPEN,
    SAL_FAULTY_READ,
    SAL_FAULTY_WRITE,
    SAL_FAULTY_SYNC,
    SAL_FAULTY_CLOSE,
    SAL_FAULTY_RENAME,
    SAL_FAULTY_KINDS
} sal_faulty_kind;

/** Let `after` more calls of a kind succeed; those after them fail (ENOMEM, EIO or ENOSPC) until reset. */
void sal_faulty_fail(sal_faulty_kind kind, long after);
/** Back to the real system. True when a call was made to fail since sal_faulty_fail. */
bool sal_faulty_reset(void);
/** Blocks allocated by the library and not yet freed. */
long sal_faulty_blocks(void);

#endif
