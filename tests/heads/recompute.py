#!/usr/bin/env python3
"""Recompute `salient heads` from what `salient tap` and the exports show. See README.md. Standard library only."""
import array, json, math, re, struct, subprocess, sys, unicodedata
from bisect import bisect_left, bisect_right

SALIENT, STUDY, MODEL, BY, STOPWORDS, OPTIONS = sys.argv[1:7]
options = dict((o + '=').split('=')[:2] for o in OPTIONS.split())
layers = [int(l) for l in options['layers'].split(',')]
skip, min_queries = int(options.get('skip-first', 0)), int(options.get('min-queries', 0))
without = skip if 'renormalise' in options else 0  # keys that rows were renormalised without


def run(*args):
    return subprocess.run([SALIENT, *args, '-q'], check=True, capture_output=True, text=True).stdout


def rows(table, *more):
    return [json.loads(line) for line in run('export', STUDY, '--table', table, *more).split('\n') if line]


def tensors(path):
    with open(path, 'rb') as f:
        head = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        data = f.read()
    out = {}
    for name, v in head.items():
        if name != '__metadata__':
            x = array.array({'F32': 'f', 'I32': 'i'}[v['dtype']])
            x.frombytes(data[slice(*v['data_offsets'])])
            out[name] = (v['shape'], x)
    return out


# ---- words ------------------------------------------------------------------------------------------------------------------


def normal_paper(word, language):
    word = re.sub(r"[^\w\s']", '', word.lower().replace('`', "'"))
    if language == 'fr':
        word = unicodedata.normalize('NFD', word).encode('ascii', 'ignore').decode('ascii')
    return word


def occurrences(text, protocol, language):
    """(word, start, end) in bytes. The texts of this test are NFC and as long in lower case as they are."""
    place = [0]
    for c in text:
        place.append(place[-1] + len(c.encode()))
    if protocol == 'paper':
        found = [(normal_paper(m.group(), language), m.start(), m.end()) for m in re.finditer(r'\S+', text)]
        found = [f for f in found if f[0]]
    else:
        lower = text.replace('\u2019', "'").replace('\u2018', "'").lower()
        assert len(lower) == len(text) and unicodedata.normalize('NFC', text) == text
        found = [(m.group(), m.start(), m.end()) for m in re.finditer(r"\b[\w'-]+(?:\.\d+)?\b", lower)]
    return [(w, place[a], place[b]) for w, a, b in found]


stop_lists = {}


def is_stop_word(word, language):
    """In French one leading elision is dropped before the look-up."""
    if language not in stop_lists:
        with open(f'{STOPWORDS}/{language}.txt', encoding='utf-8') as f:
            stop_lists[language] = set(f.read().split('\n'))
    if language == 'fr':
        word = re.sub(r"^(?:jusqu|lorsqu|puisqu|qu|[cdjlmnst])'(?=.)", '', word)
    return word in stop_lists[language]


class Words:
    def __init__(self, text, protocol, language):
        self.total = 0
        self.first, self.count, self.spans, self.content = {}, {}, {}, {}
        raw = {}  # where the paper's French words begin: their form before they lost their accents
        if protocol == 'paper':
            raw = {start: word for word, start, _ in occurrences(text, protocol, '')}
        for word, start, end in occurrences(text, protocol, language):
            if word not in self.first:
                self.content[word] = not is_stop_word(raw.get(start, word), language)
            self.first.setdefault(word, self.total)
            self.count[word] = self.count.get(word, 0) + 1
            if protocol == 'strict' or word not in self.spans:
                self.spans.setdefault(word, []).append((start, end))
            self.total += 1
        self.types = list(self.first)


def importance_of(words, importance, protocol, language):
    y = {}
    for key in sorted(importance):
        y[normal_paper(key, language) if protocol == 'paper' else key] = importance[key]
    return [y.get(w, 0) for w in words]


# ---- statistics ---------------------------------------------------------------------------------------------------------------


def ranks(x):
    s = sorted(x)
    return [(bisect_left(s, v) + 1 + bisect_right(s, v)) / 2 for v in x]


def pearson(x, y):
    if len(x) < 2 or min(x) == max(x) or min(y) == max(y):
        return None
    mx, my = math.fsum(x) / len(x), math.fsum(y) / len(y)
    xy = math.fsum((a - mx) * (b - my) for a, b in zip(x, y))
    return xy / math.sqrt(math.fsum((a - mx) ** 2 for a in x) * math.fsum((b - my) ** 2 for b in y))


