# salient import: what is accepted, what is refused and how that is told.
load common

documents() { # what is in the study: id and text, a line each
    "$SALIENT" export study --table documents |
        python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["corpus"], d["document"], d["language"], d["kind"], repr(d["text"]))'
}

@test "JSON, JSONL, CSV, TSV and text come in, each file its corpus, plain texts one" {
    printf '[{"id":"a","text":"One."},{"id":"b","text":"Two."}]' >array.json
    printf '{"id":"c","text":"Three."}\n{"id":"d","text":"Four.","lang":"fr","kind":"dialogue"}\n' >lines.jsonl
    printf 'id,text\r\ne,"Five, or ""so"".\r\nNext line."\r\n' >table.csv
    printf 'id\ttext\nf\tSix.\n' >table2.tsv
    printf 'Seven.\r\n' >seven.txt
    salient import study array.json lines.jsonl table.csv table2.tsv seven.txt
    expect 0
    [ ! -s out ]
    documents >list
    same list <<'END'
array a en news 'One.'
array b en news 'Two.'
lines c en news 'Three.'
lines d fr dialogue 'Four.'
table e en news 'Five, or "so".\r\nNext line.'
table2 f en news 'Six.'
texts seven.txt en news 'Seven.\r\n'
END
}

@test "fields are mapped, a record without an id gets FILE:line" {
    printf '{"key":"x","article":"Mapped text.","highlights":"Short."}\n{"article":"No key."}\n' >m.jsonl
    salient import study m.jsonl --map text=article,reference=highlights --map id=key --corpus c
    expect 0
    documents >list
    same list <<'END'
c x en news 'Mapped text.'
c m.jsonl:2 en news 'No key.'
END
    salient export study --table documents
    grep -q '"reference":"Short."' out
}

@test "a wrong map is a usage error" {
    printf '{"id":"x","text":"y"}\n' >m.jsonl
    salient import study m.jsonl --map txet=article
    usage_error " import: --map knows no field 'txet'; did you mean text?" 'example: --map text=article,reference=highlights'
    salient import study m.jsonl --map article
    usage_error " import: --map takes OURS=THEIRS, not 'article'" 'example: --map text=article,reference=highlights'
    salient import study m.jsonl --map summary=s
    usage_error " import: --map knows no field 'summary' (summary, length and replica: with --summaries)" \
        'example: --map text=article,reference=highlights'
    salient import study m.jsonl --as name
    usage_error ' import: --as goes with --summaries' 'documents have no summarizer'
    [ ! -e study ]
}

@test "a file that is not there makes no study" {
    salient import study missing.jsonl
    expect 1
    first_line 'salient import: missing.jsonl: cannot be opened: No such file or directory'
    [ ! -e study ]
}

@test "a malformed file is refused whole, with its line, and the study stays as it was" {
    printf '{"id":"a","text":"Good."}\n' >good.jsonl
    salient import study good.jsonl
    expect 0
    printf '{"id":"b","text":"One."}\n{"id":"c","text":"Two."}\n{"id":"d","text":"Thr' >bad.jsonl
    salient import study bad.jsonl
    expect 1
    grep -qF 'salient import: bad.jsonl:3: ' err
    printf '\377\376{' >noise.json
    salient import study noise.json
    expect 1
    grep -qF 'noise.json' err
    [ "$(documents | wc -l)" -eq 1 ]
    salient verify study
    expect 0
}

@test "a record that cannot be used is skipped, listed and told by exit status 3" {
    printf '{"id":"a","text":"Good."}\n{"id":"b","body":"no text"}\n{"id":"a","text":"Another."}\n' >mixed.jsonl
    salient import study mixed.jsonl
    expect 3
    grep -qF 'mixed.jsonl:2' err
    grep -qF 'mixed.jsonl:3' err
    grep -qE ': 1 documents done, 0 kept, 2 failed; ' err
    [ "$(documents | wc -l)" -eq 1 ]
}

@test "importing twice changes nothing" {
    printf '{"id":"a","text":"Good."}\n' >good.jsonl
    salient import study good.jsonl
    documents >first
    salient import study good.jsonl
    expect 0
    grep -qE ': 0 documents done, 1 kept, 0 failed; ' err
    documents >second
    same second <first
}

@test "a hostile id cannot steer the terminal" {
    printf '{"id":"x\\u001b[2J\\u202e","body":"no text"}\n{"id":"a","text":"b"}\n' >h.jsonl
    salient import study h.jsonl
    expect 3
    lacks err $'\033'
    lacks err $'\xe2\x80\xae'
}

@test "names that are no UTF-8 are file names like any other, and stand in the run log as a shell would be told them" {
    local name=$'artic\xffles.jsonl'
    printf '{"id":"a","text":"One two."}\n' >"$name" 2>/dev/null || skip 'this file system takes no such names'
    salient import $'st\xffudy' "$name" --corpus news && expect 0
    salient export $'st\xffudy' --table runs && expect 0
    grep -qF "import \$'st\\\\xffudy' \$'artic\\\\xffles.jsonl' --corpus news" out
    salient import study "$name" && expect 1 # the corpus would be called so
    grep -q 'UTF-8' err
}

@test "--limit takes the first records" {
    salient import study "$SOURCE/examples/demo/news.jsonl" --limit 3
    expect 0
    [ "$(documents | wc -l)" -eq 3 ]
}

@test "summaries made elsewhere come in with their texts" {
    cat >predictions.json <<'END'
[{"id":"a","text":"The ferry sank. Nobody was hurt.","generated":"Ferry sank.","criteria":"length_num_10"},
 {"id":"a","text":"The ferry sank. Nobody was hurt.","generated":"The ferry sank.","criteria":"length_num_20"},
 {"id":"a","text":"The ferry sank. Nobody was hurt.","generated":"[Error: time out]","criteria":"length_num_30"}]
END
    salient import study predictions.json --summaries --as theirs --corpus c
    expect 0
    salient export study --table summaries
    expect 0
    python3 - <<'END'
import json
rows = [json.loads(line) for line in open("out")]
assert [(r["summarizer"], r["length"], r["status"]) for r in rows] == [("theirs", 10, "ok"), ("theirs", 20, "ok"), ("theirs", 30, "failed")], rows
END
}

@test "the run log tells the command line, the options and how it ended" {
    printf "{\"id\":\"a\",\"text\":\"b\"}\n" >"it's.jsonl"
    salient import study "it's.jsonl" --corpus 'two words'
    expect 0
    salient export study --table runs
    expect 0
    python3 - <<'END'
import json
rows = [json.loads(line) for line in open("out")]
assert len(rows) == 1 and rows[0]["status"] == "done" and rows[0]["done"] == 1, rows
assert rows[0]["command_line"] == "salient import study 'it'\\''s.jsonl' --corpus 'two words'", rows
assert json.loads(rows[0]["options"])["corpus"] == "two words", rows
assert "libllama" in rows[0]["machine"], rows
END
}

@test "a Parquet file without duckdb: what to install, and how to convert" {
    printf 'PAR1' >news.parquet
    mkdir none
    PATH=$PWD/none "$SALIENT" import study news.parquet 2>err && return 1
    first_line "salient import: news.parquet: this is a Parquet file: install the program duckdb (pip install duckdb-cli), or write it as JSONL first: python3 -c \"import pandas, sys; pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], orient='records', lines=True)\" FILE FILE.jsonl"
}
