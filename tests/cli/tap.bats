# salient tap: its file, its errors, and nothing half-written. With the demo model of scripts/deps; numbers are held in test_tap_golden.c.
load common

text() {
    printf 'The ferry sank near the harbour. Nobody was hurt; divers searched the wreck for two days.' >text.txt
}

model() {
    text
    demo_model
}

# Python that has the tensors of a file as t: {name: (dtype, shape, numbers)} and its texts as m.
with_tensors() { # file, program on standard input
    cat >read.py <<'END'
import array, json, struct, sys
with open(sys.argv[1], 'rb') as f:
    head = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
    data = f.read()
m, t = head.pop('__metadata__'), {}
for name, v in head.items():
    x = array.array({'F32': 'f', 'I32': 'i'}[v['dtype']])
    x.frombytes(data[slice(*v['data_offsets'])])
    t[name] = (v['dtype'], v['shape'], x)
END
    cat >>read.py
    python3 read.py "$1"
}

no_file() {
    [ ! -e out.safetensors ] || { echo "an output was left"; return 1; }
    [ "$(ls | grep -c partial)" -eq 0 ]
}

@test "attention of a text: tensors, shapes, and what the record says" {
    model
    salient tap --model "$MODEL" --text text.txt --attention --last 4 --compute stock -o out.safetensors
    expect 0
    grep -qE '^salient tap: out.safetensors: written; ' err
    [ ! -s out ]
    with_tensors out.safetensors <<'END'
T = t['tokens'][1][0]
assert sorted(t) == ['attention.exposure', 'attention.last', 'attention.received', 'document_span', 'offsets', 'tokens'], sorted(t)
assert all(t[f'attention.{n}'][:2] == ('F32', [30, 9, T]) for n in ('received', 'exposure', 'last'))
assert t['offsets'][1] == [T, 2] and t['tokens'][0] == t['offsets'][0] == t['document_span'][0] == 'I32'
text = open('text.txt', 'rb').read()
spans = t['offsets'][2]
assert spans[0] == 0 and spans[-1] == len(text) and list(spans[1:-1:2]) == list(spans[2::2]), 'tokens cover the text'
assert list(t['document_span'][2]) == [0, len(text)]
for name, total in (('received', T), ('last', 4)):
    x = t[f'attention.{name}'][2]
    assert all(abs(sum(x[i:i + T]) - total) < 1e-3 * total for i in range(0, len(x), T)), name
import hashlib
assert m['text.sha256'] == hashlib.sha256(text).hexdigest() and m['compute'] == 'stock' and m['last'] == '4', m
assert m['chat'] == 'none' and m['non_finite'] == '0' and 'Q4_1' in m['model.type'], m
END
}

@test "the same command writes the same bytes, with any number of threads" {
    model
    for threads in 1 2 2; do
        salient tap --model "$MODEL" --text text.txt --attention --hidden --threads $threads -o out.safetensors
        expect 0
        [ ! -e first ] || cmp first out.safetensors
        cp out.safetensors first
    done
}

@test "hidden states of the probes' prompt, at all positions and at some" {
    model
    salient tap --model "$MODEL" --text text.txt --chat paper-probe --hidden -o all.safetensors
    expect 0
    salient tap --model "$MODEL" --text text.txt --chat paper-probe --hidden --positions 0,7,20 --exact -o out.safetensors
    expect 0
    with_tensors out.safetensors <<'END'
assert sorted(t) == ['document_span', 'hidden', 'offsets', 'positions', 'tokens'], sorted(t)
assert t['hidden'][1] == [31, 3, 576] and list(t['positions'][2]) == [0, 7, 20] and m['compute'] == 'exact'
start, end = t['document_span'][2]
assert end - start == len(open('text.txt', 'rb').read()) and start > 100, (start, end)
few = t['hidden'][2]
sys.argv[1] = 'all.safetensors'
with open('all.safetensors', 'rb') as f:
    head = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
    data = f.read()
T = len(t['tokens'][2])
assert head['hidden']['shape'] == [31, T, 576] and head['positions']['shape'] == [T]
x = array.array('f')
x.frombytes(data[slice(*head['hidden']['data_offsets'])])
for i, p in enumerate((0, 7, 20)):
    assert few[i * 576:(i + 1) * 576] == x[p * 576:(p + 1) * 576], 'embeddings are equal bit for bit'
END
}

