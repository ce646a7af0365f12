# salient run: a plan is checked whole before anything is computed, and equals the commands typed one by one.
load common

plan() {
    cp "$SOURCE/examples/demo/news.jsonl" .
    cat >plan.yaml <<'YAML'
# a comment
study: planned
import:
  - files: [news.jsonl]
    corpus: news
    limit: 3
summarize:
  with: [lead, random, reference]
  lengths: [10, 20, 40]
importance:
  - protocol: strict
  - protocol: paper
report:
YAML
}

exports() { # study
    for table in documents summarizers summaries importance scores; do
        "$SALIENT" export "$1" --table "$table"
    done
}

@test "a plan equals its commands, row for row, and a second run changes nothing" {
    plan
    salient run plan.yaml
    expect 0
    salient import typed news.jsonl --corpus news --limit 3
    salient summarize typed --with lead --with random --with reference --lengths 10,20,40
    salient importance typed
    salient importance typed --protocol paper
    exports planned >planned.out
    exports typed >typed.out
    [ -s planned.out ]
    cmp planned.out typed.out
    [ -s planned/report.html ]
    salient run plan.yaml
    expect 0
    exports planned >again.out
    cmp planned.out again.out
    grep -q 'random: 0 documents done, 3 kept' err
}

@test "the plan in force is printed, kept beside the study and reads back as itself" {
    plan
    salient run plan.yaml --dry-run --set summarize.lengths=5,15 --set study=other
    expect 0
    cp out resolved.yaml
    grep -q 'lengths: "5,15"' resolved.yaml
    [ ! -e other ]
    salient run resolved.yaml
    expect 0
    cmp resolved.yaml other/run.yaml
    salient run resolved.yaml --dry-run
    same resolved.yaml <out
    [ "$("$SALIENT" export other --table summaries | grep -c '"length":15')" -eq 6 ]
}

@test "what is wrong in a plan is told with file and line, before anything is computed" {
    plan
    check() { # sed expression, message
        sed "$1" plan.yaml >wrong.yaml
        salient run wrong.yaml
        expect 2
        first_line "salient run: $2"
        [ ! -e planned ]
    }
    check 's/summarize:/sumarize:/' "wrong.yaml:7: there is no stage 'sumarize'; did you mean 'summarize'?"
    check 's/lengths/lenghts/' 'wrong.yaml:8: summarize: there is no option --lenghts; did you mean --lengths?'
    check 's/protocol: paper/protocol: papr/' \
        "wrong.yaml:12: importance: --protocol takes strict or paper, not 'papr'"
    check 's/^study: planned/studies: planned/' "wrong.yaml:2: there is no stage 'studies'"
    check 's/^report:/importance:/' 'wrong.yaml:13: this stage stands in the file twice; make it a list'
    salient run plan.yaml --set heads.model=x
    expect 2
    first_line "salient run: --set heads.model=x: plan.yaml has no stage 'heads'"
    salient run plan.yaml --set lengths=5
    expect 2
    first_line "salient run: --set takes STAGE.OPTION=VALUE, study=PATH or model=FILE, not 'lengths=5'"
    printf 'study: [\n' >wrong.yaml
    salient run wrong.yaml
    expect 1
    grep -q '^salient run: wrong.yaml:2: ' err
    salient run nofile
    expect 1
    grep -q 'presets: demo, demo-full, paper-cnn, paper-samsum, paper-decoda)' err
}

@test "a wrong type or an impossible combination in a plan names file and line" {
    plan
    check() { # line to put in place of the last, message
        sed '$d' plan.yaml >wrong.yaml
        printf '%b\n' "$1" >>wrong.yaml
        salient run wrong.yaml
        expect 2
        first_line "salient run: wrong.yaml:$2"
        [ ! -e planned ]
    }
    check 'heads: {model: m.gguf, permutations: many}' '13: heads: --permutations takes a whole number from 0 to 1000000, not '"'many'"
    check 'heads: {model: m.gguf, drop-zero: 3}' '13: this option is true or false'
    check 'heads: [3]' '13: a mapping of options is needed'
    check 'states: {model: [a.gguf, {b: c}]}' '13: only plain values can stand in a list'
    check 'states: {model: $model}' '13: $model stands for the plan'"'"'s model, and the plan has no line `model: FILE` (or give --set model=FILE)'
    check 'states:\n  model: m.gguf\n  random-weights: none' "14: states: --random-weights: 'none' is no number of copies (1 to 100) and no list of seeds"
    check 'states: {model: m.gguf, keep-embeddings: true}' '13: states: --keep-embeddings belongs to --random-weights'
    check 'probe: {attention: true}' '13: probe: --attention belongs to --probe article'
    check 'probe: {controls: [position, luck]}' "13: probe: --controls: there is no 'luck'"
    check 'heads: {}' '13: heads: --model is needed'
    check 'heads: {model: m.gguf, evidence: recieved}' "13: heads: --evidence: there is no 'recieved'; did you mean received?"
    check 'summarize: {as: two, with: [lead, tail]}' '13: this stage stands in the file twice; make it a list'
    sed 's/with: .*/with: [lead, tail]\n  as: two/' plan.yaml >wrong.yaml
    salient run wrong.yaml
    expect 2
    first_line 'salient run: wrong.yaml:8: summarize: --as names one summarizer, but there are 2 --with'
}

