/* sal_import_file: one file, one transaction; and its records as documents. */
#include <string.h>
#include <sys/stat.h>

#include "import/import_internal.h"
#include "import/parquet.h"
#include "salient/file.h"

/* A stream is held in memory, as its digest is needed before its first record. */
static const size_t maximum_stream = (size_t)1 << 30;

static int add_document(import_job *job, const sal_record *record, const import_record *found,
                        sal_error *err) {
    sal_error why = {0};
    sal_document document = {.corpus = job->corpus.bytes,
                             .language = found->language,
                             .kind = found->kind,
                             .text = found->text->bytes,
                             .text_length = found->text->length};
    sal_added added = SAL_ADDED_NEW;
    int code = import_identify(job, record, found, &document.id, err);

    if (code != SAL_OK) {
        return code;
    }
    if (found->reference != NULL) {
        document.reference = found->reference->bytes;
        document.reference_length = found->reference->length;
    }
    code = sal_study_add_document(job->study, &document, &added, NULL, &why);
    /* An id that no study can hold (too long, control characters) is the record's fault. */
    if (code == SAL_EINVAL || code == SAL_ELIMIT) {
        return import_skip(job, record->line, why.text, err);
    }
    if (code != SAL_OK) {
        return sal_fail(err, code, "%s:%lld: %s", sal_reader_name(job->reader),
                        (long long)record->line, why.text);
    }
    if (added == SAL_ADDED_CONFLICT) {
        (void)sal_fail(
            &why, SAL_EEXISTS,
            "the id \"%.100s\" is taken by another text or reference in corpus \"%.100s\"",
            document.id, document.corpus);
        return import_skip(job, record->line, why.text, err);
    }
    job->tally.done += added == SAL_ADDED_NEW;
    job->tally.kept += added == SAL_ADDED_SAME;
    return SAL_OK;
}

static int import_document(import_job *job, const sal_record *record, sal_error *err) {
    sal_error why = {0};
    import_record found = {0};
    int unusable = import_read_record(job, record, &found, &why);

    if (unusable == SAL_OK && found.text == NULL) {
        unusable = import_refuse_missing(&job->map, record, IMPORT_TEXT, &why);
    } else if (unusable == SAL_OK && import_is_blank(found.text->bytes, found.text->length)) {
        unusable = sal_fail(&why, SAL_EFORMAT, "the text is empty");
    }
    if (unusable != SAL_OK || found.text == NULL) {
        return import_skip(job, record->line, why.text, err);
    }
    return add_document(job, record, &found, err);
}

int import_documents(import_job *job, sal_error *err) {
    const sal_record *record = NULL;
    int code = import_next(job, &record, err);

    while (code == SAL_OK && record != NULL) {
        code = import_document(job, record, err);
        if (code == SAL_OK) {
            code = import_next(job, &record, err);
        }
    }
    return code;
}

/* Digest of the input. What can be read only once is kept in *bytes for the reader. */
static int digest_input(const char *path, sal_buffer *bytes, bool *in_memory, char digest[65],
                        sal_error *err) {
    struct stat info;
    int code = SAL_OK;

    *in_memory = strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode));
    if (!*in_memory) {
        return sal_sha256_file(path, digest, err);
    }
    code = sal_file_read_all(path, maximum_stream, bytes, err);
    if (code == SAL_OK) {
        sal_sha256_of(bytes->bytes, bytes->length, digest);
    }
    return code;
}

static int name_corpus(import_job *job, sal_error *err) {
    if (job->options->corpus != NULL) {
        return sal_buffer_add_string(&job->corpus, job->options->corpus, err);
    }
    /* Each text file is one document: together they are a corpus. */
    if (sal_reader_format_found(job->reader) == SAL_READER_TXT &&
        strcmp(sal_reader_base_name(job->reader), "stdin") != 0) {
        return sal_buffer_add_string(&job->corpus, "texts", err);
    }
    return import_stem(job->reader, &job->corpus, err);
}

/* All records in one transaction: the file is imported whole or not at all. */
static int import_records(import_job *job, const char *digest, sal_error *err) {
    int code = sal_study_begin(job->study, err);

    if (code != SAL_OK) {
        return code;
    }
    code =
        job->options->summaries ? import_summaries(job, digest, err) : import_documents(job, err);
    if (code == SAL_OK) {
        code = import_check_end(job, err);
    }
    if (code == SAL_OK) {
        return sal_study_commit(job->study, err);
    }
    sal_study_rollback(job->study);
    return code;
}

static void add_tally(sal_tally *tally, const sal_tally *own) {
    tally->done += own->done;
    tally->kept += own->kept;
    tally->failed += own->failed;
    tally->refused += own->refused;
    tally->truncated += own->truncated;
}

/* Through JSONL of the same name; without duckdb the reader refuses it, and says what to do.
   out *imported false: there is no duckdb */
static int import_parquet(sal_study *study, const char *path, const sal_import_options *options,
                          const sal_progress *progress, sal_tally *tally, bool *imported,
                          sal_error *err) {
    sal_import_options own = *options;
    sal_buffer jsonl = {0};
    int code = import_parquet_convert(path, &jsonl, imported, err);

    own.format = "jsonl";
    if (code == SAL_OK && *imported) {
        code = sal_import_file(study, jsonl.bytes, &own, progress, tally, err);
        import_parquet_forget(&jsonl);
    }
    sal_buffer_free(&jsonl);
    return code;
}

int sal_import_file(sal_study *study, const char *path, const sal_import_options *options,
                    const sal_progress *progress, sal_tally *tally, sal_error *err) {
    import_job job = {.study = study, .options = options, .progress = progress};
    sal_buffer bytes = {0};
    bool in_memory = false;
    char digest[65] = "";
    bool imported = false;
    int code = import_check_options(options, &job.map, err);

    if (code == SAL_OK && strncmp(path, "hf:", 3) == 0) {
        return import_hub(study, path, options, progress, tally, err);
    }
    if (code == SAL_OK && strcmp(path, "-") != 0 && import_is_parquet(path)) {
        code = import_parquet(study, path, options, progress, tally, &imported, err);
        if (imported) {
            return code;
        }
    }
    if (code == SAL_OK && options->summaries) {
        code = digest_input(path, &bytes, &in_memory, digest, err);
    }
    if (code == SAL_OK) {
        code = import_open_reader(path, options, in_memory ? &bytes : NULL, &job.reader, err);
    }
    if (code == SAL_OK) {
        code = name_corpus(&job, err);
    }
    if (code == SAL_OK) {
        code = import_records(&job, digest, err);
    }
    if (code == SAL_OK) {
        add_tally(tally, &job.tally);
    }
    sal_reader_close(job.reader);
    sal_buffer_free(&job.corpus);
    sal_buffer_free(&job.made_id);
    sal_buffer_free(&bytes);
    return code;
}
