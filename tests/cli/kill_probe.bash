# Commands that take states and train probes, killed at many moments; loaded behind common.bash.

# Run a command, killing it after so many milliseconds, one number after the other; then let it finish.
run_with_kills() { # "milliseconds ..." arguments...
    local moments=$1 killed=0
    shift
    for moment in $moments; do
        "$SALIENT" "$@" >/dev/null 2>&1 </dev/null &
        local pid=$!
        sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
        if kill -KILL "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
        wait "$pid" 2>/dev/null || true
    done
    echo "killed $killed times: $*"
    "$SALIENT" "$@" >/dev/null 2>last_err </dev/null
}

same_files() { # folder folder
    (cd "$1" && find . -type f | sort | xargs sha256sum) >first
    (cd "$2" && find . -type f | sort | xargs sha256sum) >second
    [ -s first ]
    cmp first second
}

two_studies() {
    write_six_articles
    for study in whole killed; do
        salient import $study articles.jsonl --corpus news && expect 0
        salient summarize $study --with lead --lengths 5:25:5 && expect 0
        salient importance $study && expect 0
    done
}

# Each network trained whole, and killed at these moments: results and weights are the same.
trainings_killed() { # "milliseconds ..." epochs seeds networks...
    local moments=$1 epochs=$2 seeds=$3 network
    shift 3
    two_studies
    salient states whole --model "$MODEL" --layers 10,20 && expect 0
    salient states killed --model "$MODEL" --layers 10,20 && expect 0
    for network in "$@"; do
        options=(--by lead --probe $network --controls task --seeds "$seeds" --epochs "$epochs" --checkpoint 0)
        salient probe whole "${options[@]}" --save whole.weights && expect 0
        run_with_kills "$moments" probe killed "${options[@]}" --save killed.weights
        for study in whole killed; do "$SALIENT" export $study --table probes >$study.out; done
        cmp whole.out killed.out
    done
    same_files whole.weights killed.weights
    [ ! -e killed/checkpoints ]
    salient verify killed && expect 0
}
