/* How the summarizers of a corpus agree: a heat map in the order of their tree, the tree above it, what each keeps along the document,
 * and the numbers beside them. All of it is what `salient compare` stored. */
"use strict";

(() => {
    const { study, listeners, element, nameOf, fixed, percent, plural, segmented } = salient;
    const charts = salient.charts;
    if (!charts || !study.agreement.length) return;
    const redraw = [];
    const view = { words: "all", measure: "spearman", linkage: "average" };

    /* ---- what was stored ---- */

    const key = (...parts) => parts.join("\u0000");
    const rows = new Map(study.agreement.map((row) => [key(row.corpus, row.a, row.b, row.words, row.measure), row]));
    const find = (corpus, a, b, words, measure) => rows.get(key(corpus, a, b, words, measure)) || null;
    const namesOf = (corpus) => study.agreement.filter((row) => row.corpus === corpus && row.measure === "outside_document").map((row) => row.a);
    const pair = (corpus, a, b, measure) => find(corpus, ...(find(corpus, a, b, view.words, measure) ? [a, b] : [b, a]), view.words, measure);

    /* The tree as nodes: leaves 0 .. n-1 are `names`, in the order in which they were numbered. */
    function treeOf(corpus) {
        const steps = study.clusters.filter((s) => s.corpus === corpus && s.words === view.words && s.distance === view.measure && s.linkage === view.linkage);
        if (!steps.length) return null;
        const leaves = steps.length + 1;
        const names = new Array(leaves).fill(null);
        for (const step of steps) {
            /* Members are in order of number, so the one that is in neither merged child names a leaf. */
            const known = new Set([step.left, step.right].flatMap((child) => child >= leaves ? steps[child - leaves].members : []));
            const own = step.members.filter((name) => !known.has(name));
            const singles = [step.left, step.right].filter((child) => child < leaves).sort((a, b) => a - b);
            singles.forEach((leaf, i) => { names[leaf] = own[i]; });
        }
        const order = (node) => node < leaves ? [node] : [...order(steps[node - leaves].left), ...order(steps[node - leaves].right)];
        return { steps, names, leaves: order(2 * leaves - 2) };
    }

    /* ---- heat map and tree ---- */

    /* Each step as a bracket over the places of its leaves, support where it is known. */
    function brackets(tree) {
        const n = tree.leaves.length, place = new Array(2 * n - 1), height = new Array(2 * n - 1).fill(0);
        tree.leaves.forEach((leaf, i) => { place[leaf] = i; });
        const line = { x: [], y: [] }, marks = { x: [], y: [], text: [], label: [] };
        tree.steps.forEach((step, t) => {
            const [l, r] = [step.left, step.right], node = n + t;
            place[node] = (place[l] + place[r]) / 2;
            height[node] = step.height;
            line.x.push(place[l], place[l], place[r], place[r], null);
            line.y.push(height[l], step.height, step.height, height[r], null);
            marks.x.push(place[node]);
            marks.y.push(step.height);
            marks.label.push(step.support === null ? "" : `${Math.round(100 * step.support)}`);
            marks.text.push(`distance ${fixed(step.height)}` + (step.support === null ? ", too few documents for support"
                : `, in ${percent(step.support)} of resamples`) + `<br>${charts.plain(step.members.join(", ").slice(0, 120))}`);
        });
        return [
            { type: "scatter", mode: "lines", ...line, yaxis: "y2", line: { color: charts.style("--soft"), width: 1.4 }, hoverinfo: "skip", showlegend: false },
            {
                type: "scatter", mode: "markers+text", x: marks.x, y: marks.y, yaxis: "y2", text: marks.label, hovertext: marks.text, textposition: "top right",
                textfont: { size: 10, color: charts.style("--soft") }, marker: { size: 6, color: charts.style("--blue") },
                hovertemplate: "%{hovertext}<extra></extra>", showlegend: false,
            },
        ];
    }

    function cells(corpus, names) {
        const value = (a, b) => { const row = pair(corpus, a, b, view.measure); return row && row.value !== null ? row.value : null; };
        const told = (a, b) => {
            const row = a === b ? null : pair(corpus, a, b, view.measure);
            if (!row) return charts.plain(a);
            const ceiling = pair(corpus, a, b, "ceiling_spearman");
            return `${charts.plain(a)} and ${charts.plain(b)}: ` + (row.value === null ? "undefined" : fixed(row.value)) +
                (row.low === null ? "" : ` (95 % interval ${fixed(row.low)} to ${fixed(row.high)})`) + `<br>${plural(row.documents, "document")}` +
                (view.measure === "spearman" && ceiling && ceiling.value !== null ? `, ceiling ${fixed(ceiling.value)}` : "");
        };
        return {
            z: names.map((a) => names.map((b) => a === b ? null : value(a, b))),
            text: names.map((a) => names.map((b) => { const v = a === b ? null : value(a, b); return v === null ? "" : fixed(v); })),
            hovertext: names.map((a) => names.map((b) => told(a, b))),
        };
    }

    /* From somewhat below the lowest step, so that the joints stay apart, to above the highest. */
    function heights(tree) {
        const all = tree.steps.map((step) => step.height), low = Math.min(...all), high = Math.max(...all, 0.01);
        return [Math.max(0, low - 0.6 * (high - low)), high + 0.25 * (high - low) + 0.04 * high];
    }

    function drawMap(plot, corpus) {
        const tree = treeOf(corpus);
        if (tree === null) return false;
        const names = tree.leaves.map((leaf) => tree.names[leaf]);
        const agree = view.measure === "spearman";
        const ticks = { tickvals: names.map((_, i) => i), ticktext: names.map(charts.shortName), fixedrange: true, showgrid: false };
        /* Tree and map each keep a height of their own, however many rows there are. */
        const tall = { tree: 120, map: Math.max(170, 30 * names.length), rest: 190 }, inner = tall.tree + tall.map + 20;
        plot.style.height = `${inner + tall.rest}px`;
        Plotly.react(plot, [{
            type: "heatmap", x: names.map((_, i) => i), y: names.map((_, i) => i), ...cells(corpus, names), hovertemplate: "%{hovertext}<extra></extra>",
            texttemplate: names.length <= 16 ? "%{text}" : "", textfont: { size: 11 }, xgap: 1, ygap: 1, colorscale: "Cividis", reversescale: !agree,
            colorbar: { thickness: 10, len: 0.6, y: 0.32, title: { text: agree ? "rho" : "nats", side: "top" }, tickfont: { color: charts.style("--soft") } },
        }, ...brackets(tree)], charts.layout({
            xaxis: { ...ticks, range: [-0.5, names.length - 0.5], tickangle: -40 },
            yaxis: { ...ticks, range: [names.length - 0.5, -0.5], domain: [0, tall.map / inner] },
            yaxis2: { domain: [1 - tall.tree / inner, 1], range: heights(tree), fixedrange: true, showgrid: false, zeroline: false, tickfont: { size: 10, color: charts.style("--soft") }, title: { text: agree ? "1 − rho" : "distance" } },
        }), charts.config);
        return true;
    }

    /* ---- position ---- */

    function drawPositions(plot, corpus) {
        const tenths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        const curve = (name) => tenths.map((i) => find(corpus, name, null, "", `share_position_${i}`)).map((row) => row ? row.value : null);
        const names = namesOf(corpus);
        plot.style.height = `${280 + 30 * Math.max(6, names.length)}px`;
        Plotly.react(plot, [{
            type: "scatter", mode: "lines", name: "all word types alike", x: tenths, y: curve("word types"), line: { color: charts.style("--soft"), width: 1, dash: "dot" },
            hovertemplate: "%{y:.0%}<extra>all word types alike</extra>",
        }, ...names.map((name, s) => ({
            type: "scatter", mode: "lines+markers", name: charts.shortName(name), x: tenths, y: curve(name),
            line: { color: charts.colours[s % charts.colours.length], dash: charts.dashes[s % charts.dashes.length], width: 2 },
            marker: { symbol: charts.symbols[s % charts.symbols.length], size: 6 }, hovertemplate: "tenth %{x}: %{y:.0%}<extra>%{fullData.name}</extra>",
        }))], charts.layout({
            xaxis: { title: { text: "tenth of the document in which a word first stands" }, dtick: 1 },
            yaxis: { title: { text: "share of importance" }, tickformat: ".0%", rangemode: "tozero" },
        }), charts.config);
    }

    /* ---- numbers ---- */

    const interval = (row) => row === null || row.value === null ? "–"
        : fixed(row.value) + (row.low === null ? row.documents < 20 ? " (n too small)" : "" : ` (${fixed(row.low)} – ${fixed(row.high)})`);

    function facts(corpus) {
        const alphas = [["llms", "models"], ["baselines", "baselines"], ["all", "all, the reference too"]]
            .map(([name, label]) => [label, interval(find(corpus, name, null, view.words, "alpha_interval"))]);
        const selves = study.agreement.filter((row) => row.corpus === corpus && row.measure === "self_spearman" && row.words === view.words)
            .map((row) => [row.b === null ? row.a : `${row.a}, ${row.b}`, interval(row)]);
        const fit = find(corpus, "all", null, view.words, `cophenetic_${view.measure}_${view.linkage}`);
        const list = (title, items) => element("div", {}, element("h4", {}, title),
            element("dl", { class: "pairs" }, ...items.flatMap(([term, value]) => [element("dt", {}, nameOf(term)), element("dd", {}, value)])));
        return [
            list("Krippendorff’s alpha", alphas),
            list("The same summarizer under another seed", selves),
            fit && fit.value !== null ? element("p", { class: "muted" }, `Cophenetic correlation of the tree: ${fixed(fit.value)}. Numbers in the tree: percent of resamples that have the node.`) : null,
        ];
    }

    /* ---- the section ---- */

    function drawCorpus(index) {
        const corpus = study.corpora[index].name;
        if (!namesOf(corpus).length) return;
        const map = element("div", { class: "plot" }), positions = element("div", { class: "plot" });
        const many = namesOf(corpus).length > 8 ? "chart whole" : "chart";
        const figure = element("figure", { class: many }, element("figcaption", {}, "Agreement of summarizers over the words of a document, in the order of their tree"), map);
        const numbers = element("div", { class: "agreement-facts" });
        const draw = () => {
            figure.hidden = !drawMap(map, corpus);
            drawPositions(positions, corpus);
            numbers.replaceChildren(...facts(corpus).filter(Boolean));
        };
        const choose = (field) => (value) => { view[field] = value; redraw.forEach((one) => one()); };
        document.getElementById(`corpus-${index}`).append(
            salient.part(index, "How the summarizers agree"),
            element("div", { class: "tools" },
                segmented("Words", [{ value: "all", label: "all words" }, { value: "content", label: "content words" }], view.words, choose("words")),
                segmented("Measure", [{ value: "spearman", label: "Spearman" }, { value: "js", label: "Jensen-Shannon" }], view.measure, choose("measure")),
                segmented("Linkage", [{ value: "average", label: "average" }, { value: "complete", label: "complete" }], view.linkage, choose("linkage"))),
            element("div", { class: "charts" }, figure,
                element("figure", { class: many }, element("figcaption", {}, "Where in the document the kept words stand"), positions)),
            numbers);
        redraw.push(draw);
        listeners.push(draw);
        draw();
    }

    study.corpora.forEach((_, i) => drawCorpus(i));
})();
