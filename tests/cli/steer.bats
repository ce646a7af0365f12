# salient steer and salient probe --control-vector: the commands; that models are steered is held in test_llm_steer.c.
load common

# Six short articles, two short summaries of each by the demo model, importance, states 14 and 15.
steerable_study() {
    write_six_articles
    salient import study articles.jsonl --corpus news && expect 0
    salient summarize study --with "$MODEL" --as m --template text-first --length-policy trim --lengths 4:8:4 --max-tokens 14 && expect 0
    salient importance study && expect 0
    salient states study --model "$MODEL" --layers 14,15,30 && expect 0
}

@test "a state's direction is a control vector, and steering along it is shown beside random directions" {
    demo_model
    steerable_study
    salient probe study --model "$MODEL" --control-vector vector.gguf --layer 15 && expect 0
    grep -qE '^vector.gguf: direction.14, state 15 of SmolLM2.*, importance by m, learnt from 4 documents of news; of length [0-9.]+: added once' out
    salient probe study --model "$MODEL" --control-vector again.gguf --layer 15 --json && expect 0
    cmp vector.gguf again.gguf
    python3 - <<'END'
import json, math, struct
told = json.load(open('out'))
data = open('vector.gguf', 'rb').read()
magic, version, tensors, keys = struct.unpack_from('<4sIQQ', data)
assert (magic, version, tensors, keys) == (b'GGUF', 3, 1, 3)
at = 24
def text():
    global at
    length, = struct.unpack_from('<Q', data, at)
    at += 8 + length
    return data[at - length:at].decode()
found = {}
for _ in range(keys):
    key = text()
    kind, = struct.unpack_from('<I', data, at)
    at += 4
    if kind == 8:
        found[key] = text()
    else:
        assert kind == 5, kind
        found[key], = struct.unpack_from('<i', data, at)
        at += 4
assert found == {'general.architecture': 'controlvector', 'controlvector.model_hint': 'llama', 'controlvector.layer_count': 1}, found
assert text() == 'direction.14'
axes, width, kind, offset = struct.unpack_from('<IQIQ', data, at)
assert (axes, width, kind, offset) == (1, 576, 0, 0)
start = (at + 24 + 31) // 32 * 32
assert len(data) == start + 4 * width
length = math.sqrt(sum(x * x for x in struct.unpack_from('<576f', data, start)))
assert abs(length - told['norm']) < 1e-4 * length and told['learnt'] == 4 and told['documents'] == 1 and told['width'] == 576, (length, told)
END
    salient steer study --model "$MODEL" --layer 15 --strength 2 --draws 1 && expect 0
    grep -qE '^news: state 15 of SmolLM2.*, importance by m, learnt from 4 documents; strength 2, a step of length [0-9.]+; 1 documents it has not learnt from$' out
    grep -qE '^  measure +none +up +down +random +up less down +up less random$' out
    grep -qE '^  words of a summary +[0-9.]+ ' out
    grep -qE '^salient steer: news: 1 documents done, 0 kept, 0 failed; ' err
    salient steer study --model "$MODEL" --layer 15 --strength 2 --draws 1 --json && expect 0
    grep -qE '^salient steer: news: 0 documents done, 1 kept, 0 failed; ' err
    python3 - <<'END'
import json
rows = {(r['way'], r['measure']): r for r in json.load(open('out'))}
assert len(rows) == 36 and all(r['documents'] + r['undefined'] == 1 and r['low'] is None for r in rows.values())
value = lambda way, measure: rows[way, measure]['value']
assert value('none', 'shift') == 0 and value('none', 'kept') == 1
assert value('up', 'shift') > 0 or value('down', 'shift') > 0 # something moved
for measure in ('selected', 'mean_importance', 'length'):
    assert abs(value('up', measure) - value('down', measure) - value('up less down', measure)) < 1e-9
END
    salient verify study && expect 0
}

@test "states that cannot be steered are refused" {
    demo_model
    salient probe study --model "$MODEL" --control-vector x.gguf --layer 1
    usage_error " probe: --control-vector: --layer from 2 on is needed (a control vector has no direction.0 for state 1)" \
        'example: salient probe mystudy --model model.gguf --control-vector out.gguf --layer 15'
    salient steer study --model "$MODEL" --layer 1
    usage_error " steer: --layer: a state from 2 on is needed (a control vector has no direction.0 for state 1)" \
        'example: salient steer mystudy --model model.gguf --layer 15'
    write_six_articles
    salient import study articles.jsonl --corpus news && expect 0
    salient summarize study --with lead --lengths 5:25:5 && expect 0
    salient importance study && expect 0
    salient steer study --model "$MODEL" --layer 15 --by lead
    expect 1
    grep -qE '^salient steer: no strict states of SmolLM2.* in the study; salient states --protocol strict takes them' err
    salient states study --model "$MODEL" --layers 15,30 && expect 0
    salient steer study --model "$MODEL" --layer 30 --by lead
    expect 2
    grep -qF 'state 30: state 30 is seen after the final norm, where no control vector reaches; choose a state from 2 to 29' err
    salient steer study --model "$MODEL" --layer 14 --by lead
    expect 2
    grep -qF 'there are no states 14 of ' err
    salient steer study --model "$MODEL" --layer 15 --by lead
    expect 1
    grep -qF 'the summaries of lead were made by no local model' err
    salient model randomize "$MODEL" "${MODEL##*/}" && expect 0
    salient steer study --model "${MODEL##*/}" --layer 15 --by lead
    expect 1
    grep -qF 'is another model (' err
    salient probe study --layer 3
    usage_error ' probe: --layer belongs to --control-vector; --layers names those that are probed' \
        'example: salient probe mystudy --model model.gguf --control-vector out.gguf --layer 15'
}
