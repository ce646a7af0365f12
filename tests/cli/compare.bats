# salient compare: numbers against what a reader can count, every view, and what it says when something is missing.
load common

# The study of common.bash with one more summarizer, on the words of which it is easy to count.
compared_study() {
    small_study
    salient summarize study --with tail --lengths 2:8:2 && expect 0
    salient summarize study --with random --as twice --replicas 2 --lengths 2:8:2 && expect 0
    salient importance study && expect 0
}

@test "the tables show agreement, alpha, self-agreement, clusters and what is kept" {
    compared_study
    salient compare study
    expect 0
    grep -q '^news, 5 summarizers$' out
    grep -qE '^  summarizer +1 +2 +3 +4 +5$' out
    grep -qE '^  1 lead +\. +[-0-9.]+ ' out
    grep -qE '^  baselines +-?0\.[0-9]+ \(n too small\)' out
    grep -qE '^  random selection +-?0\.[0-9]+ \(n too small\)' out
    grep -qE '^  twice +-?0\.[0-9]+ \(n too small\)' out
    grep -qE '^  Clusters, average linkage' out
    grep -qE '^  lead +[0-9]+ % ' out
    grep -qF 'compare: 2 documents done, 0 kept, 0 failed' err
    lacks out 'biased down'
    salient compare study --protocols
    expect 0
    grep -qF 'biased down' out
}

@test "--json is what the exports hold, and the same on every run and number of threads" {
    compared_study
    salient compare study --json --threads 1
    expect 0
    cp out first
    salient compare study --json --threads 2
    expect 0
    same out <first
    salient export study --table agreement && expect 0
    cp out agreement
    salient export study --table clusters && expect 0
    python3 - <<'END'
import json
found = json.load(open("first"))
assert found["agreement"] == [json.loads(line) for line in open("agreement")]
steps = [json.loads(line) for line in open("out")]
assert [{**s, "members": json.loads(s["members"])} for s in steps] == found["clusters"]
rows = {(r["a"], r["b"], r["words"], r["measure"]): r for r in found["agreement"]}
# lead keeps the first eight words, tail the last eight, of seventeen and twenty-one: never the same ones
assert rows["lead", "tail", "all", "spearman"]["value"] < 0
assert ("lead", "lead", "all", "spearman") not in rows
assert rows["lead", "random", "all", "spearman"]["documents"] == 2
assert rows["reference", None, "", "outside_document"]["value"] > 0
assert abs(sum(rows["lead", None, "", f"share_position_{i}"]["value"] for i in range(1, 11)) - 1) < 1e-9
END
    salient verify study
    expect 0
}

@test "--protocols lays paper and strict beside each other, in tables, JSON and the export" {
    compared_study
    salient compare study --protocols
    expect 0
    grep -q '^news, paper and strict beside each other$' out
    grep -qE '^  summarizer +records, strict +paper +failed +refused +empty ' out
    grep -qE '^  lead +8 +8 +0 +0 +0 +2 +2$' out
    grep -qE '^  summarizer +strict +paper +every record +raw spelling +kept words alone$' out
    grep -qF 'Heads: none by both protocols; salient heads --protocol strict and paper' out
    grep -qF 'Probes: none yet; salient probe takes the gaps' out
    salient compare study --protocols --json --threads 1
    expect 0
    cp out first
    salient compare study --protocols --json --threads 2
    expect 0
    same out <first
    salient export study --table protocols && expect 0
    cp out protocols
    salient export study --table scores && expect 0
    python3 - <<'END'
import json
rows = json.load(open("first"))["protocols"]
assert rows == [json.loads(line) for line in open("protocols")]
found = {(r["summarizer"], r["words"], r["factor"], r["measure"]): r for r in rows}
# both ends are what `salient importance` computed
compared = 0
for score in map(json.loads, open("out")):
    if score["measure"] != "reliability_spearman":
        continue
    row = found[score["summarizer"], score["words"], score["protocol"], "reliability_spearman"]
    assert row["value"] == score["value"] and row["documents"] == score["documents"], (row, score)
    compared += 1
assert compared == 12, compared
# plain texts: neither records nor spelling change anything; only which words are compared does
for summarizer in ("lead", "random", "tail", "twice"):
    for factor in ("records", "normalisation", "paper"):
        assert found[summarizer, "all", factor, "changed"]["value"] == 0
        assert found[summarizer, "all", factor, "agreement_spearman"]["value"] > 1 - 1e-12
assert {r["stage"] for r in rows} == {"importance"} and all(r["low"] is None for r in rows)
END
    salient verify study
    expect 0
}

@test "a study without importance says what to do" {
    printf '{"id":"a","text":"One two three."}\n' >a.jsonl
    salient import study a.jsonl && expect 0
    salient compare study
    expect 1
    first_line 'salient compare: study has no importance to compare; `salient importance study` computes it'
}

@test "families and sizes are given by name" {
    compared_study
    salient compare study --size lead=135M --size tail=1e9 --size random=2B --family lead=a --family tail=a --family random=b
    expect 0
    grep -qE '^  What sets models apart: 3 models, 6 relabellings \(smallest p 0\.17\)$' out
    grep -qE '^  another family +' out
    salient compare study --size lead=large
    expect 2
    first_line "salient compare: --size: 'large' is not a number of weights (1.2e9, 135M, 8B)"
    salient compare study --family lead
    expect 2
    first_line "salient compare: --family: 'lead' is not NAME=VALUE"
    salient compare study --size leda=1e9
    expect 1
    first_line "salient compare: a family or size is given for 'leda', and the study has no such summarizer; salient export STUDY --table summarizers lists them"
}

@test "importance that is out of date is told" {
    compared_study
    salient summarize study --with lead --as longer --lengths 10 && expect 0
    salient importance study && expect 0
    python3 - <<'END'
import sqlite3
study = sqlite3.connect("study/study.db")
study.execute("UPDATE importance_units SET inputs = '' WHERE document = 1 AND protocol = 'strict'")
study.commit()
END
    salient compare study
    expect 0
    grep -qF 'importance of 6 (document, summarizer) units is out of date; `salient importance` brings it up to date' err
}

@test "the tour of docs/compare.md runs line by line" {
    mkdir bin && ln -s "$SALIENT" bin/salient && ln -s "$SOURCE/examples" examples
    sed -n '/^```sh$/,/^```$/p' "$SOURCE/docs/compare.md" | sed '1d;/^```$/,$d' >tour.sh
    [ "$(grep -c '^salient ' tour.sh)" -ge 7 ]
    PATH="$PWD/bin:$PATH" bash -e -o pipefail tour.sh >tour.out 2>&1 </dev/null || { cat tour.out; return 1; }
    grep -qE '^news, 9 summarizers$' tour.out
    grep -qE '^  random, random-again +-?0\.[0-9]+ \[' tour.out
    grep -qF '"spearman"' mystudy/report.html
}
