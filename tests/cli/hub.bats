# hf: sources and salient model pull, against the mock server on this machine.
load common

start_server() { # options of the server
    mkfifo hold
    python3 "$SOURCE/tests/support/mock_server.py" --log "$PWD/requests" "$@" <hold >port 3>&- &
    exec 8>hold
    for _ in $(seq 100); do
        [ -s port ] && break
        sleep 0.1
    done
    export SALIENT_HUB=http://127.0.0.1:$(cat port) SALIENT_HUB_ROWS=http://127.0.0.1:$(cat port)
    export SALIENT_CACHE=$PWD/cache
    unset HF_TOKEN
}

teardown() {
    exec 8>&- || true
}

documents() {
    "$SALIENT" export study --table documents |
        python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["corpus"], d["document"], d["kind"], repr(d["text"]), d["reference"])'
}

@test "all rows of a split come, page by page, whatever the server does" {
    start_server --faults 1
    salient import study hf:mock/news:default:train
    expect 0
    grep -qF '250 documents done, 0 kept, 0 failed' err
    documents >list
    [ "$(wc -l <list)" -eq 250 ]
    sed -n '1p;250p' list >ends
    same ends <<'END'
news news-train.jsonl:1 news 'Story 0 of the news, café included.' Story 0.
news news-train.jsonl:250 news 'Story 249 of the news, café included.' Story 249.
END
    [ -z "$(find cache -type f)" ]
    # Again: nothing changes.
    salient import study hf:mock/news:default:train
    expect 0
    grep -qF '0 documents done, 250 kept, 0 failed' err
}

@test "a count of rows that is never reached is an error and no endless asking" {
    start_server
    salient import study hf:mock/endless
    expect 1
    first_line "salient import: hf:mock/endless, row 0: the hub's rows have an unknown shape"
    [ ! -e study ]
}

@test "a fetch that broke off goes on where it stopped" {
    start_server
    mkdir -p cache/rows/mock/news/default
    python3 -c 'import json
for i in range(130): print(json.dumps({"article": "Story %d of the news, caf\u00e9 included." % i, "highlights": "Story %d." % i}))
print("{\"article\": \"cut o", end="")' >cache/rows/mock/news/default/news-train.jsonl
    salient import study hf:mock/news:default:train
    expect 0
    grep -qF '250 documents done' err
    grep -oE 'offset=[0-9]+&length=[0-9]+' requests >asked
    same asked <<'END'
offset=130&length=100
offset=230&length=100
END
    [ "$(documents | sort -u | wc -l)" -eq 250 ]
}

@test "the paper's data sets are taken as it took them" {
    start_server
    salient import study hf:abisee/cnn_dailymail hf:mock/samsum --limit 2
    expect 0
    documents >list
    same list <<'END'
cnn_dailymail 0000000000000000000000000000000000000000 news 'Article 0.' In short 0.
cnn_dailymail 0000000000000000000000000000000000000001 news 'Article 1.' In short 1.
samsum s0 dialogue 'Ann: Number 0?\r\nBob: Yes.' Bob says yes.
samsum s1 dialogue 'Ann: Number 1?\r\nBob: Yes.' Bob says yes.
END
    grep -qF 'config=3.0.0&split=test&offset=0&length=2' requests
}

@test "what is not there says so" {
    start_server
    salient import study hf:mock/nothing
    expect 1
    first_line 'salient import: hf:mock/nothing: 127.0.0.1: HTTP 404 (there is nothing of that name, or it is private)'
    salient import study hf:mock/news:other
    expect 2
    first_line 'salient import: hf:mock/news:other: it has several splits, or none of that name; add one of :default:train, :default:test'
    salient import study hf:news
    expect 2
}

repository() {
    mkdir -p files/datasets/o/imp/meta/Llama-1B/{cnn_dailymail,samsum} files/datasets/o/imp/docs
    echo '[{"id":"a","text":"One two three.","generated":"One two.","criteria":"length_num_10"},
{"id":"a","text":"One two three.","generated":"One.","criteria":"length_num_20"}]' >files/datasets/o/imp/meta/Llama-1B/cnn_dailymail/predictions.json
    echo '{"rho": 1}' >files/datasets/o/imp/meta/Llama-1B/cnn_dailymail/metrics_scores.json
    echo '{"rho": 1}' >files/datasets/o/imp/meta/Llama-1B/samsum/metrics_scores.json
    echo '{"id":"d","text":"A document."}' >files/datasets/o/imp/docs/extra.jsonl
    echo 'not asked for' >files/datasets/o/imp/README.md
}

@test "files of a repository by pattern; predictions.json are summaries" {
    repository
    start_server --files files
    export HF_TOKEN=hf_secret_0123
    salient import study 'hf:o/imp/meta/**/*.json'
    expect 3
    grep -qF '2 documents done, 0 kept, 1 failed' err
    grep -qF 'meta/Llama-1B/samsum/metrics_scores.json: skipped:' err
    "$SALIENT" export study --table summaries |
        python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["corpus"], d["document"], d["summarizer"], d["length"], d["text"])' >list
    same list <<'END'
