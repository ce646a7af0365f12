/** The layout of the paper's published data, piece by piece. */
#ifndef SALIENT_STUDY_EXPORT_ORIGINAL_H
#define SALIENT_STUDY_EXPORT_ORIGINAL_H

#include "salient/study.h"

/** What the original calls the fields of a record, by data set. */
typedef struct original_fields {
    const char *text;
    const char *reference;
    const char *generated;
} original_fields;

/** Fields of a document: by the corpus where the original knows it, else by kind and language. */
original_fields original_fields_of(const sal_document *document);

/** One record of predictions.json as the original's json.dump(indent=4) lays it out, with
 *  word_importance when importance is not NULL (words that no summary keeps are left out, as there). */
int original_write_record(const sal_sink *sink, const sal_document *document,
                          const sal_summary *summary, const sal_importance_list *importance,
                          sal_error *err) SAL_MUST_CHECK;

/** Names that can be folders: "/" and other characters that file systems or shells refuse become "_",
 *  and two names that would become the same folder are told apart by a digest.
 *  in     names [count]
 *  out    *folders [count], freed with sal_strings_free */
int original_folder_names(const char *const *names, size_t count, char ***folders,
                          sal_error *err) SAL_MUST_CHECK;

/** One model and data set of the export, for the data set card. */
typedef struct original_part {
    const char *summarizer; /* borrowed, as the next three */
    const char *corpus;
    const char *summarizer_folder;
    const char *corpus_folder;
    const char *language; /* owned */
    int64_t documents;
    int64_t summaries;
    int64_t with_importance; /* documents */
} original_part;

/** The Hugging Face data set card: YAML head with one configuration for each part, and a description. */
int original_write_card(const sal_sink *sink, const original_part *parts, size_t count,
                        sal_error *err) SAL_MUST_CHECK;

#endif
