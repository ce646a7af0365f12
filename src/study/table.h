/** Rows of a table as an array of structs: replaced together under a key, read into a growing list, freed. */
#ifndef SALIENT_STUDY_TABLE_H
#define SALIENT_STUDY_TABLE_H

#include "study/study_internal.h"

/** A statement and what its parameters are bound to. */
typedef struct study_statement {
    const char *sql;                                   /* string literal, as for study_query_open */
    void (*bind)(study_query *query, const void *key); /* NULL: no parameters */
    const void *key;
} study_statement;

/** Keys that several tables have: a text (NULL: null), an integer, two integers, an analysis and a corpus. */
typedef struct study_analysis_key {
    int64_t analysis;
    const char *corpus;
} study_analysis_key;
void study_bind_text_key(study_query *query, const void *text);
void study_bind_integer_key(study_query *query, const void *integer);
void study_bind_pair_key(study_query *query, const void *pair); /* int64_t[2] */
void study_bind_analysis_key(study_query *query, const void *analysis_key);

/** Run to the end, dropping rows. */
int study_run_statement(sal_study *study, const study_statement *statement,
                        sal_error *err) SAL_MUST_CHECK;
/** Show every row, its columns in query, until visit fails. */
int study_visit_rows(sal_study *study, const study_statement *statement,
                     int (*visit)(void *context, study_query *query, sal_error *err), void *context,
                     sal_error *err) SAL_MUST_CHECK;

/* ---- reading ------------------------------------------------------------------------------ */

/** At most so many texts has a row. */
enum { STUDY_TEXTS = 8 };

/** How a struct is read from a row. */
typedef struct study_row_kind {
    size_t size; /* of the struct */
    /* Name the texts that the struct owns, in the order of the first columns; returns how many. NULL: none. */
    size_t (*texts)(void *item, const char **fields[STUDY_TEXTS]);
    /* Take what is no text from the columns after these, the first of them being column; item is all zero.
     * NULL: nothing. */
    void (*read)(study_query *query, int column, void *item);
} study_row_kind;

/** Append every row to a list.
 *  inout  *items [*count], NULL and 0 at first; also after a failure to be freed with study_free_rows
 *  errs   SAL_ENOMEM and those of a query */
int study_read_rows(sal_study *study, const study_statement *statement, const study_row_kind *kind,
                    void **items, size_t *count, sal_error *err) SAL_MUST_CHECK;
/** Free the texts of a list and the list. */
void study_free_rows(const study_row_kind *kind, void *items, size_t count);
/** Free the texts of one struct. */
void study_free_texts(const study_row_kind *kind, void *item);

/* ---- writing ------------------------------------------------------------------------------ */

/** How structs become the rows of a key. */
typedef struct study_table {
    const char *remove; /* DELETE with the key's parameters; NULL: only for study_insert_rows */
    const char *insert; /* INSERT with the key's parameters, then the row's */
    void (*bind_key)(study_query *query, const void *key);
    void (*bind_row)(study_query *query, const void *item);
    size_t size; /* of the struct */
    /* Say which row failed with code, and give it back. NULL: the error as it came. */
    int (*explain)(int code, const void *key, const void *item, sal_error *err);
} study_table;

/** Insert items [count]; within a transaction of the caller's. */
int study_insert_rows(sal_study *study, const study_table *table, const void *key,
                      const void *items, size_t count, sal_error *err) SAL_MUST_CHECK;
/** Put items [count] in place of all rows of the key, in one transaction.
 *  errs   SAL_EINVAL (study opened for reading) and those of a query: then the old rows stand */
int study_replace_rows(sal_study *study, const study_table *table, const void *key,
                       const void *items, size_t count, sal_error *err) SAL_MUST_CHECK;

#endif
