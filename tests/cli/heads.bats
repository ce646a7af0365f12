# salient heads: with the demo model of scripts/deps. Numbers are recomputed by tests/heads/recompute.py, which shares no code.
load common

# Two English documents (with repeated words, a number, curly apostrophes) and a French one, summaries by lead, importance.
three_documents() {
    cat >en.jsonl <<'END'
{"id":"ferry","text":"The ferry sank near the harbour on Monday, and the ferry's crew of 12.5 tonnes of steel swam. Nobody was hurt, the owners said; nobody had expected the storm. Divers searched the wreck for two days - the harbour stayed closed - and found a well-known captain's log.\n\nThe owners don’t know why it sank."}
{"id":"bakery","text":"A bakery in the old town opened again. Its owner had been ill for a year, and the town's people had bought their bread elsewhere. Bread sold out by nine; the owner was `surprised`. \"It's the same bread,\" she said. The bakery opens at six."}
END
    printf '%s\n' '{"id":"appel","text":"Client : Bonjour, j’ai oublié mon sac dans le bus numéro 14, hier après l’école. Agent : Bonjour. De quelle couleur est le sac ? Client : Le sac est bleu, avec un livre à l'"'"'intérieur. Agent : Le bus a été nettoyé, le sac bleu est à l’accueil de la gare."}' >fr.jsonl
    salient import study en.jsonl --corpus en --lang en && expect 0
    salient import study fr.jsonl --corpus fr --lang fr --kind dialogue && expect 0
    salient summarize study --with lead --lengths 5:25:5 && expect 0
    salient importance study && expect 0
    salient importance study --protocol paper && expect 0
}

heads() {
    salient heads study --model "$MODEL" --by lead --permutations 64 "$@"
}

@test "all numbers are what a program of its own makes of tap, documents and importance" {
    demo_model
    three_documents
    heads --layers 0,29 && expect 0
    heads --layers 0,29 --protocol paper && expect 0
    mkdir scratch && cd scratch
    python3 "$SOURCE/tests/heads/recompute.py" "$SALIENT" ../study "$MODEL" lead "$DEPS/stopwords" layers=0,29
}

@test "without the first tokens, rows renormalised, and without the last ones: the same numbers from tap" {
    demo_model
    three_documents
    local -a options=(--layers 0,29 --skip-first 4 --renormalise --min-queries 16)
    heads "${options[@]}" && expect 0
    grep -qF 'received with layers=0,29 skip-first=4 renormalise min-queries=16,' out
    heads "${options[@]}" --protocol paper && expect 0
    mkdir scratch && cd scratch
    python3 "$SOURCE/tests/heads/recompute.py" "$SALIENT" ../study "$MODEL" lead "$DEPS/stopwords" \
        'layers=0,29 skip-first=4 renormalise min-queries=16'
    cd ..
    heads --renormalise
    usage_error ' heads: --renormalise belongs to --skip-first K' 'example: --skip-first 4 --renormalise'
}

@test "a second run computes nothing and ends with the same tables" {
    demo_model
    three_documents
    heads --layers representative && expect 0
    grep -qE '3 documents done, 0 kept, 0 failed' err
    salient export study --table heads -o first.jsonl
    salient export study --table heads --per-document -o first.each.jsonl
    cp out first.txt
    heads --layers representative --threads 1 && expect 0
    grep -qE '0 documents done, 3 kept, 0 failed' err
    salient export study --table heads -o second.jsonl
    salient export study --table heads --per-document -o second.each.jsonl
    cmp first.jsonl second.jsonl
    cmp first.each.jsonl second.each.jsonl
    salient verify study && expect 0
    python3 - <<'END'
import json
rows = [json.loads(l) for l in open('first.jsonl')]
want = 'corpus,model,summarizer,protocol,evidence,words,layer,head,null,metric,value,low,high,documents,p_family,q'.split(',')
assert set(want) <= set(rows[0]), rows[0]
assert {r['null'] for r in rows} == {None, 'empty', 'position', 'log_frequency', 'tfidf'}
heads = {(r['layer'], r['head']) for r in rows if r['null'] is None}
assert heads == {(l, h) for l in (0, 15, 29) for h in range(9)}, heads
assert all(r['low'] is None for r in rows)  # three documents: n too small
empty = [r['value'] for r in rows if r['null'] == 'empty' and r['evidence'] == 'exposure' and r['metric'] == 'spearman']
assert empty and set(empty) == {None}  # constant there
tested = [r for r in rows if r['metric'] == 'fisher_z' and r['null'] is None and r['evidence'] == 'received']
assert all(0 < r['p_family'] <= 1 and r['q'] >= r['p'] for r in tested if r['documents'] > 1), tested[0]
import sqlite3
study = sqlite3.connect('study/study.db')
study.execute('UPDATE head_units SET words = words + 1 WHERE unit = (SELECT min(unit) FROM head_units)')
study.commit()
END
    salient verify study
    expect 1
    grep -qF 'heads of SmolLM2-135M-Instruct.Q4_1: arrays do not have the size' out err
}

