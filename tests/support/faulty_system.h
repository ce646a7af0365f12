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
#include <stdint.h>

#define SAL_FAULTY_PLACES 20000

typedef enum sal_faulty_kind {
    SAL_FAULTY_ALLOCATION,
    SAL_FAULTY_OPEN,
    SAL_FAULTY_READ,
    SAL_FAULTY_WRITE,
    SAL_FAULTY_SYNC,
    SAL_FAULTY_CLOSE,
    SAL_FAULTY_RENAME,
    SAL_FAULTY_STEP,   /* of SQLite: SQLITE_IOERR (faulty_sqlite.c) */
    SAL_FAULTY_MEMORY, /* of SQLite: an allocation of its own; needs sal_faulty_sqlite */
    SAL_FAULTY_KINDS
} sal_faulty_kind;

/** Let `after` more calls of a kind succeed; those after them fail (ENOMEM, EIO or ENOSPC) until reset. */
void sal_faulty_fail(sal_faulty_kind kind, long after);
/** Let `after` more calls of a kind succeed; the one after them fails, and no other. */
void sal_faulty_fail_once(sal_faulty_kind kind, long after);
/** Back to the real system. True when a call was made to fail since sal_faulty_fail. */
bool sal_faulty_reset(void);
/** Blocks allocated by the library and not yet freed. */
long sal_faulty_blocks(void);

/** Whether a call of this kind is to fail now; for what stands in for other libraries. */
bool sal_faulty_strikes(sal_faulty_kind kind);

/** Calls of a kind that came from a place not seen before: another chain of callers. */
typedef struct sal_faulty_places {
    long calls; /* all of them */
    long count;
    long numbers[SAL_FAULTY_PLACES]; /* how many calls of the kind came before it, ascending */
    uint64_t chains[SAL_FAULTY_PLACES];
} sal_faulty_places;

/** Note places from now on, nothing fails.
 *  in     places [SAL_FAULTY_KINDS], zero; NULL: no more */
void sal_faulty_note_places(sal_faulty_places *places);

/** Have SQLite's reads, writes, syncs and its own memory pass through here. Before the first use of SQLite. */
void sal_faulty_sqlite(void);

#endif
