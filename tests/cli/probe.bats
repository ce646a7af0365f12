# salient states and salient probe: the commands; numbers are held in test_states.c, test_probe.c and test_probe_networks.c.
load common

# Six short articles, summaries by lead, importance.
six_articles() {
    write_six_articles
    salient import study articles.jsonl --corpus news && expect 0
    salient summarize study --with lead --lengths 5:25:5 && expect 0
    salient importance study && expect 0
    salient importance study --protocol paper && expect 0
}

@test "states are files that Python reads, and nothing is taken twice" {
    demo_model
    six_articles
    salient states study --model "$MODEL" --layers 0,15,30 && expect 0
    grep -qE '^salient states: strict: 6 documents done, 0 kept, 0 failed; ' err
    salient states study --model "$MODEL" --layers 0,15,30 && expect 0
    grep -qE ' 0 documents done, 6 kept, 0 failed; ' err
    salient export study --table states && expect 0
    cp out states.jsonl
    python3 - <<'END'
import json, struct
rows = [json.loads(line) for line in open('states.jsonl')]
assert [r['document'] for r in rows] == [f'd{i}' for i in range(6)]
for r in rows:
    with open('study/' + r['file'], 'rb') as f:
        head = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        data = f.read()
    assert head['states']['dtype'] == 'F16' and head['states']['shape'] == [3, r['words'], r['width']], head
    a, b = head['words']['data_offsets']
    words = data[a:b].decode().split()
    assert len(words) == r['words'] == len(set(words)) and 'closed' in words and 'summarize' not in words, words
END
}

@test "probe takes the states it lacks, shows every layer and its controls, and exports them" {
    demo_model
    six_articles
    salient probe study --model "$MODEL" --by lead --layers 0,15,30 --seeds 2 && expect 0
    grep -qE '^news: linear probe on SmolLM2.*, importance by lead, strict, layers=0,15,30, 6 documents$' out
    grep -qE '^  15 ' out
    grep -qE '^  position ' out
    grep -qF 'no intervals: fewer than 20 documents' out
    salient export study --table probes && expect 0
    cp out probes.jsonl
    python3 - <<'END'
import json
rows = [json.loads(line) for line in open('probes.jsonl')]
want = 'corpus,model,summarizer,protocol,probe,loss,layer,control,seed,metric,value,low,high,documents'.split(',')
assert set(want) <= set(rows[0]), rows[0]
assert {r['layer'] for r in rows} == {None, 0, 15, 30}
assert {r['control'] for r in rows} == {'none', 'position', 'frequency', 'surface', 'control-task', 'mdl', 'gap-split', 'gap-zero'}, {r['control'] for r in rows}
assert {r['seed'] for r in rows if r['control'] == 'control-task'} == {None, 1, 2}
assert all(r['low'] is None for r in rows)
END
    salient probe study --model "$MODEL" --by lead --layers 0,15,30 --seeds 2 --json && expect 0
    python3 -c 'import json; rows = json.load(open("out")); assert len(rows) == len(open("probes.jsonl").readlines())'
    salient export study --table probes && expect 0
    cmp out probes.jsonl
    salient verify study && expect 0
}

@test "one command is the original's control script" {
    demo_model
    six_articles
    salient probe study --model "$MODEL" --by lead --preset small --controls random --limit 100 --seeds 1 && expect 0
    grep -qE '^salient probe: states: 6 documents done' err
    grep -qE '^salient probe: random states: 6 documents done' err
    grep -qF ' random' out
    [ -z "$(find study -name '*.gguf')" ]
}

@test "the paper's protocol and its networks run on the same study" {
    demo_model
    six_articles
    salient probe study --model "$MODEL" --by lead --protocol paper --probe mlp --preset small --controls none --seeds 1 && expect 0
    grep -qE '^news: mlp probe on .*, paper, small, 6 documents$' out
    salient probe study --model "$MODEL" --by lead --probe article --attention --preset small --controls none --seeds 1 && expect 0
    grep -qE '^news: article probe on .*, strict, attention small, 6 documents$' out
}

@test "the audit finds what the document does not tell" {
    demo_model
    six_articles
    salient states study --model "$MODEL" --layers 0 --limit 1 && expect 0
    salient states study --model "$MODEL" --layers 0 --limit 1 --protocol paper --by lead && expect 0
    salient probe study --audit study/states/1-strict-*/1.safetensors && expect 0
    grep -qE '^[0-9]+ words; 0 are not in the document, 0 have more occurrences than it has; a summary keeps 0 of these$' out
    salient probe study --json --audit study/states/2-paper-*/1.safetensors && expect 0
    python3 - <<'END'
import json
found = json.load(open('out'))
assert found['outside'] >= 5 and found['repeated'] >= 3 and found['kept'] >= 3, found  # the template's words; lead repeats the text
END
    echo '{}' >x.safetensors
    salient probe study --audit x.safetensors
    expect 1
}