@test "the table says in words what survives; --json holds all of it" {
    demo_model
    three_documents
    heads --layers 29 --corpus en && expect 0
    grep -qF 'en: heads of SmolLM2-135M-Instruct.Q4_1, evidence received with layers=29, importance by lead, strict' out
    grep -qF 'null: position' out
    grep -qE 'of 9 heads follows? importance beyond position and term frequency' out
    grep -qF 'n too small' out
    heads --layers 29 --corpus en --json && expect 0
    python3 -c '
import json
tables = json.load(open("out"))
assert [t["evidence"] for t in tables] == ["exposure", "received"], tables
assert all(t["documents"] == 2 and t["results"] for t in tables)'
}

@test "evidence from the chat prompt, and what it needs" {
    demo_model
    three_documents
    heads --layers 29 --evidence norm,instruction,summary --corpus en && expect 0
    salient export study --table heads -o heads.jsonl
    python3 - <<'END'
import json
rows = [json.loads(l) for l in open('heads.jsonl')]
for evidence in ('norm', 'instruction', 'summary'):
    values = [r for r in rows if r['evidence'] == evidence and r['metric'] == 'spearman' and r['null'] is None]
    assert len(values) == 18 and all(-1 <= r['value'] <= 1 for r in values), evidence
END
    salient summarize study --with reference
    salient summarize study --with random --lengths 5,10 --as other && expect 0
    salient importance study --by other && expect 0
    salient heads study --model "$MODEL" --by other --layers 29 --evidence summary --limit 1 --corpus en
    expect 0
}

