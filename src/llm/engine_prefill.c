/* Prompts: the tokens that all share are computed once and copied.
 *
 * The last token of a prompt is never part of the shared prefix: its logits are what the first generated token is drawn from, so every
 * sequence computes at least that one itself. A copy between streams takes a whole stream, and libllama does it at the next decode. */
#include "engine_internal.h"

size_t sal_generate_shared(const sal_generate_request *requests, size_t count) {
    const sal_tokens *first = &requests[0].prompt->tokens;
    size_t shared = first->count - 1;
    for (size_t k = 1; k < count; k++) {
        const sal_tokens *other = &requests[k].prompt->tokens;
        size_t limit = other->count - 1 < shared ? other->count - 1 : shared, same = 0;
        while (same < limit && first->ids[same] == other->ids[same])
            same++;
        shared = same;
    }
    return count > 1 ? shared : 0;
}

void sal_engine_add(sal_engine *engine, int32_t token, int position, llama_seq_id id,
                    sal_sequence *owner) {
    struct llama_batch *batch = &engine->batch;
    int i = batch->n_tokens++;
    batch->token[i] = token;
    batch->pos[i] = position;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = id;
    batch->logits[i] = owner != NULL;
    engine->owners[i] = owner;
}

/* Add tokens [from, to) of a sequence's prompt, running the batch whenever it is full. */
static int add_prompt(sal_engine *engine, sal_sequence *sequence, size_t from, size_t to,
                      sal_error *err) {
    const sal_tokens *tokens = &sequence->asked->prompt->tokens;
    int status = SAL_OK;
    for (size_t i = from; status == SAL_OK && i < to; i++) {
        if (engine->batch.n_tokens == SAL_ENGINE_BATCH)
            status = sal_engine_run(engine, &engine->timing.prefill_seconds, err);
        if (status == SAL_OK)
            sal_engine_add(engine, tokens->ids[i], (int)i, sequence->id,
                           i + 1 == tokens->count ? sequence : NULL);
    }
    engine->timing.prefill_tokens += (int64_t)(to - from);
    sequence->position = (int)to;
    return status;
}

static int compute_shared(sal_engine *engine, sal_sequence *sequences, size_t count, size_t shared,
                          sal_error *err) {
    int status = add_prompt(engine, &sequences[0], 0, shared, err);
    if (status == SAL_OK)
        status = sal_engine_run(engine, &engine->timing.prefill_seconds, err);
    if (status != SAL_OK)
        return status;
    llama_memory_t memory = llama_get_memory(engine->llama);
    for (size_t k = 1; k < count; k++)
        llama_memory_seq_cp(memory, 0, sequences[k].id, -1, -1);
    return SAL_OK;
}

int sal_engine_prefill(sal_engine *engine, sal_sequence *sequences, size_t count, size_t shared,
                       sal_error *err) {
    size_t rest = 0;
    int status = SAL_OK;
    for (size_t k = 0; k < count; k++)
        rest += sequences[k].asked->prompt->tokens.count - shared;
    if (shared > 0)
        status = compute_shared(engine, sequences, count, shared, err);
    /* Short rests (the instruction after the text) go together; long ones one sequence after the other, as libllama would cut a mixed
     * batch into pieces of equal length per sequence. */
    bool together = rest <= SAL_ENGINE_MICRO_BATCH;
    for (size_t k = 0; status == SAL_OK && k < count; k++) {
        status = add_prompt(engine, &sequences[k], shared, sequences[k].asked->prompt->tokens.count,
                            err);
        if (status == SAL_OK && (!together || k + 1 == count))
            status = sal_engine_run(engine, &engine->timing.prefill_seconds, err);
    }
    return status;
}
