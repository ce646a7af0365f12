# Killed anywhere, the next run goes on: SIGKILL at random moments, and the exports are those of a run that was never killed.
load common

# The whole of a small study; with a model when one is there.
commands() { # study
    cat <<COMMANDS
import $1 news.jsonl --corpus news --limit 6
summarize $1 --with lead --with random --with reference
importance $1
importance $1 --protocol paper
COMMANDS
}

exports() { # study
    for table in documents summaries importance scores; do
        "$SALIENT" export "$1" --table "$table"
    done
}

# Run a command, killing it at random moments until it has been killed `$1` times, then let it finish.
run_with_kills() { # kills longest_ms arguments...
    local kills=$1 longest=$2 killed=0
    shift 2
    while [ "$killed" -lt "$kills" ]; do
        "$SALIENT" "$@" >/dev/null 2>&1 </dev/null &
        local pid=$!
        sleep "$(printf '0.%03d' $((RANDOM % longest)))"
        kill -KILL "$pid" 2>/dev/null || true # it may have finished already: that counts, too
        killed=$((killed + 1))
        wait "$pid" 2>/dev/null || true
    done
    "$SALIENT" "$@" >/dev/null 2>&1 </dev/null
}

@test "a study killed 20 times ends byte for byte as one that was not" {
    cp "$SOURCE/examples/demo/news.jsonl" .
    commands whole | while read -r line; do "$SALIENT" $line >/dev/null 2>&1 </dev/null; done
    RANDOM=7
    commands killed | while read -r line; do run_with_kills 5 12 $line; done
    exports whole >whole.out
    exports killed >killed.out
    [ -s whole.out ]
    cmp whole.out killed.out
    salient verify killed
    expect 0
}

@test "summaries of a model killed while decoding are those of a run that was not" {
    model=$(ls "$DEPS"/models/*Q4_1.gguf 2>/dev/null | head -n 1)
    [ -n "$model" ] || { echo "SKIPPED 1: no demo model"; skip "no demo model"; }
    printf '{"id":"a","text":"The ferry sank near the harbour. Nobody was hurt."}\n{"id":"b","text":"A bakery opened again. Its bread sold out by nine."}\n' >two.jsonl
    for study in whole killed; do "$SALIENT" import "$study" two.jsonl --corpus two 2>/dev/null; done
    options=(--with "$model" --as m --template text-first --length-policy trim --lengths 4:12:4 --max-tokens 40)
    salient summarize whole "${options[@]}"
    expect 0
    RANDOM=11
    run_with_kills 6 999 summarize killed "${options[@]}"
    for study in whole killed; do salient importance "$study"; done
    exports whole >whole.out
    exports killed >killed.out
    [ "$(grep -c '"summarizer":"m"' whole.out)" -gt 6 ]
    cmp whole.out killed.out
}