@test "retrieval heads: scores, resumed, and the overlap with the heads that follow importance" {
    demo_model
    three_documents
    heads --layers 0,18 --evidence received && expect 0
    lacks out 'Retrieval heads'
    heads --layers 0,18 --evidence received --retrieval && expect 0
    grep -qE '3 documents done, 0 kept, 0 failed' err
    grep -qE 'Retrieval heads \(above 0.1 of the copied tokens\): [0-9]+ of 18; they are [0-9]+ of the [0-9]+ that survive' out
    salient export study --table retrieval -o first.jsonl
    salient export study --table retrieval_overlaps -o overlaps.jsonl
    salient export study --table heads -o heads.jsonl
    heads --layers 0,18 --evidence received --retrieval --threads 1 --json && expect 0
    grep -qE '0 documents done, 3 kept, 0 failed' err
    cp out printed.json
    salient export study --table retrieval -o second.jsonl
    cmp first.jsonl second.jsonl
    python3 - <<'END'
import json
from math import comb
rows = lambda name: [json.loads(l) for l in open(name)]
scores = {(r['corpus'], r['layer'], r['head']): r['value'] for r in rows('first.jsonl')}
assert len(scores) == 2 * 30 * 9 and all(0 <= v <= 1 for v in scores.values())  # all layers, whatever --layers
assert max(scores.values()) > .3  # lead copies, and some head looks where
printed = {t['corpus']: t['retrieval'] for t in json.load(open('printed.json'))}
checked = 0
for corpus in ('en', 'fr'):
    for words in ('all', 'content'):
        z = {(r['layer'], r['head']): r for r in rows('heads.jsonl') if r['corpus'] == corpus and r['words'] == words
             and r['metric'] == 'fisher_z' and r['null'] is None and r['value'] is not None}
        best = sorted(z, key=lambda h: -z[h]['value'])[:10]
        for chosen, named in (('best', best), ('surviving', [h for h in z if z[h]['p_family'] <= .05])):
            retrieve = {h for h in z if scores[(corpus, *h)] > .1}
            shared, N, K, n = len(retrieve & set(named)), len(z), len(retrieve), len(named)
            p = sum(comb(K, k) * comb(N - K, n - k) for k in range(shared, min(K, n) + 1)) / comb(N, n) if n else None
            (told,) = [r for r in rows('overlaps.jsonl') if (r['corpus'], r['words'], r['chosen']) == (corpus, words, chosen)]
            assert [told[k] for k in ('heads', 'retrieval_heads', 'chosen_heads', 'shared')] == [N, K, n, shared], told
            assert told['p'] == p or abs(told['p'] - p) < 1e-9, (told, p)
            assert {k: told[k] for k in ('words', 'chosen', 'shared', 'p')}.items() <= [
                r for r in printed[corpus] if (r['words'], r['chosen']) == (words, chosen)][0].items()
            checked += 1
assert checked == 8
END
    salient verify study && expect 0
    # Another document enters the means.
    printf '%s\n' '{"id":"more","text":"The storm closed the harbour. The harbour opened again on Friday, and the ferry was raised."}' >more.jsonl
    salient import study more.jsonl --corpus en && salient summarize study --with lead --lengths 5:25:5 && salient importance study
    heads --layers 0,18 --evidence received --retrieval --corpus en && expect 0
    salient export study --table retrieval --corpus en -o third.jsonl
    python3 -c 'import json; assert {json.loads(l)["documents"] for l in open("third.jsonl")} == {3}'
}

@test "options change the analysis and are named in it" {
    demo_model
    three_documents
    heads --layers 0 --corpus en --evidence received && expect 0
    heads --layers 0 --corpus en --evidence received --drop-zero --skip-first 2 --value max && expect 0
    grep -qF 'received with layers=0 drop-zero skip-first=2 max,' out
    salient export study --table heads --per-document -o heads.jsonl
    python3 - <<'END'
import json
rows = [json.loads(l) for l in open('heads.jsonl')]
n = {}
for r in rows:
    if r['metric'] == 'n' and r['words'] == 'all':
        n.setdefault((r['document'], r['options']), set()).add(r['value'])
for document in ('ferry', 'bakery'):
    (most,), (less,) = n[document, 'layers=0'], n[document, 'layers=0 drop-zero skip-first=2 max']
    assert less < most, n
END
}

@test "what is missing is told with what to do" {
    demo_model
    three_documents
    salient heads study
    usage_error ' heads: --model is needed' 'example: salient heads mystudy --model model.gguf'
    heads --evidence recieved
    usage_error " heads: --evidence: there is no 'recieved'; did you mean received?" \
        '--evidence takes received, exposure, norm, instruction, summary'
    salient heads study --model "$MODEL"
    expect 1
    first_line 'salient heads: 0 summarizers were made with SmolLM2-135M-Instruct.Q4_1; choose a summarizer with --by: lead'
    heads --layers 30
    expect 2
    grep -qF -- '--layers 30: the model has layers 0 to 29' err
    heads --layers 5,3
    expect 2
    salient heads study --model en.jsonl --by lead
    expect 1
    grep -qF en.jsonl err
    salient heads nowhere --model "$MODEL"
    expect 1
    salient import bare en.jsonl --corpus en && salient summarize bare --with lead --lengths 5
    salient heads bare --model "$MODEL" --by lead --layers 0
    expect 3
    grep -qF '2 documents have no up-to-date importance by this summarizer and protocol (salient importance computes it)' err
    salient export study --table summaries --per-document
    usage_error ' export: --per-document goes with --table heads' 'add --table heads'
}

