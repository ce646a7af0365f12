# What the bats files share: the program, a folder of its own for each test, exact comparisons.

setup() {
    SALIENT=${SALIENT:-$PWD/build/salient}
    SOURCE=${SALIENT_SOURCE:-$PWD}
    DEPS=${SALIENT_DEPS:-$SOURCE/deps}
    cd "$BATS_TEST_TMPDIR" || return 1
    unset COLUMNS NO_COLOR
}

# Run the program; $status, and its two outputs in the files out and err.
salient() {
    status=0
    "$SALIENT" "$@" >out 2>err </dev/null || status=$?
}

# The demo model as $MODEL, or the test is skipped.
demo_model() {
    MODEL=$(find -L "$DEPS/models" -name '*Q4_1.gguf' 2>/dev/null | head -n 1)
    [ -n "$MODEL" ] || skip "no demo model below $DEPS/models: scripts/deps brings it"
}

# expect STATUS: and, for wrong usage and failures, nothing on standard output.
expect() {
    if [ "$status" -ne "$1" ]; then
        echo "exit status $status, not $1"
        cat out err
        return 1
    fi
    if [ "$1" -eq 1 ] || [ "$1" -eq 2 ]; then
        [ ! -s out ] || { echo "an error, and data on standard output"; cat out; return 1; }
    fi
}

# same FILE: the file is exactly what stands on standard input.
same() {
    diff "$1" - || { echo "$1 differs (< what came, > what was expected)"; return 1; }
}

# Standard error is exactly these two lines of a usage error.
usage_error() { # what hint
    expect 2
    printf 'salient%s\nhint: %s\n' "$1" "$2" | same err
}

# The file has no such text. (A plain `! grep` would not fail a test.)
lacks() { # file text
    if grep -qF -- "$2" "$1"; then
        echo "$1 has: $2"
        cat "$1"
        return 1
    fi
}

# The first line of standard error is exactly this.
first_line() {
    [ "$(head -n 1 err)" = "$1" ] || { echo "not '$1' but:"; cat err; return 1; }
}

# A study of two short articles and their references, summaries and importance of both protocols.
small_study() {
    cat >articles.jsonl <<'END'
{"id":"ferry","text":"The ferry sank near the harbour. Nobody was hurt. Divers searched the wreck for two days.","reference":"Ferry sinks, nobody hurt."}
{"id":"bakery","text":"A bakery in the old town opened again. Its owner had been ill for a year. Bread sold out by nine.","reference":"Bakery opens again."}
END
    salient import study articles.jsonl --corpus news && expect 0
    salient summarize study --with lead --with random --with reference --lengths 2:8:2 && expect 0
    salient importance study && expect 0
    salient importance study --protocol paper && expect 0
}

# articles.jsonl: six short articles, enough for the five folds of a probe.
write_six_articles() {
    python3 - <<'END' >articles.jsonl
import json
places = ['harbour', 'market', 'bridge', 'school', 'library', 'station']
for i, place in enumerate(places):
    text = (f"The {place} was closed on Monday after number {i} of its lamps fell into the street. Nobody near the {place} was hurt. "
            f"The owners of {'AEIOUY'[i]}-house said that they had warned the town {i + 2} times about the old {place} and its roof.")
    print(json.dumps({"id": f"d{i}", "text": text}))
END
}
