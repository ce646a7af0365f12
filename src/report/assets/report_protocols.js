/* Paper and strict beside each other, for importance, heads and probes: the numbers of both, and what each choice of the paper's protocol
 * changes when it alone is made. All of it is what `salient compare --protocols` stored. */
"use strict";

(() => {
    const { study, listeners, element, visible, nameOf, fixed, count, segmented } = salient;
    const charts = salient.charts;
    if (!charts || !study.protocols.length) return;

    /* ---- what was stored ---- */

    const rows = study.protocols.map(([stage, summarizer, model, variant, words, layer, head, factor, measure, value, low, high, documents, corpus]) =>
        ({ stage, summarizer, model, variant, words, layer, head, factor, measure, value, low, high, documents, corpus }));
    const key = (...parts) => parts.join("\u0000");
    const subjectKey = (row) => key(row.corpus, row.stage, row.summarizer, row.model, row.variant);
    const index = new Map(rows.map((row) => [key(subjectKey(row), row.words, row.layer, row.head, row.factor, row.measure), row]));
    const find = (subject, words, layer, head, factor, measure) => index.get(key(subjectKey(subject), words, layer, head, factor, measure)) || null;
    const subjectsOf = (corpus, stage) => [...new Map(rows.filter((row) => row.corpus === corpus && row.stage === stage).map((row) => [subjectKey(row), row])).values()];
    const ofSubject = (subject) => rows.filter((row) => subjectKey(row) === subjectKey(subject));
    const known = (row) => row !== null && row.value !== null;
    const signed = (value, digits = 2) => Math.abs(value) < 0.5 * 10 ** -digits ? fixed(0, digits) : (value > 0 ? "+" : "") + fixed(value, digits);
    const told = (row, change) => !known(row) ? "–" : (change ? signed : fixed)(row.value) + (row.low === null ? "" : ` (${(change ? signed : fixed)(row.low)} to ${(change ? signed : fixed)(row.high)})`);

    /* ---- tables ---- */

    function cell(row, change) {
        if (!known(row)) return element("td", { class: "number undefined" }, "–");
        const form = change ? signed : fixed;
        const clear = change && row.low !== null && (row.low > 0 || row.high < 0);
        return element("td", { class: `number ${clear ? "clear" : ""}`, title: String(row.value) }, form(row.value),
            row.low !== null ? element("small", {}, `${form(row.low)} to ${form(row.high)}`) : row.documents < 20 ? element("small", { class: "faint" }, "n too small") : null);
    }
    const whole = (row) => element("td", { class: "number" }, known(row) ? count(Math.round(row.value)) : "–");
    const table = (label, heads, lines) => element("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": label }, element("table", {},
        element("thead", {}, element("tr", {}, ...heads.map((head, i) => element("th", { scope: "col", class: i === 0 ? "" : "number" }, head)))), element("tbody", {}, ...lines)));

    function importance(corpus) {
        const subjects = subjectsOf(corpus, "importance");
        if (!subjects.length) return null;
        const at = (subject, factor, measure) => find(subject, measure === "records" || factor === "counts" ? "" : "all", -1, -1, factor, measure);
        const lines = subjects.map((s) => {
            const left = ["failed", "refused", "empty"].map((what) => [what, find(s, "", -1, -1, "records", what)]).filter(([, row]) => known(row) && row.value > 0);
            return element("tr", {}, element("th", { scope: "row" }, nameOf(s.summarizer)),
                element("td", { class: "number" }, `${count(at(s, "strict", "records")?.value ?? 0)} of ${count(at(s, "paper", "records")?.value ?? 0)}`,
                    left.length ? element("small", {}, left.map(([what, row]) => `${count(row.value)} ${what}`).join(", ")) : null),
                cell(at(s, "strict", "reliability_spearman")), cell(at(s, "paper", "reliability_spearman")),
                ...["records", "normalisation", "kept-words"].map((factor) => cell(at(s, factor, "reliability_change"), true)),
                cell(at(s, "paper", "changed")), cell(at(s, "paper", "agreement_spearman")));
        });
        return element("div", { class: "protocol-part" }, element("h4", {}, "Importance: reliability (Spearman) by both, and what each choice alone changes"),
            table("Importance by both protocols", ["Summarizer", "Records strict counts", "strict", "paper", "every record counts", "raw spelling", "kept words alone", "words whose importance changes", "Spearman with strict"], lines),
            element("p", { class: "muted small" }, "Every record: failed, refused and empty summaries count. Raw spelling: neither Unicode NFC nor folded apostrophes. Kept words alone: words that no summary keeps are left out, which conditions on being kept and biases the reliability down."));
    }

    /* ---- heads ---- */

    const headFactors = [["words", "which words"], ["values", "first occurrence, whole pieces"], ["occurrences", "first occurrence alone"], ["pieces", "whole pieces alone"], ["reference", "importance (reference)"], ["expressions", "formulas"], ["paper", "all together"]];
    const headMetrics = [{ value: "spearman", label: "Spearman" }, { value: "kl_normalized", label: "normalised KL" }, { value: "ndcg@10", label: "NDCG@10" }];

    function drawFactors(plot, subject, view) {
        const shown = headFactors.map(([factor, label]) => [label, find(subject, view.words, -1, -1, factor, `${view.metric}_change`)]).filter(([, row]) => known(row));
        const bounded = (row) => row.low !== null;
        Plotly.react(plot, [{
            type: "scatter", mode: "markers", x: shown.map(([, row]) => row.value), y: shown.map(([label]) => label), text: shown.map(([, row]) => told(row, true)), hovertemplate: "%{y}: %{text}<extra></extra>",
            error_x: { type: "data", symmetric: false, thickness: 1.6, width: 4, color: charts.style("--blue"), array: shown.map(([, row]) => bounded(row) ? row.high - row.value : 0), arrayminus: shown.map(([, row]) => bounded(row) ? row.value - row.low : 0) },
            marker: { size: 10, color: charts.style("--blue") },
        }], charts.layout({
            xaxis: { title: { text: "change from strict, mean over heads" } }, yaxis: { autorange: "reversed", fixedrange: true },
            shapes: [{ type: "line", x0: 0, x1: 0, y0: 0, y1: 1, yref: "paper", line: { color: charts.style("--soft"), width: 1 } }], showlegend: false,
        }), charts.config);
    }

    /* Every head once: its Spearman by both, from the tables of the report. */
    function drawBoth(plot, subject, view) {
        const of = (protocol) => study.heads.find((t) => t.corpus === subject.corpus && t.model === subject.model && t.summarizer === subject.summarizer && t.protocol === protocol &&
            t.evidence + (t.options ? ` ${t.options}` : "") === subject.variant && t[view.words] && t[view.words][view.metric]);
        const strict = of("strict"), paper = of("paper");
        if (!strict || !paper) return false;
        const name = (row) => row.length === 1 ? `null head: ${row[0].replace("_", " ")}` : `layer ${row[0]}, head ${row[1]}`;
        const places = new Map(paper.rows.map((row, i) => [name(row), i]));
        const points = strict.rows.map((row, i) => ({ row, x: strict[view.words][view.metric].value[i], y: paper[view.words][view.metric].value[places.get(name(row))] }))
            .filter((point) => typeof point.x === "number" && typeof point.y === "number");
        const ends = [Math.min(...points.flatMap((p) => [p.x, p.y])), Math.max(...points.flatMap((p) => [p.x, p.y]))];
        const trace = (title, wanted, look) => { const some = points.filter(wanted); return { type: "scatter", mode: "markers", name: title, x: some.map((p) => p.x), y: some.map((p) => p.y), text: some.map((p) => name(p.row)), hovertemplate: "%{text}: strict %{x:.2f}, paper %{y:.2f}<extra></extra>", marker: look }; };
        Plotly.react(plot, [
            { type: "scatter", mode: "lines", x: ends, y: ends, line: { color: charts.style("--soft"), width: 1, dash: "dot" }, hoverinfo: "skip", showlegend: false },
            trace("heads", (p) => p.row.length > 1, { size: 6, color: charts.style("--blue"), opacity: 0.6 }),
            trace("null heads", (p) => p.row.length === 1, { size: 10, symbol: "diamond", color: charts.style("--orange") }),
        ], charts.layout({ xaxis: { title: { text: "strict" } }, yaxis: { title: { text: "paper" } }, hovermode: "closest" }), charts.config);
        return true;
    }

    function firstHeads(subject, view) {
        const first = ofSubject(subject).filter((row) => row.measure === "rank" && row.factor === "paper" && row.words === view.words && known(row)).sort((a, b) => a.value - b.value);
        const lines = first.map((paper) => {
            const at = (factor, measure) => find(subject, view.words, paper.layer, paper.head, factor, measure), strict = at("strict", "rank");
            return element("tr", {}, element("th", { scope: "row" }, `layer ${paper.layer}, head ${paper.head}`), whole(paper), whole(strict),
                element("td", { class: "number" }, known(strict) ? signed(strict.value - paper.value, 0) : "–"), cell(at("paper", "spearman")), cell(at("strict", "spearman")),
                ...["words", "values", "reference"].map((factor) => cell(at(factor, "spearman_change"), true)), cell(at("partials", "spearman_change"), true));
        });
        const agreement = find(subject, view.words, -1, -1, "paper", "rank_agreement"), shared = find(subject, view.words, -1, -1, "paper", "first_ten_shared");
        return lines.length === 0 ? [] : [
            element("p", {}, (known(agreement) ? `The order of the heads by both protocols agrees with Spearman ${fixed(agreement.value)}` : "") + (known(shared) ? `; ${count(shared.value)} of the first ten of one are among the first ten of the other.` : ".")),
            table("The first ten heads of either protocol", ["The first ten of either", "rank, paper", "rank, strict", "shift", "Spearman, paper", "strict", "which words", "values", "reference", "given position and frequency"], lines),
        ];
    }

    function heads(corpus, register) {
        const subjects = subjectsOf(corpus, "heads");
        if (!subjects.length) return null;
        const view = { subject: Math.max(0, subjects.findIndex((s) => s.variant.startsWith("received"))), words: "content", metric: "spearman" };
        const plots = [0, 1].map(() => element("div", { class: "plot" })), list = element("div", {});
        const bothFigure = element("figure", { class: "chart" }, element("figcaption", {}, "Every head under both protocols"), plots[1]);
        const draw = () => {
            const subject = subjects[view.subject], words = known(find(subject, view.words, -1, -1, "strict", "spearman")) ? view.words : "all";
            drawFactors(plots[0], subject, { ...view, words });
            bothFigure.hidden = !drawBoth(plots[1], subject, { ...view, words });
            list.replaceChildren(...firstHeads(subject, { ...view, words }));
        };
        register(draw);
        return element("div", { class: "protocol-part" }, element("h4", {}, "Heads: what each choice of the paper’s protocol changes"),
            element("div", { class: "tools left" },
                element("select", { class: "wide", "aria-label": "Evidence and model", onchange: (event) => { view.subject = Number(event.target.value); draw(); } },
                    ...subjects.map((s, i) => element("option", { value: String(i), selected: i === view.subject }, visible(`${s.variant}, ${s.model}, by ${s.summarizer}`)))),
                segmented("Words", [{ value: "all", label: "all words" }, { value: "content", label: "content words" }], view.words, (value) => { view.words = value; draw(); }),
                segmented("Metric", headMetrics, view.metric, (value) => { view.metric = value; draw(); })),
            element("div", { class: "charts" }, element("figure", { class: "chart" }, element("figcaption", {}, "Change of a head’s score, one choice at a time"), plots[0]), bothFigure),
            list,
            element("p", { class: "muted small" }, "Which words: only those that both protocols have. On these, the paper’s values (the first occurrence; whole pieces between spaces), then the paper’s importance. First occurrence alone: words that both cut alike where they first stand. Whole pieces alone: words that occur once, so that first and all occurrences are the same. Given position and frequency: what holding both constant takes from the strict Spearman."));
    }

    /* ---- probes ---- */

    const probeFactors = [["split", "split: random pairs of document and word"], ["span", "span: sequence with the summary in it"], ["zero-words", "50 random words that no summary keeps"]];

    function band(x, some, colour) {
        const bounded = some.map((row, i) => ({ row, x: x[i] })).filter(({ row }) => row.low !== null);
        if (bounded.length < 2) return [];
        return [{ type: "scatter", mode: "lines", x: [...bounded.map((p) => p.x), ...bounded.map((p) => p.x).reverse()], y: [...bounded.map((p) => p.row.high), ...bounded.map((p) => p.row.low).reverse()],
            fill: "toself", fillcolor: charts.faded(colour), line: { width: 0 }, hoverinfo: "skip", showlegend: false }];
    }

    function lines(plot, subject, wanted, title, zero) {
        const traces = wanted.flatMap(([factor, measure, name], i) => {
            const some = ofSubject(subject).filter((row) => row.words === "all" && row.layer >= 0 && row.factor === factor && row.measure === measure && known(row)).sort((a, b) => a.layer - b.layer);
            const x = some.map((row) => row.layer), colour = charts.colours[i];
            return some.length === 0 ? [] : [...band(x, some, colour), {
                type: "scatter", mode: "lines+markers", name, x, y: some.map((row) => row.value), line: { color: colour, dash: charts.dashes[i], width: 2 }, marker: { symbol: charts.symbols[i], size: 6 },
                text: some.map((row) => told(row, zero)), hovertemplate: "state %{x}: %{text}<extra>%{fullData.name}</extra>",
            }];
        });
        Plotly.react(plot, traces, charts.layout({
            xaxis: { title: { text: "hidden state" } }, yaxis: { title: { text: title } },
            shapes: zero ? [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: 0, y1: 0, line: { color: charts.style("--soft"), width: 1 } }] : [],
        }), charts.config);
        return traces.length > 0;
    }

    function probes(corpus, register) {
        const subjects = subjectsOf(corpus, "probes");
        if (!subjects.length) return null;
        const view = { subject: 0 };
        const plots = [0, 1].map(() => element("div", { class: "plot" }));
        const figures = ["Spearman under both protocols", "What each choice alone adds"].map((caption, i) => element("figure", { class: "chart" }, element("figcaption", {}, caption), plots[i]));
        const draw = () => {
            const subject = subjects[view.subject];
            figures[0].hidden = !lines(plots[0], subject, [["strict", "spearman", "strict: documents never seen"], ["paper", "spearman", "paper: random pairs"]], "Spearman", false);
            figures[1].hidden = !lines(plots[1], subject, probeFactors.map(([factor, name]) => [factor, "spearman_change", name]), "change of Spearman", true);
        };
        register(draw);
        return element("div", { class: "protocol-part" }, element("h4", {}, "Probes: the gap between the protocols"),
            subjects.length < 2 ? null : element("div", { class: "tools left" }, element("select", { class: "wide", "aria-label": "Probe and model", onchange: (event) => { view.subject = Number(event.target.value); draw(); } },
                ...subjects.map((s, i) => element("option", { value: String(i) }, visible(`${s.variant}, ${s.model}, by ${s.summarizer}`))))),
            element("div", { class: "charts" }, ...figures));
    }

    /* ---- the section ---- */

    study.corpora.forEach((corpus, i) => {
        const draws = [];
        const parts = [importance(corpus.name), heads(corpus.name, (draw) => draws.push(draw)), probes(corpus.name, (draw) => draws.push(draw))].filter(Boolean);
        if (!parts.length) return;
        document.getElementById(`corpus-${i}`).append(salient.part(i, "Paper and strict beside each other"), ...parts);
        for (const draw of draws) {
            listeners.push(draw);
            draw();
        }
    });
})();