def incomplete_beta(a, b, x):
    """I_x(a, b) by the power series 26.5.4 of Abramowitz and Stegun; from the other side where that ends sooner."""
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    total, term, n = 1, 1, 0
    while term > 1e-18 * total:
        term *= x * (a + b + n) / (a + 1 + n)
        total, n = total + term, n + 1
    return total * math.exp(a * math.log(x) + b * math.log1p(-x) - math.log(a)
                            + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)) if x > 0 else 0


def student_upper(t, degrees):
    tail = incomplete_beta(degrees / 2, .5, degrees / (degrees + t * t)) / 2
    return tail if t > 0 else 1 - tail


def correlation_p(r, n):
    if r is None or n < 3:
        return None
    return 0 if abs(r) >= 1 else 2 * student_upper(abs(r) * math.sqrt((n - 2) / (1 - r * r)), n - 2)


def t_test(z):
    """One-sided p that the mean is above 0."""
    if len(z) < 2:
        return None
    mean = math.fsum(z) / len(z)
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in z) / (len(z) - 1) / len(z))
    return student_upper(mean / error, len(z) - 1) if error > 0 else None


def adjusted(p, dependent):
    """Benjamini-Hochberg or -Yekutieli: {key: q} of {key: p}."""
    order = sorted((k for k in p if p[k] is not None), key=lambda k: p[k])
    factor = math.fsum(1 / i for i in range(1, len(order) + 1)) if dependent else 1
    out, least = dict.fromkeys(p), 1
    for i in range(len(order), 0, -1):
        least = min(least, p[order[i - 1]] * len(order) * factor / i)
        out[order[i - 1]] = least
    return out


def fisher(r):
    return None if r is None else math.atanh(max(-1 + 1e-6, min(1 - 1e-6, r)))


def step(xy, xz, yz):
    if None in (xy, xz, yz) or 1 - xz * xz < 1e-12 or 1 - yz * yz < 1e-12:
        return None
    return (xy - xz * yz) / math.sqrt((1 - xz * xz) * (1 - yz * yz))


def kendall(x, y):
    n, c, tx, ty = len(x), 0, 0, 0
    for i in range(n):
        for j in range(i):
            a, b = (x[i] > x[j]) - (x[i] < x[j]), (y[i] > y[j]) - (y[i] < y[j])
            c, tx, ty = c + a * b, tx + (a == 0), ty + (b == 0)
    pairs = n * (n - 1) / 2
    return None if pairs in (tx, ty) else c / math.sqrt((pairs - tx) * (pairs - ty))


def unit(x):
    s = math.fsum(x)
    return [v / s for v in x] if s > 0 else [1 / len(x)] * len(x)


def clip(x):
    return unit([min(max(v, 1e-10), 1) for v in x])


def kl(p, q):
    return math.fsum(a * math.log(a / b) for a, b in zip(clip(p), clip(q)))


def renyi(p, q, alpha, strict):
    if strict:
        p, q = clip(p), clip(q)
    else:
        p, q = [v / (math.fsum(p) + 1e-12) for v in p], [v / (math.fsum(q) + 1e-12) for v in q]
    if any(a > 0 and b == 0 for a, b in zip(p, q)):
        return None
    return math.log(math.fsum(a ** alpha * b ** (1 - alpha) for a, b in zip(p, q) if a > 0)) / (alpha - 1)


def js(p, q):
    def half(a, m):
        return a * math.log(a / m) if a > 0 else 0
    return math.fsum((half(a, (a + b) / 2) + half(b, (a + b) / 2)) / 2 for a, b in zip(p, q))


def by_score(gain, score):
    """Gains in order of falling score; equal scores share their mean."""
    order = sorted(range(len(score)), key=lambda i: -score[i])
    out, i = [], 0
    while i < len(order):
        group = [k for k in range(i, len(order)) if score[order[k]] == score[order[i]]]
        out += [math.fsum(gain[order[k]] for k in group) / len(group)] * len(group)
        i += len(group)
    return out