@test "\$model as the only file of a plan is what it is on a list" {
    printf 'study: s\nmodel: one.jsonl\nimport: {files: $model}\n' >plan.yaml
    salient run plan.yaml --dry-run
    expect 0
    grep -q 'one.jsonl' out
    printf 'study: s\nimport: {files: $model}\n' >plan.yaml
    salient run plan.yaml --dry-run
    expect 2
    first_line 'salient run: plan.yaml:2: $model stands for the plan'"'"'s model, and the plan has no line `model: FILE` (or give --set model=FILE)'
}

@test "a file of a plan is never taken for an option" {
    printf 'study: s\nimport: {files: [a.jsonl, --limit=3]}\n' >plan.yaml
    salient run plan.yaml --dry-run
    expect 2
    first_line "salient run: plan.yaml:2: a file's name that begins with '-' is written with its folder: ./--limit=3"
    printf 'study: s\nimport: {files: -}\n' >plan.yaml
    salient run plan.yaml --dry-run
    expect 0
}

@test "\$model in a plan is the model that its line or --set names" {
    printf 'study: s\nmodel: one.gguf\nsummarize: {with: [lead, $model]}\nheads: {model: $model}\nprobe: {model: $model}\n' >plan.yaml
    salient run plan.yaml --dry-run
    expect 0
    [ "$(grep -c 'one.gguf' out)" -eq 3 ]
    salient run plan.yaml --dry-run --set model=two.gguf
    expect 0
    [ "$(grep -c 'two.gguf' out)" -eq 3 ]
    lacks out 'one.gguf'
}

@test "heads, states and probes of a plan equal their commands, row for row" {
    MODEL=$(find -L "$DEPS/models" -name '*Q4_1.gguf' 2>/dev/null | head -n 1)
    [ -n "$MODEL" ] || skip "no demo model below $DEPS/models: scripts/deps brings it"
    write_six_articles
    cat >plan.yaml <<YAML
study: planned
model: $MODEL
import: {files: articles.jsonl, corpus: news}
summarize: {with: lead, lengths: "5:25:5"}
importance:
heads: {model: \$model, by: lead, layers: representative, permutations: 64}
states:
  - {model: \$model, layers: "0,15"}
  - {model: \$model, layers: "0,15", random-weights: 1}
probe: {model: \$model, by: lead, layers: "0,15", controls: [position, task, random], seeds: 2}
YAML
    salient run plan.yaml
    expect 0
    salient import typed articles.jsonl --corpus news && expect 0
    salient summarize typed --with lead --lengths 5:25:5 && expect 0
    salient importance typed && expect 0
    salient heads typed --model "$MODEL" --by lead --layers representative --permutations 64 && expect 0
    salient states typed --model "$MODEL" --layers 0,15 && expect 0
    salient states typed --model "$MODEL" --layers 0,15 --random-weights 1 && expect 0
    salient probe typed --model "$MODEL" --by lead --layers 0,15 --controls position,task,random --seeds 2 && expect 0
    for table in documents summaries importance scores heads states probes; do
        "$SALIENT" export planned --table $table >planned.out
        "$SALIENT" export typed --table $table >typed.out
        [ -s planned.out ] || { echo "no rows: $table"; return 1; }
        cmp planned.out typed.out
    done
    for file in planned/states/*/*.safetensors; do
        cmp "$file" "typed/${file#planned/}"
    done
    salient run plan.yaml
    expect 0
    grep -q 'states: strict: 0 documents done, 6 kept' err
    "$SALIENT" export planned --table probes >again.out
    "$SALIENT" export typed --table probes | cmp - again.out
}

@test "--dry-run tells what each step would find missing, and changes nothing" {
    MODEL=$(find -L "$DEPS/models" -name '*Q4_1.gguf' 2>/dev/null | head -n 1)
    [ -n "$MODEL" ] || skip "no demo model below $DEPS/models: scripts/deps brings it"
    write_six_articles
    cat >plan.yaml <<YAML
study: planned
model: $MODEL
import: {files: articles.jsonl, corpus: news}
summarize:
  - {with: lead, lengths: "5:25:5"}
  - {with: tail, lengths: "5:25:5", limit: 4}
importance: {by: lead}
heads: {model: \$model, by: lead}
states: {model: \$model, layers: 0}
YAML
    salient run plan.yaml --dry-run
    expect 0
    grep -qF 'salient run: planned: no study there yet, all is missing' err
    [ ! -e planned ]
    salient import planned articles.jsonl --corpus news && expect 0
    salient summarize planned --with lead --lengths 5:25:5 && expect 0
    salient summarize planned --with tail --lengths 5:25:5 --limit 1 && expect 0
    salient states planned --model "$MODEL" --layers 0 --limit 2 && expect 0
    find planned -type f -exec sha256sum {} + | sort >before
    salient run plan.yaml --dry-run
    expect 0
    grep -A1 -- '--with=lead' err | grep -qF 'missing: 0 of 6'
    grep -A1 -- '--with=tail' err | grep -qF 'missing: 3 of 4'
    grep -A1 'salient importance' err | grep -qF 'looks at 6 documents'
    grep -A1 'salient heads' err | grep -qF 'missing: 6 of 6, once an earlier step has made what they need'
    grep -A1 'salient states' err | grep -qF 'missing: 4 of 6'
    find planned -type f -exec sha256sum {} + | sort | same before
}

@test "every preset is a plan that the program understands" {
    for preset in demo paper-cnn paper-samsum paper-decoda; do
        salient run "$preset" --dry-run
        expect 0
        [ -s out ]
    done
}

@test "a failed step stops the plan with that step's status" {
    plan
    sed 's/news.jsonl/missing.jsonl/' plan.yaml >wrong.yaml
    salient run wrong.yaml
    expect 1
    grep -q 'missing.jsonl' err
    [ ! -e planned/study.db ]
}