@test "the published layout has the heads as the paper's code writes them" {
    demo_model
    three_documents
    heads --layers representative --protocol paper --evidence received --corpus en && expect 0
    salient export study data --layout original && expect 0
    salient export study --table heads --per-document -o each.jsonl
    [ ! -e data/data/lead/fr/metrics_scores.json ]
    python3 - <<'END'
import json
r = json.load(open('data/data/lead/en/metrics_scores.json'))
assert r['num_samples'] == 2 and r['layers'] == [0, 15, 29] and r['valid_sample_indices'] == [0, 1] and r['skipped_sample_indices'] == []
each = {(d['document'], d['layer'], d['head'], d['metric']): d['value'] for d in map(json.loads, open('each.jsonl')) if d['words'] == 'all'}
for i, document in enumerate(('ferry', 'bakery')):
    for layer in (0, 15, 29):
        for head in range(9):
            value = lambda metric: each[document, layer, head, metric]
            assert r['per_sample_kl_scores'][str(layer)][head][i] == value('kl')
            assert r['per_sample_spearman_scores'][str(layer)][head][i] == value('spearman')
            assert r['per_sample_renyi_scores']['2.0'][str(layer)][head][i] == value('renyi@2')
            assert r['per_sample_ndcg_scores']['5'][str(layer)][head][i] == value('ndcg@5')
    assert abs(sum(r['per_sample_reference_distributions'][i]) - 1) < 1e-12
kl = r['per_sample_kl_scores']['15'][4]
assert abs(r['kl_scores']['15']['mean'][4] - sum(kl) / 2) < 1e-12 and r['kl_scores']['15']['min'][4] == min(kl)
assert abs(r['kl_scores']['15']['std'][4] - abs(kl[0] - kl[1]) / 2) < 1e-12
assert len(r['precision_at_10']['0']['mean']) == len(r['recall_at_1']['29']['mean']) == 9
END
}

@test "the report has a map of the heads, and its verdict in words" {
    demo_model
    three_documents
    salient report study -o without.html && expect 0
    lacks without.html 'Which attention heads follow importance'
    heads --layers 0,29 && expect 0
    salient report study -o report.html && expect 0
    python3 - <<'END'
import json, re
page = open('report.html', encoding='utf-8').read()
study = json.loads(re.search(r'<script type="application/json" id="study-data">(.*?)</script>', page, re.S).group(1))
assert [(t['corpus'], t['evidence']) for t in study['heads']] == [('en', 'exposure'), ('en', 'received'), ('fr', 'exposure'), ('fr', 'received')]
table = study['heads'][1]
assert len(table['rows']) == 22 and table['rows'][0] == [0, 0] and table['rows'][-1] == ['tfidf'], table['rows']
assert all(len(table[w]['spearman']['value']) == 22 for w in ('all', 'content'))
END
    "$SOURCE/tests/report/chromium.sh" report.html >dom.html 2>messages || [ $? -eq 77 ]
    [ ! -s dom.html ] || { grep -qE 'of 18 heads follows? importance beyond position' dom.html; lacks messages 'Error'; }
}

@test "ablate takes the chosen heads out on documents that did not choose them" {
    demo_model
    three_documents
    # More documents, so that both halves have some.
    python3 -c '
import json
for i in range(6):
    print(json.dumps({"id": f"d{i}", "text": f"The {i} ships left the harbour at {i} in the morning. The harbour was closed later, and ship number {i} sank. Nobody saw ship {i + 1} again."}))' >more.jsonl
    salient import study more.jsonl --corpus en && expect 0
    salient summarize study --with lead --lengths 5:25:5 && expect 0
    salient importance study && expect 0
    salient ablate study --model "$MODEL" --corpus en
    expect 1
    grep -qF 'salient heads study --model' err
    heads --corpus en --evidence received && expect 0
    salient ablate study --model "$MODEL" --corpus en --top 3 --draws 2 --limit 2 --json && expect 0
    python3 -c '
import json
r = json.load(open("out"))
assert len(r["heads"].split()) == 3 and 1 <= r["documents"] <= 2 and r["log_likelihood"] < 0, r
for edit in ("zero", "mean"):
    assert abs(r[edit + "_top"] - r[edit + "_random"] - r[edit + "_difference"]) < 1e-9 and r[edit + "_top"] != 0, r
    assert r[edit + "_top_low"] is None  # n too small'
    salient ablate study --model "$MODEL" --corpus en --top 60 --draws 1 --limit 1
    expect 2
    grep -qF 'too few other heads to draw from: lower --top' err
}

