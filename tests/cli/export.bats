# salient export and verify.
load common

@test "CSV, JSON and JSONL hold the same rows" {
    small_study
    for table in documents summarizers summaries importance scores runs; do
        for format in jsonl json csv; do
            salient export study --table $table --format $format -o $table.$format
            expect 0
            [ ! -s out ]
        done
        python3 - $table <<'END'
import csv, json, sys
name = sys.argv[1]
rows = [json.loads(line) for line in open(name + ".jsonl")]
assert rows and rows == json.load(open(name + ".json"))
table = list(csv.DictReader(open(name + ".csv", newline="")))
assert len(table) == len(rows) and list(table[0]) == list(rows[0])
for a, b in zip(rows, table):
    for key, value in a.items():
        assert (b[key] == "") if value is None else str(value) == b[key] or (b[key] != "" and not isinstance(value, str)), (key, value, b[key])
END
    done
}

@test "-o - is standard output, a failed export leaves no file" {
    small_study
    salient export study --table documents -o -
    expect 0
    [ "$(wc -l <out)" -eq 2 ]
    salient export study --table documents --corpus nothing -o some.jsonl
    expect 1
    first_line "salient export: study: has no corpus 'nothing'; it has news"
    [ ! -e some.jsonl ]
    salient export study --table documents -o no/such/folder/x.jsonl
    expect 1
    grep -qF 'no/such/folder/x.jsonl' err
}

@test "what excludes each other is told" {
    small_study
    salient export study --table documents --layout original
    usage_error ' export: --table and --layout exclude each other' 'give one of the two'
    salient export study --layout original
    usage_error ' export: --layout needs DIR' 'example: salient export mystudy --layout original data'
    salient export study data --table documents
    usage_error " export: 'data' is one argument too many" 'to write a file: -o FILE'
    salient export study --table documents --format cvs
    usage_error " export: --format takes jsonl, csv or json, not 'cvs'" 'did you mean --format csv?'
}

@test "the published layout has one folder for each summarizer and corpus" {
    small_study
    salient export study data --layout original
    expect 0
    for file in predictions.json generated_summaries_with_word_importance.json \
        generated_summaries_with_word_importance_deduplicated.json; do
        find data -path "*lead*" -name "$file" | grep -q .
    done
    python3 -c 'import glob, json
for path in glob.glob("data/**/*.json", recursive=True): json.load(open(path))'
}

@test "verify says that a study is whole, and finds what was changed behind its back" {
    small_study
    salient verify study
    expect 0
    same out <<<'study: no problems found'
    salient verify study --json
    expect 0
    same out <<<'{"problems":[],"count":0}'
    python3 - <<'END'
import sqlite3
db = sqlite3.connect("study/study.db")
db.execute("UPDATE documents SET text = text || ' more' WHERE id = 'ferry'")
db.commit()
END
    salient verify study
    expect 1
    grep -qF 'ferry' err
    grep -qE 'study: [0-9]+ problems? found' err
    salient verify study --json
    [ "$status" -eq 1 ]
    python3 -c 'import json; found = json.load(open("out")); assert found["count"] >= 1 and len(found["problems"]) == found["count"]'
}
