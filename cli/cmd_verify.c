/* salient verify: is the study what it says it is? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "session.h"

struct verify_options {
    struct common_options common;
};

struct findings {
    struct session *session;
    sal_buffer list; /* JSON strings, with --json */
    int status;
};

static void on_problem(void *context, const char *problem) {
    struct findings *findings = context;
    struct session *session = findings->session;
    if (!session->options->json) {
        terminal_say(&session->terminal, "31", session->name, problem);
        return;
    }
    if (findings->status == 0 && findings->list.length > 0) {
        findings->status = sal_buffer_add_string(&findings->list, ",", &session->error);
    }
    if (findings->status == 0) {
        findings->status = json_add_string(&findings->list, problem, &session->error);
    }
}

static void print_result(const struct findings *findings, int64_t problems) {
    const struct session *session = findings->session;
    if (session->options->json) {
        (void)printf("{\"problems\":[%s],\"count\":%" PRId64 "}\n",
                     findings->list.bytes == NULL ? "" : findings->list.bytes, problems);
    } else if (problems == 0) {
        sal_buffer line = {0};
        if (text_add_harmless(&line, session->arguments[0], strlen(session->arguments[0]), false,
                              NULL) == 0) {
            (void)printf("%s: no problems found\n", line.bytes == NULL ? "" : line.bytes);
        }
        sal_buffer_free(&line);
    }
}

static int run(struct session *session, void *config) {
    struct findings findings = {session, {0}, 0};
    sal_study *study = NULL;
    int64_t problems = 0;
    (void)config;
    int status = sal_study_open(session->arguments[0], SAL_STUDY_READ, &study, &session->error);
    if (status == 0) {
        status = sal_study_verify(study, on_problem, &findings, &problems, &session->error);
        status = status == 0 ? findings.status : status;
    }
    status = session_close(session, study, status);
    if (status == 0) {
        print_result(&findings, problems);
    }
    if (status == 0 && problems > 0) {
        status = sal_fail(&session->error, SAL_EFORMAT,
                          "%s: %" PRId64
                          " problems found; import and compute into a new study, or go back "
                          "to a copy",
                          session->arguments[0], problems);
    }
    sal_buffer_free(&findings.list);
    return session_exit(session, status, NULL);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {"salient verify mystudy", "salient verify mystudy --json",
                                       NULL};
static const struct option_row *const options[] = {options_json, NULL};

const struct command command_verify = {
    "verify",
    "Results",
    "is the study whole and unchanged?",
    arguments,
    "Checks the file's integrity, the hashes of texts and configurations, references between "
    "tables and the range of every count. "
    "Exit status 1 when something is wrong; the problems are listed.",
    examples,
    options,
    sizeof(struct verify_options),
    run,
    NULL,
    NULL};
