# salient estimate: what a command would take, before it is started. Its error against real runs is measured by bench/estimate.
load common

# Everything below a folder, by content.
fingerprint() { # folder
    find "$1" -type f -exec sha256sum {} + | sort
}

# A field of the first step: `field seconds`.
field() {
    python3 -c "import json, sys; print(json.load(open('out'))['steps'][${2:-0}]['$1'])"
}

@test "tokens are those that a run computes, and nothing of the study is changed" {
    demo_model
    write_six_articles
    salient import study articles.jsonl --corpus news && expect 0
    fingerprint study >before
    salient estimate summarize study --with "$MODEL" --lengths 5,10 --template text-first --seconds 0 --json
    [ "$status" -eq 3 ]
    fingerprint study | same before
    [ "$(field to_do)" = 6 ]
    [ "$(field seconds)" = None ]
    computed=$(field prompt_tokens)
    salient summarize study --with "$MODEL" --lengths 5,10 --template text-first --length-policy trim --max-tokens 8
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
    # Both prompts of a document less what they share: fewer than their sum, more than the longer one.
    python3 - "$computed" study/study.db <<'END'
import sqlite3, sys
computed = float(sys.argv[1])
rows = sqlite3.connect(sys.argv[2]).execute("SELECT document, max(prompt_tokens), sum(prompt_tokens) FROM summaries GROUP BY document").fetchall()
assert len(rows) == 6
longest, together = sum(row[1] for row in rows), sum(row[2] for row in rows)
assert longest < computed < together, (longest, computed, together)
END
    salient estimate summarize study --with "$MODEL" --lengths 5,10 --template text-first --length-policy trim --max-tokens 8 --json
    expect 0
    [ "$(field to_do)" = 0 ]
    [ "$(field kept)" = 6 ]
}

@test "time, memory and disk are measured on copies; a plan that has no study yet is estimated whole" {
    demo_model
    write_six_articles
    cat >plan.yaml <<YAML
study: planned
model: $MODEL
import: {files: articles.jsonl, corpus: news}
summarize:
  - with: [lead, random]
  - {with: \$model, as: small, lengths: "5,10", template: text-first, length-policy: trim, max-tokens: 12}
importance:
heads: {model: \$model, by: lead, layers: representative, permutations: 64}
states: {model: \$model, layers: "0,15"}
probe: {model: \$model, by: lead, layers: "0,15", controls: none}
compare:
report:
YAML
    salient estimate run plan.yaml --seconds 6 --json
    expect 0
    [ ! -e planned ]
    python3 - <<'END'
import json
result = json.load(open('out'))
steps = {step['step'].split(',')[0].split()[0]: step for step in result['steps']}
assert set(steps) == {'import', 'summarize', 'importance', 'heads', 'states', 'probe', 'compare', 'report'}, steps.keys()
for name, step in steps.items():
    assert step['seconds'] >= 0 and step['processor_seconds'] >= 0, step
    assert step['fits'] and step['memory_bytes'] > 0, step
assert steps['heads']['prompt_tokens'] > 6 * 40 and steps['states']['prompt_tokens'] > steps['heads']['prompt_tokens']
assert steps['heads']['memory_bytes'] > steps['heads']['weights_bytes'] > 50e6
# Two states of about 33 words, 576 numbers of two bytes each, for six documents.
assert 0.3e6 < steps['states']['disk_bytes'] < 3e6, steps['states']
assert abs(result['together']['seconds'] - sum(step['seconds'] for step in result['steps'])) < 1e-6
END
    [ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'salient-estimate-*' -newer plan.yaml)" ]
}

@test "a model that does not fit into memory is refused, with the quantisation that does" {
    demo_model
    write_six_articles
    salient import study articles.jsonl --corpus news && expect 0
    python3 "$SOURCE/tests/cli/large_model.py" "$MODEL" large-f16.gguf
    fingerprint study >before
    salient estimate summarize study --with large-f16.gguf --memory 16G
    [ "$status" -eq 1 ]
    grep -qE 'does not fit: llama 14B F16 needs at least [0-9.]+ GiB \(weights 25.5, cache [0-9.]+\), there are 16.0; Q[468]\S+ of it would need 1[0-4]\.[0-9] GiB and fits' out
    salient estimate heads study --model large-f16.gguf --memory 2G
    [ "$status" -eq 1 ]
    grep -q 'no quantisation of it fits: take a smaller model' out
    fingerprint study | same before
}

@test "for endpoints requests, tokens by rule and cost; nothing is sent" {
    write_six_articles
    salient import study articles.jsonl --corpus news && expect 0
    salient estimate summarize study --with api:m@http://localhost:9/v1 --lengths 10,20 --price-in 1 --price-out 1000000 --json
    expect 0
    [ "$(field requests)" = 12 ] || [ "$(field requests)" = 12.0 ]
    # 1.5 tokens a word: 6 x (10 + 20) x 1.5
    [ "$(python3 -c "print(round($(field generated_tokens)))")" = 270 ]
    [ "$(python3 -c "print(round($(field cost)))")" = 270 ]
    [ "$(field seconds)" = None ]
}

@test "an estimate fetches nothing" {
    printf 'study: s\nimport: {files: "hf:nobody/nothing"}\nsummarize: {with: lead}\n' >plan.yaml
    salient estimate run plan.yaml
    [ "$status" -eq 3 ]
    grep -qF 'import: its documents are not here yet; salient import fetches them' out
    [ ! -e s ]
}

@test "wrong usage" {
    salient estimate verify study
    usage_error " estimate: there is nothing to estimate about 'verify'" \
        'it takes run, import, summarize, importance, heads, ablate, states, probe, steer, compare or report, and what would stand behind them'
    salient estimate summarize study --wiht lead
    expect 2
    first_line 'salient estimate: summarize: there is no option --wiht; did you mean --with?'
    salient estimate summarize study --with lead
    expect 1
    first_line 'salient estimate: study: no study there; make one with: salient import study FILE'
    salient estimate importance --summaries x.json --format paper
    expect 2
    first_line 'salient estimate: importance: without a study there is nothing to estimate'
}
