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
