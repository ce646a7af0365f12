# salient importance: numbers against what a reader can count, and every view.
load common

@test "the table shows reliability, lengths, counts and top words of each corpus" {
    small_study
    salient importance study
    expect 0
    grep -q '^news, strict protocol$' out
    grep -qE '^  summarizer +documents +reliability +of content words +ceiling +consistency +truncated +refused +failed$' out
    grep -qE '^  lead +2 +[0-9.]+\* \(n too small\) ' out
    grep -qE '^  words asked for +2 +4 +6 +8 +within 10 %$' out
    grep -qE '^  lead +2\.0 +4\.0 +6\.0 +8\.0 +100 %$' out
    grep -qE '^  reference +content ' out
    grep -qF '*: a longer text contains the shorter one by construction' out
}

@test "--json holds the same scores for programs" {
    small_study
    salient importance study --json
    expect 0
    python3 - <<'END'
import json
rows = json.load(open("out"))
assert {r["protocol"] for r in rows} == {"strict"}
assert {"reliability_spearman", "ceiling_spearman", "consistency", "summaries"} <= {r["measure"] for r in rows}
assert [r["value"] for r in rows if (r["summarizer"], r["measure"]) == ("lead", "summaries")] == [8]
END
    salient importance study --json --format jsonl
    expect 2
}

@test "rows are those of export" {
    small_study
    salient export study --table importance
    expect 0
    for protocol in strict paper; do
        grep -F "\"protocol\":\"$protocol\"" out >"$protocol"
    done
    salient importance study --format jsonl
    expect 0
    same out <strict
    salient importance study --format jsonl --protocol paper
    expect 0
    same out <paper
    salient importance study --format jsonl --doc bakery --by lead
    expect 0
    grep -F '"document":"bakery","summarizer":"lead"' strict | same out
}

@test "a word's importance is the share of summaries that keep it" {
    small_study
    salient importance study --format paper --by lead
    expect 0
    python3 - <<'END'
import json
ferry = {r["id"]: r for r in json.load(open("out"))}["ferry"]
y = ferry["word_importance"]
# lead with 2, 4, 6 and 8 words: "The ferry", "... sank near", "... the harbour", "... Nobody was"
want = {"the": 1, "ferry": 1, "sank": .75, "near": .75, "harbour": .5, "nobody": .25, "was": .25, "hurt": 0, "divers": 0}
assert {w: y[w] for w in want} == want, y
assert ferry["text"].startswith("The ferry sank")
END
}

@test "--format paper holds one summarizer" {
    small_study
    salient importance study --format paper
    expect 2
    first_line 'salient importance: --format paper holds one summarizer; choose with --by: lead, random, reference'
}

@test "a document is shown with its words marked, shaded where colours are allowed" {
    small_study
    salient importance study --doc ferry --by lead
    expect 0
    grep -qF 'lead, 4 summaries, strict; share of them that keep a word:' out
    grep -qF 'The¹⁰ ferry¹⁰ sank⁸ near⁸ the¹⁰ harbour⁵. Nobody³ was³ hurt.' out
    salient importance study --doc ferry --by lead --color always
    expect 0
    grep -qF $'\033[38;5;16;48;5;208mferry\033[0m' out
    lacks out 'ferry¹⁰'
}

@test "a document's text cannot steer the terminal" {
    printf '{"id":"x","text":"Plain \\u001b[31mred\\u001b[0m words\\u202e stand here."}\n' >h.jsonl
    salient import study h.jsonl
    salient summarize study --with lead --lengths 2,4
    salient importance study --doc x
    expect 0
    lacks out $'\033'
    grep -qF '\x1b[31m' out
}

@test "wrong names are told with the nearest" {
    small_study
    salient importance study --by leda
    expect 1
    first_line "salient importance: the study has no summarizer 'leda'; did you mean 'lead'?"
    salient importance study --doc nothing
    expect 1
    grep -qF "nothing" err
    salient importance study --corpus nothing
    expect 1
    grep -qF "nothing" err
}

@test "a study without summaries says what to do" {
    printf '{"id":"a","text":"b"}\n' >a.jsonl
    salient import study a.jsonl
    salient importance study
    expect 1
    grep -qF 'salient summarize' err
}

@test "without a study: the published layout from a predictions file" {
    cat >predictions.json <<'END'
[{"id":"a","text":"x","generated":"Here is the 10-word summary: The ferry sank.","criteria":"length_num_10"},
 {"id":"a","text":"x","generated":"\"Ferry sank, 3.5 hurt\"","criteria":"length_num_20"},
 {"id":"b","text":"y","generated":"","criteria":"length_num_10"}]
END
    salient importance --summaries predictions.json --protocol paper --format paper
    expect 0
    python3 - <<'END'
import json
assert json.load(open("out")) == [
    {"id": "a", "text": "x", "word_importance": {"the": .5, "ferry": 1, "sank": 1, "3.5": .5, "hurt": .5}},
    {"id": "b", "text": "y", "word_importance": {}}]
END
    printf '[{"id":"a","generated":"x","criteria":"length_num_10"},{"id":' >bad.json
    salient importance --summaries bad.json --protocol paper --format paper
    expect 1
    grep -qF 'bad.json:1' err
    salient importance --summaries predictions.json
    usage_error ' importance: --summaries goes with --format paper only' 'add --format paper'
    salient importance study --summaries predictions.json --format paper
    expect 2
}

@test "without a study, strict: errors are no summaries" {
    cat >predictions.json <<'END'
[{"id":"a","text":"ferry sank","generated":"Ferry.","criteria":"length_num_10"},
 {"id":"a","text":"ferry sank","generated":"[Error: time out]","criteria":"length_num_20"}]
END
    salient importance --summaries predictions.json --format paper
    expect 0
    python3 -c 'import json; assert json.load(open("out"))[0]["word_importance"] == {"ferry": 1, "sank": 0}'
}

@test "the run log keeps the stop lists' hashes" {
    small_study
    salient export study --table runs
    python3 - <<'END'
import json
rows = [json.loads(line) for line in open("out")]
hashes = json.loads([r for r in rows if r["command"] == "importance"][0]["hashes"])
assert len(hashes["stopwords-en"]) == 64, hashes
END
}