@test "text from standard input" {
    model
    salient tap --model "$MODEL" --text text.txt --attention -o first.safetensors
    status=0
    "$SALIENT" tap --model "$MODEL" --text - --attention -o out.safetensors <text.txt >out 2>err || status=$?
    expect 0
    cmp first.safetensors out.safetensors
}

@test "what is missing on the command line is said" {
    text
    hint='example: salient tap --model model.gguf --text article.txt --attention -o tap.safetensors'
    salient tap --text text.txt --attention -o out.safetensors
    usage_error ' tap: --model is needed' "$hint"
    salient tap --model m.gguf --attention -o out.safetensors
    usage_error ' tap: --text is needed' "$hint"
    salient tap --model m.gguf --text text.txt --attention
    usage_error ' tap: --output is needed, a file' "$hint"
    salient tap --model m.gguf --text text.txt --attention -o -
    usage_error ' tap: --output is needed, a file' "$hint"
    salient tap --model m.gguf --text text.txt -o out.safetensors
    usage_error ' tap: what to take? --attention, --last K or --hidden' "$hint"
    salient tap --model m.gguf --text text.txt --attention --positions 1 -o out.safetensors
    usage_error ' tap: --positions belongs to --hidden' "$hint"
    salient tap --model m.gguf --text text.txt --attention --chat-template t.txt -o out.safetensors
    usage_error ' tap: --chat-template belongs to --chat' "$hint"
    for list in 1,x 3,3 5,4 -1 1,,2 99999999999; do
        salient tap --model m.gguf --text text.txt --hidden --positions "$list" -o out.safetensors
        usage_error " tap: --positions: '$list' is no list of ascending numbers" 'example: --positions 0,12,40 or --positions all'
    done
    salient tap --model m.gguf --text text.txt --attention --compute stok -o out.safetensors
    expect 2
    grep -qF 'stock' err
    salient tap --model m.gguf --text text.txt --attention --last 0 -o out.safetensors
    expect 2
    salient tap --model m.gguf --text text.txt --attention --chat paper-prob -o out.safetensors
    expect 2
    grep -qF 'paper-probe' err
    no_file
}

@test "a failed tap names what is wrong and leaves no file" {
    text
    echo '{"id":"a","text":"The ferry sank."}' >good.jsonl
    salient tap --model good.jsonl --text good.jsonl --attention -o out.safetensors
    expect 1
    grep -qF 'good.jsonl' err
    salient tap --model nowhere.gguf --text text.txt --attention -o out.safetensors
    expect 1
    grep -qF 'nowhere.gguf' err
    salient tap --model nowhere.gguf --text nothing.txt --attention -o out.safetensors
    expect 1
    grep -qF 'nothing.txt' err
    : >empty.txt
    salient tap --model nowhere.gguf --text empty.txt --attention -o out.safetensors
    expect 1
    first_line 'salient tap: empty.txt: the text is empty'
    printf 'abc\xff' >bad.txt
    salient tap --model nowhere.gguf --text bad.txt --attention -o out.safetensors
    expect 1
    first_line 'salient tap: bad.txt: no UTF-8 at byte 3'
    no_file
}

@test "what the text does not have is refused; so is what does not fit the model" {
    model
    salient tap --model "$MODEL" --text text.txt --attention --last 1000 -o out.safetensors
    expect 2
    grep -qE '^salient tap: --last 1000: the text has [0-9]+ tokens$' err
    salient tap --model "$MODEL" --text text.txt --hidden --positions 0,1000 -o out.safetensors
    expect 2
    grep -qE '^salient tap: --positions: 1000; the text has tokens 0 to [0-9]+$' err
    for _ in $(seq 3000); do printf 'one two three four '; done >long.txt
    salient tap --model "$MODEL" --text long.txt --attention -o out.safetensors
    expect 1
    grep -qE 'too long for the model: the text has [0-9]+ tokens; the context holds [0-9]+' err
    salient tap --model "$MODEL" --text text.txt --attention -o nowhere/out.safetensors
    expect 1
    grep -qF 'nowhere/out.safetensors' err
    no_file
}