cnn_dailymail a Llama-1B/cnn_dailymail 10 One two.
cnn_dailymail a Llama-1B/cnn_dailymail 20 One.
END
    salient import study 'hf:o/imp/docs/*.jsonl'
    expect 0
    documents | grep -qF "imp d news 'A document.'"
    salient import study 'hf:o/imp/nothing/*'
    expect 1
    first_line 'salient import: hf:o/imp/nothing/*: no file of the repository fits (it has 5)'
    # The key goes to the hub, and not to where its redirects lead.
    grep -F '"path": "/api/' requests | grep -qF 'Bearer hf_secret_0123'
    grep -F '"path": "/cdn/' requests >cdn
    lacks cdn hf_secret
    [ "$(grep -rlF hf_secret_0123 study cache out err | wc -l)" -eq 0 ]
}

@test "importance of words where there is no predictions.json" {
    local one=files/datasets/o/imp/meta/M/cnn two=files/datasets/o/imp/meta/N/cnn
    local name=generated_summaries_with_word_importance
    mkdir -p $one $two
    echo '[{"id":"a","text":"One two.","generated":"One.","criteria":"length_num_10","word_importance":{"one":0.7,"two":0.1}}]' |
        tee $one/${name}_deduplicated.json >$two/${name}_deduplicated.json
    echo '[{"id":"a","text":"One two.","generated":"One.","criteria":"length_num_10","word_importance":{"one":1}},
{"id":"a","text":"One two.","generated":"Two.","criteria":"length_num_20","word_importance":{"one":1}}]' >$two/$name.json
    start_server --files files
    salient import study 'hf:o/imp/meta/**/*.json'
    expect 0
    grep -qF '3 documents done, 0 kept, 0 failed' err
    grep -qF 'files beside a predictions.json, or beside a generated_summaries_with_word_importance.json, are computed from it: left out' err
    salient importance study
    expect 0
    "$SALIENT" export study --table importance --format csv | cut -d, -f2,3,5- >list
    same list <<'END'
document,summarizer,word,count,of,importance,content_word,in_document
a,M/cnn,one,7,10,0.7,false,true
a,M/cnn,two,1,10,0.1,false,true
a,N/cnn,one,1,2,0.5,false,true
a,N/cnn,two,1,2,0.5,false,true
END
    # Asked for by its own name, it comes although its source is there.
    salient import other 'hf:o/imp/meta/N/cnn/*_deduplicated.json'
    expect 0
    grep -qF 'importance of 1 documents is kept as it came' err
}

models() {
    mkdir -p files/models/o/m
    head -c 300000 /dev/urandom >files/models/o/m/tiny-Q4_K_M.gguf
    head -c 1000 /dev/urandom >files/models/o/m/tiny-Q8_0.gguf
    head -c 2000 /dev/urandom >files/models/o/m/tiny-F16-00001-of-00002.gguf
    head -c 3000 /dev/urandom >files/models/o/m/tiny-F16-00002-of-00002.gguf
}

@test "model pull: by quantisation, on after every cut, checked, kept" {
    models
    start_server --files files --faults 3
    salient model pull hf:o/m:q4_k_m
    expect 0
    [ "$(cat out)" = "$PWD/cache/models/o/m/tiny-Q4_K_M.gguf" ]
    cmp "$(cat out)" files/models/o/m/tiny-Q4_K_M.gguf
    grep -q '"range": "bytes=150000-"' requests
    salient model pull hf:o/m:tiny-Q4_K_M.gguf
    expect 0
    grep -qF '0 files done, 1 kept' err
    salient model pull hf:o/m:F16 --folder here
    expect 0
    [ "$(cat out)" = here/tiny-F16-00001-of-00002.gguf ]
    cmp here/tiny-F16-00002-of-00002.gguf files/models/o/m/tiny-F16-00002-of-00002.gguf
    [ "$(ls here | wc -l)" -eq 2 ]
}

@test "model pull: what was there of another file does not enter; a wrong digest is refused" {
    models
    start_server --files files
    mkdir here
    head -c 500 /dev/zero >here/tiny-Q8_0.gguf.part
    salient model pull hf:o/m:Q8_0 --folder here
    expect 1
    grep -qE 'tiny-Q8_0.gguf: its SHA-256 is [0-9a-f]{64}, and the hub tells [0-9a-f]{64}; the download was removed' err
    [ -z "$(ls here)" ]
    salient model pull hf:o/m:Q8_0 --folder here
    expect 0
    cmp here/tiny-Q8_0.gguf files/models/o/m/tiny-Q8_0.gguf
}

@test "model pull: a choice is needed, and named" {
    models
    start_server --files files
    salient model pull hf:o/m
    expect 2
    first_line 'salient model pull: hf:o/m: several files fit; add :FILE or a quantisation like :Q4_K_M. There are: tiny-F16-00001-of-00002.gguf, tiny-Q4_K_M.gguf, tiny-Q8_0.gguf'
    salient model pull hf:o/m:Q5_K_M
    expect 1
    salient model pull hf:o/none
    expect 1
    salient model pull o/m
    expect 2
}
