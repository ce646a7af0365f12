# salient score: two {word: number} files in, one flat JSON object out.
load common

maps() {
    printf '{"ferry":1,"sank":0.5,"the":1,"harbour":0}' >ref.json
    printf '{"the":0.4,"harbour":0.1,"sank":0.2,"ferry":0.3,"extra":9}' >pred.json
    printf '{"the":2,"ferry":4,"sank":1,"harbour":3}' >given.json
}

@test "one flat JSON object, undefined is null" {
    maps
    salient score ref.json pred.json
    expect 0
    python3 -c '
import json
got = json.load(open("out"))
assert list(got)[:4] == ["n", "spearman", "spearman_p", "kendall"] and len(got) == 25, list(got)
assert got["n"] == 4 and got["partial_spearman"] is None and got["precision@5"] is None and got["precision@3"] is not None
assert abs(got["spearman"] - 0.9486832980505138) < 1e-12, got["spearman"]'
    salient score ref.json pred.json --given given.json --protocol paper
    expect 0
    python3 -c 'import json; assert abs(json.load(open("out"))["partial_spearman"]) <= 1'
}

@test "a reference against itself is perfect" {
    maps
    salient score ref.json ref.json
    expect 0
    python3 -c '
import json
got = json.load(open("out"))
assert got["spearman"] == got["kendall"] == got["ndcg@5"] == got["kl_normalized"] == 1 and got["js"] == got["mae"] == 0, got'
}

@test "what is wrong with a file is told with its name and word" {
    maps
    salient score ref.json nowhere.json
    expect 1
    grep -qF nowhere.json err
    printf '{"ferry":1}' >short.json
    salient score ref.json short.json
    expect 1
    first_line "salient score: short.json: the reference's word 'sank' is missing"
    printf '{"ferry":1,' >cut.json
    salient score cut.json pred.json
    expect 1
    grep -qF cut.json:1: err
    printf '{"ferry":"1","sank":1,"the":1,"harbour":1}' >text.json
    salient score ref.json text.json
    expect 1
    first_line "salient score: text.json: the value of 'ferry' is no number"
    printf '{"ferry":-1,"sank":1,"the":1,"harbour":1}' >negative.json
    salient score ref.json negative.json
    expect 1
    grep -qF 'is -1' err
    salient score ref.json
    expect 2
    grep -qF PRED.json err
}
