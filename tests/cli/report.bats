# salient report: the file a user opens. What the bytes hold is tested in tests/test_report.c; here the program and the browser.

setup() {
    SALIENT=${SALIENT:-build/salient}
    SOURCE=${SALIENT_SOURCE:-.}
    cd "$BATS_TEST_TMPDIR"
}

small_study() {
    "$SALIENT" import mine "$SOURCE/examples/demo/news.jsonl" --corpus news --limit 3
    "$SALIENT" summarize mine --with lead --with random --with reference
    "$SALIENT" importance mine
    "$SALIENT" importance mine --protocol paper
}

# Every name and text that a stranger can choose tries to run a script when the page is drawn.
hostile_study() {
    local act="</script><script>document.title='OWNED'</script><img src=x onerror=document.title='OWNED'>"
    local corpus="c<img src=x onerror=document.title='OWNED'>%{x}"
    printf '{"id":"id %s","text":"Plain words stand here. %s \\u0001\\u2028 The harbour opened again on Monday. &lt;b&gt;"}\n' \
        "$act" "$act" >hostile.jsonl
    "$SALIENT" import mine hostile.jsonl --corpus "$corpus"
    "$SALIENT" summarize mine --with lead --as "lead $act"
    "$SALIENT" importance mine
}

# The page as the browser leaves it, in page.html; its messages in messages.
render() {
    local status=0
    "$SOURCE/tests/report/chromium.sh" "$@" >page.html 2>messages || status=$?
    if [ "$status" -eq 77 ]; then skip "$(cat messages)"; fi
    [ "$status" -eq 0 ]
}

@test "report writes one file, and the same again" {
    small_study
    run "$SALIENT" report mine -o first.html
    [ "$status" -eq 0 ]
    run "$SALIENT" report mine -o second.html
    [ "$status" -eq 0 ]
    cmp first.html second.html
    [ "$(find . -name '*partial*' | wc -l)" -eq 0 ]
}

@test "without -o the report lies in the study" {
    small_study
    "$SALIENT" report mine
    [ -s mine/report.html ]
}

@test "a study without summaries names the command that makes them" {
    "$SALIENT" import mine "$SOURCE/examples/demo/news.jsonl" --limit 1
    run "$SALIENT" report mine -o out.html
    [ "$status" -eq 1 ]
    [[ "$output" == *"mine holds no summaries yet; to go on: salient summarize mine --with lead"* ]]
    [ ! -e out.html ]
}

@test "in a browser: tables, charts and shaded words are drawn, without a complaint" {
    small_study
    "$SALIENT" report mine -o out.html
    render out.html '#document=news-02&corpus=news&a=lead&b=random&view=side'
    [ ! -s messages ] || { cat messages; false; }
    grep -q '<title>mine · salient report</title>' page.html
    grep -q '<bdi>news-02</bdi>' page.html
    [ "$(grep -o 'class="w kept' page.html | wc -l)" -gt 50 ]
    [ "$(grep -o 'class="main-svg"' page.html | wc -l)" -ge 2 ]
}

@test "in a browser: hostile names and texts are shown, and nothing of them runs" {
    hostile_study
    "$SALIENT" report mine -o out.html
    render out.html
    [ ! -s messages ] || { cat messages; false; }
    grep -q '<title>mine · salient report</title>' page.html
    ! grep -q '<img src' page.html
    [ "$(grep -c '<script>document.title' page.html)" -eq 0 ]
    grep -q '&lt;img src=x onerror=document.title=' page.html
    [ "$(grep -o 'data-word="[0-9]*"[^>]*>harbour<' page.html | wc -l)" -ge 1 ]
}

# Heads and states of a model whose file name acts too, in both protocols.
hostile_results() {
    local act="<img src=x onerror=document.title='OWNED'>" model
    model=$(find -L "${SALIENT_DEPS:-$SOURCE/deps}/models" -name '*Q4_1.gguf' 2>/dev/null | head -n 1)
    [ -n "$model" ] || skip "no demo model: scripts/deps brings it"
    ln -s "$(realpath "$model")" "m$act.gguf"
    python3 - "$act" <<'END' >hostile.jsonl
import json, sys
for i, place in enumerate(['harbour', 'market', 'bridge', 'school', 'library', 'station']):
    print(json.dumps({"id": f"d{i} {sys.argv[1]}", "text": f"The {place} was closed on Monday after number {i} of its lamps fell into the street. "
        f"Nobody near the {place} was hurt. {sys.argv[1]} The owners said that they had warned the town {i + 2} times about the old {place}."}))
END
    "$SALIENT" import mine hostile.jsonl --corpus "c $act"
    "$SALIENT" summarize mine --with lead --as "lead $act" --lengths 5:25:5
    "$SALIENT" summarize mine --with tail --lengths 5:25:5
    for protocol in strict paper; do
        "$SALIENT" importance mine --protocol $protocol
        "$SALIENT" heads mine --model "m$act.gguf" --by "lead $act" --layers 0,15,29 --permutations 64 --protocol $protocol
    done
    "$SALIENT" probe mine --model "m$act.gguf" --by "lead $act" --layers 0,15,30 --seeds 2
    "$SALIENT" compare mine --protocols
}

@test "in a browser: heads, a head's words, probes and protocols are drawn, and nothing hostile in them runs" {
    hostile_results
    "$SALIENT" report mine -o out.html
    render out.html
    [ ! -s messages ] || { cat messages; false; }
    grep -q '<title>mine · salient report</title>' page.html
    ! grep -q '<img src' page.html
    grep -qE '<h3 class="agreement-head" id="corpus-0-part-[0-9]">Which attention heads follow importance</h3>' page.html
    grep -qE '<h3 class="agreement-head" id="corpus-0-part-[0-9]">Where importance can be read in hidden states</h3>' page.html
    grep -qE '<h3 class="agreement-head" id="corpus-0-part-[0-9]">Paper and strict beside each other</h3>' page.html
    # a head's words: the text twice, words of both shaded; ranked words beside
    [ "$(grep -o 'harbour: importance [01]\.[0-9]*, [0-9.]* % of the head' page.html | wc -l)" -ge 4 ]
    grep -q '<ol class="ranked follow">' page.html
    # words at which the probe errs
    grep -q 'Taken for more important than they are' page.html
    # maps, curves and forest plots: agreement 2, reliability 2, heads 2, probes 3, protocols 4
    [ "$(grep -o 'class="main-svg"' page.html | wc -l)" -ge 13 ]
}
