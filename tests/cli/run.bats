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
    first_line "salient run: --set takes STAGE.OPTION=VALUE or study=PATH, not 'lengths=5'"
    printf 'study: [\n' >wrong.yaml
    salient run wrong.yaml
    expect 1
    grep -q '^salient run: wrong.yaml:2: ' err
    salient run nofile
    expect 1
    grep -q 'presets: demo, paper-cnn' err
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