@test "ablate --regenerate makes the summaries again, stores each document, and goes on" {
    demo_model
    python3 -c '
import json
for i in range(6):
    print(json.dumps({"id": f"d{i}", "text": f"The {i} ships left the harbour at {i} in the morning. The harbour was closed later, and ship number {i} sank. Nobody saw ship {i + 1} again."}))' >docs.jsonl
    salient import study docs.jsonl --corpus en && expect 0
    salient summarize study --with "$MODEL" --as smol --template text-first --length-policy trim --lengths 4,8 && expect 0
    salient importance study && expect 0
    salient heads study --model "$MODEL" --permutations 64 --evidence received && expect 0
    local -a ablate=(ablate study --model "$MODEL" --top 3 --draws 2)
    salient "${ablate[@]}" --limit 1 && expect 0
    grep -qE 'en: 1 documents done, 0 kept' err
    lacks out 'change of importance'
    salient "${ablate[@]}" --regenerate --limit 1 --json && expect 0
    grep -qE 'en: 1 documents done, 0 kept' err # there was no regeneration
    cp out one.json
    salient "${ablate[@]}" --regenerate --limit 2 && expect 0
    grep -qE 'en: 1 documents done, 1 kept' err
    grep -qF 'change of importance, 1 - Spearman over content words (made again as the model is: 0.00)' out
    salient export study --table ablations -o first.jsonl
    salient "${ablate[@]}" --limit 2 && expect 0 # what was made again stays
    grep -qE 'en: 0 documents done, 2 kept' err
    salient export study --table ablations -o second.jsonl
    cmp first.jsonl second.jsonl
    python3 - <<'END'
import json, sqlite3
one = json.load(open('one.json'))
assert abs(one['importance_all']) < 1e-9  # the model as it is makes the summaries of the study
assert one['length'] > 0 and any(abs(one[f'{e}_{h}_importance_all']) > 1e-3 for e in ('zero', 'mean') for h in ('top', 'random')), one
rows = [json.loads(l) for l in open('first.jsonl')]
assert len(rows) == 4 * (1 + 2 * 3) and all(r['documents'] + r['undefined'] == 2 for r in rows)
units = sqlite3.connect('study/study.db').execute(
    'SELECT edit, draw, document, log_likelihood, importance_all, importance_content, length FROM ablation_units').fetchall()
assert len(units) == 2 * (1 + 2 * 3)
value = {u[:3]: u[3:] for u in units}
documents = sorted({u[2] for u in units})
mean = lambda x: sum(x) / len(x)
for r in rows:  # the table again, from what each document says
    m = ('log_likelihood', 'importance_all', 'importance_content', 'length').index(r['measure'])
    change = lambda e, draw, d: value[e, draw, d][m] - (value['none', -1, d][m] if m in (0, 3) else 0)
    each = []
    for d in documents:
        if r['heads'] == 'none':
            each.append(value['none', -1, d][m])
        else:
            parts = {'chosen': change(r['edit'], -1, d), 'random': mean([change(r['edit'], k, d) for k in (0, 1)])}
            parts['difference'] = parts['chosen'] - parts['random']
            each.append(parts[r['heads']])
    assert abs(r['value'] - mean(each)) < 1e-12, r
END
    salient verify study && expect 0
    salient summarize study --with lead --lengths 4,8 && salient importance study && expect 0
    salient heads study --model "$MODEL" --by lead --permutations 0 --evidence received && expect 0
    salient "${ablate[@]}" --by lead --regenerate --limit 1
    expect 1
    grep -qF 'the summaries of lead were made by no local model (lead)' err
    salient "${ablate[@]}" --by smol --chat-template x
    usage_error ' ablate: --chat-template belongs to --regenerate' 'example: salient ablate mystudy --model model.gguf --regenerate'
}