@test "arrays are what numpy reads" {
    demo_model
    six_articles
    salient probe study --model "$MODEL" --by lead --layers 0,30 --controls none --arrays arrays && expect 0
    python3 - <<'END'
def head(path):
    with open(path, 'rb') as f:
        assert f.read(8) == b'\x93NUMPY\x01\x00'
        text = f.read(int.from_bytes(f.read(2), 'little'))
        assert (f.tell()) % 64 == 0 and text.endswith(b'\n')
        return eval(text), len(f.read())
x, size = head('arrays/news/X_30.npy')
rows = x['shape'][0]
assert x['descr'] == '<f4' and x['shape'][1] == 576 and size == 4 * rows * 576
for name, kind in (('y', '<f8'), ('groups', '<i8'), ('split', '<i8'), ('documents', '<i8'), ('prediction_00', '<f8')):
    h, size = head(f'arrays/news/{name}.npy')
    assert h == {'descr': kind, 'fortran_order': False, 'shape': (rows,)} and size == 8 * rows, name
assert len(open('arrays/news/words.txt').read().split('\n')) == rows + 1
END
}

@test "a probe learns from one study, or one importance, and is tested on another" {
    demo_model
    six_articles
    salient states study --model "$MODEL" --layers 0,30 && expect 0
    cp -r study other
    salient summarize study --with tail --lengths 5:25:5 && expect 0
    salient importance study && expect 0
    salient probe study --by lead --controls none --train-on ./other/ && expect 0
    grep -qE '^news: linear probe on .*, importance by lead, strict, train-on=other, 12 documents$' out
    salient probe study --by lead --controls none --train-on study --other-by tail && expect 0
    grep -qE ', train-on=study other-by=tail, 12 documents$' out
    salient export study --table probes && expect 0
    python3 - <<'END'
import json
rows = [json.loads(line) for line in open('out')]
assert {r['options'] for r in rows} == {'train-on=other', 'train-on=study other-by=tail'}, {r['options'] for r in rows}
assert {r['documents'] for r in rows if r['layer'] == 30 and r['metric'] == 'spearman'} == {6}
END
    salient probe study --by lead --train-on study
    expect 2
    first_line 'salient probe: both sides are the same documents and importance by lead: --other-corpus or --other-by names another'
    salient probe study --by lead --train-on nowhere
    expect 1
    salient probe study --by lead --train-on other --other-corpus dialogues
    expect 1
    first_line "salient probe: corpus news: other has 1 corpora and none called 'dialogues'; choose one with --other-corpus"
}

@test "a random copy is a model like any other" {
    demo_model
    salient model randomize "$MODEL" random.gguf --seed 3 && expect 0
    grep -qE '^salient model randomize: random.gguf: written; ' err
    salient model info random.gguf --json && expect 0
    python3 -c 'import json; m = json.load(open("out")); assert m["width"] == 576 and m["layers"] == 30, m'
    salient model randomize "$MODEL" "$MODEL"
    expect 2
    grep -qF 'cannot replace the one it is made from' err
}

@test "wrong usage" {
    salient states study
    usage_error ' states: --model is needed' 'example: salient states mystudy --model model.gguf'
    salient states study --model m.gguf --random-weights 0
    usage_error " states: --random-weights: '0' is no number of copies (1 to 100) and no list of seeds" \
        'example: --random-weights 5 or --random-weights 3,7'
    salient states study --model m.gguf --keep-embeddings
    usage_error ' states: --keep-embeddings belongs to --random-weights' 'example: --random-weights 5 --keep-embeddings'
    salient probe study --controls postion
    usage_error " probe: --controls: there is no 'postion'; did you mean position?" \
        '--controls takes all, none, position, frequency, surface, task, random, mdl, gap'
    salient probe study --train-on a --test-on b
    usage_error ' probe: --train-on and --test-on exclude each other' 'the study that is named first is the other side'
    salient probe study --other-by lead
    usage_error ' probe: --other-by belongs to --train-on or --test-on' \
        'example: salient probe mystudy --corpus news --train-on mystudy --other-corpus dialogues'
    salient probe study --attention
    usage_error ' probe: --attention belongs to --probe article' 'example: --probe article --attention'
}

@test "without states or importance the error says what to do" {
    six_articles
    salient probe study --by lead
    expect 1
    first_line 'salient probe: no strict states of one model in the study; salient states --protocol strict takes them (there are: none)'
}