def ndcg(rel, score, k):
    gain = [2 ** r - 1 for r in rel]
    dcg = [math.fsum(g / math.log2(i + 2) for i, g in enumerate(by_score(gain, s)[:k])) for s in (score, rel)]
    return dcg[0] / dcg[1] if dcg[1] > 0 else 0


def scores(protocol, y, x, position, frequency):
    strict, n = protocol == 'strict', len(y)
    p, q = unit(y), unit(x)
    a, b = (y, x) if strict else (p, q)
    ra, rb, rp, rf = ranks(a), ranks(b), ranks(position), ranks(frequency)
    rho = pearson(ra, rb)
    out = {'n': n, 'spearman': rho, 'spearman_p': correlation_p(rho, n), 'kendall': kendall(a, b), 'pearson': pearson(a, b),
           'mae': math.fsum(abs(u - v) for u, v in zip(a, b)) / n, 'kl': kl(p, q)}
    c = clip(p)
    out['kl_uniform'] = math.log(n) + math.fsum(v * math.log(v + 1e-10) for v in c)
    out['kl_normalized'] = 1 - out['kl'] / out['kl_uniform'] if out['kl_uniform'] > 1e-10 else None
    s = math.fsum(v * v for v in p) + 1e-12
    out['kl_power2'] = kl([v * v / s for v in p], q)
    for alpha, name in ((1.5, '1.5'), (2, '2'), (3, '3')):
        out['renyi@' + name] = renyi(p, q, alpha, strict)
    out['js'] = js(p, q)
    median = sorted(a)[(n - 1) // 2] / 2 + sorted(a)[n // 2] / 2
    relevant = [float(v > median) for v in a]
    hits = by_score(relevant, b)
    for k in (1, 3, 5, 10):
        found = math.fsum(hits[:k])
        out[f'precision@{k}'] = found / k if k <= n else None
        out[f'recall@{k}'] = None if k > n else found / sum(relevant) if sum(relevant) else 0
    for k in (5, 10):
        out[f'ndcg@{k}'] = ndcg(a, b, k)
    xp, yp, xf, yf, pf = pearson(rb, rp), pearson(ra, rp), pearson(rb, rf), pearson(ra, rf), pearson(rp, rf)
    out['partial_position'] = step(rho, xp, yp)
    out['partial_position_frequency'] = step(step(rho, xp, yp), step(xf, xp, pf), step(yf, yp, pf))
    return out


# ---- one document ------------------------------------------------------------------------------------------------------------


def document_scores(document, protocol, importance, idf):
    """{(evidence, set, row): {metric: value}}; row = (layer, head) or the name of a null head."""
    with open('text.txt', 'w', encoding='utf-8', newline='') as f:
        f.write(document['text'])
    run('tap', '--model', MODEL, '--text', 'text.txt', '--attention', '--skip-first', str(without), '-o', 'tap.safetensors')
    tap = tensors('tap.safetensors')
    offsets = tap['offsets'][1]
    L, H, T = tap['attention.received'][0]
    spans = [(offsets[2 * j], offsets[2 * j + 1]) for j in range(T)]
    words = Words(document['text'], protocol, document['language'])
    tokens = {w: [j for j, (a, b) in enumerate(spans) if skip <= j < T - min_queries
                  and any(a < e and b > s for s, e in words.spans[w])] for w in words.types}
    kept = [w for w in words.types if tokens[w]]
    y = importance_of(kept, importance, protocol, document['language'])

    def word_values(v):
        return unit([math.fsum(v[j] for j in tokens[w]) / len(tokens[w]) for w in kept])

    out = {}
    for evidence in ('received', 'exposure'):
        values = tap['attention.' + evidence][1]
        lines = {(l, h): word_values(values[(l * H + h) * T:(l * H + h + 1) * T]) for l in layers for h in range(H)}
        if evidence == 'received':
            lines['empty'] = word_values([math.fsum(1 / (i + 1 - without) for i in range(j, T)) if j >= without else 0
                                           for j in range(T)])
        lines['position'] = unit([words.total - words.first[w] for w in kept])
        lines['log_frequency'] = unit([math.log(words.count[w]) for w in kept])
        lines['tfidf'] = unit([words.count[w] * idf(w) for w in kept])
        for name in ('all', 'content'):
            inside = [i for i, w in enumerate(kept) if name == 'all' or words.content[w]]
            pick = lambda v: [v[i] for i in inside]
            for row, x in lines.items():
                out[evidence, name, row] = scores(protocol, pick(y), pick(x), pick([words.first[w] for w in kept]),
                                                  pick([words.count[w] for w in kept]))
            if 'empty' not in lines:  # constant under exposure
                out[evidence, name, 'empty'] = dict.fromkeys(out[evidence, name, 'position']) | {'n': len(inside)}
    return out


def close(a, b):
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-9 + 1e-9 * abs(b)


def each_document(metrics, document):
    """What the table over documents takes the mean of, beside the metrics themselves. The last digit of the hash decides the half."""
    z, rho = fisher(metrics['partial_position_frequency']), metrics['spearman']
    chooses = int(document['hash'][-1], 16) % 2 == 0
    halves = {'spearman': rho, 'fisher_z': z}
    out = {'fisher_z': z}
    for name, value in halves.items():
        if chooses:
            out[name + '_selected'] = value
        else:
            out[name + '_reported'] = value
    return metrics | out


class Comparison:
    def __init__(self):
        self.checked, self.wrong = 0, []

    def add(self, what, theirs, ours):
        self.checked += 1
        same = theirs is ours if theirs is None or ours is None else abs(theirs - ours) <= 1e-9 + 1e-9 * abs(ours)
        if not same:
            self.wrong.append((*what, theirs, ours))


def compare_documents(found, means):
    """Every number of `export --table heads --per-document`; collects what means are made of."""
    documents, told = rows('documents'), {}
    for r in rows('heads', '--per-document'):
        row = r['null'] if r['null'] is not None else (r['layer'], r['head'])
        if r['options'] == OPTIONS:
            told[r['protocol'], r['corpus'], r['document'], r['evidence'], r['words'], row, r['metric']] = r['value']
    importance = {}
    for r in rows('importance'):
        if r['summarizer'] == BY:
            importance.setdefault((r['protocol'], r['corpus'], r['document']), {})[r['word']] = r['importance']
    for protocol in ('strict', 'paper'):
        for document in documents:
            corpus = [Words(d['text'], protocol, d['language']) for d in documents if d['corpus'] == document['corpus']]
            idf = lambda w: math.log((1 + len(corpus)) / (1 + sum(w in d.count for d in corpus))) + 1
            name = document['corpus'], document['document']
            for (evidence, words, row), values in document_scores(document, protocol, importance[(protocol, *name)], idf).items():
                for metric, value in values.items():
                    key = (protocol, *name, evidence, words, row, metric)
                    found.add(key, told.pop(key), value)
                for metric, value in each_document(values, document).items():
                    means.setdefault((name[0], protocol, evidence, words, row, metric), []).append(value)
    assert not told, f'{len(told)} numbers were not recomputed, such as {next(iter(told))}'


def compare_table(found, means):
    """Means, documents and t-tests of `export --table heads`; intervals and permutations are drawn, and tested elsewhere."""
    tests = {}
    for r in rows('heads'):
        if r['options'] != OPTIONS:
            continue
        row = r['null'] if r['null'] is not None else (r['layer'], r['head'])
        key = (r['corpus'], r['protocol'], r['evidence'], r['words'], row, r['metric'])
        defined = [v for v in means.pop(key, []) if v is not None]
        found.add(key, r['value'], math.fsum(defined) / len(defined) if defined else None)
        found.add((*key, 'documents'), r['documents'], len(defined))
        if r['metric'] == 'fisher_z' and r['null'] is None:
            tests.setdefault(key[:4], {})[row] = (t_test(defined), r)
    assert not means, f'{len(means)} means are not in the table, such as {next(iter(means))}'
    for key, heads in tests.items():
        p = {row: p for row, (p, _) in heads.items()}
        q, q_by = adjusted(p, False), adjusted(p, True)
        for row, (_, r) in heads.items():
            for name, ours in (('p', p[row]), ('q', q[row]), ('q_by', q_by[row])):
                found.add((*key, row, name), r[name], ours)


def main():
    found, means = Comparison(), {}
    compare_documents(found, means)
    compare_table(found, means)
    print(f'{found.checked - len(found.wrong)} of {found.checked} values equal')
    for w in found.wrong[:10]:
        print(*w)
    sys.exit(bool(found.wrong) or found.checked < 10000)


main()
