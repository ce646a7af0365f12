# From import to report, and the same with several threads: the same bytes.
load common


exports() { # folder
    for table in documents summarizers summaries importance scores; do
        "$SALIENT" export "$1" --table $table
    done
}

@test "two studies from the same files are the same, with one thread or several" {
    for threads in 1 3; do
        salient import study$threads "$SOURCE/examples/demo/news.jsonl" --corpus news
        salient summarize study$threads --with lead --with random --with reference --seed 7 --threads $threads
        expect 0
        for protocol in strict paper; do
            salient importance study$threads --protocol $protocol
            expect 0
        done
        exports study$threads >export$threads
    done
    same export3 <export1
    [ "$(wc -l <export1)" -gt 1000 ]
}

@test "a second run of everything changes nothing" {
    small_study
    exports study >first
    salient summarize study --with lead --with random --with reference --lengths 2:8:2
    salient importance study
    salient importance study --protocol paper
    exports study >second
    same second <first
    salient import study articles.jsonl --corpus news
    expect 0
    exports study >second
    same second <first
}

@test "new documents are taken up by every stage" {
    small_study
    printf '{"id":"new","text":"A new tram line opened. It runs to the lake."}\n' >new.jsonl
    salient import study new.jsonl --corpus news
    salient summarize study --with lead --lengths 2:8:2
    expect 0
    grep -qF 'lead: 1 documents done, 2 kept, 0 failed' err
    salient importance study --by lead
    expect 0
    grep -qF 'strict: 1 documents x summarizers done, 2 kept, 0 failed' err
}

@test "report and verify end the pipeline" {
    small_study
    salient report study
    expect 0
    [ -s study/report.html ]
    grep -qE '^salient report: study/report.html: written; ' err
    salient report study -o elsewhere.html --documents 1
    expect 0
    [ -s elsewhere.html ]
    salient report study -o -
    expect 2
    salient verify study
    expect 0
}

@test "a reader does not mind a writer" {
    small_study
    python3 - <<'END' &
import os, sqlite3, time
db = sqlite3.connect("study/study.db", isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open("locked", "w").close()
while not os.path.exists("release"): time.sleep(0.02)
db.execute("ROLLBACK")
END
    for _ in $(seq 200); do [ -e locked ] && break; sleep 0.02; done
    salient export study --table documents
    touch release
    expect 0
    wait
}
