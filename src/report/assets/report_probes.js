/* Where importance can be read in hidden states: the curve of the probe over layers with its controls, what it adds to them, the online
 * code, the numbers of the best layer, and the words at which the best probe errs most. All of it is what `salient probe` stored. */
"use strict";

(() => {
    const { study, state, listeners, element, visible, nameOf, fixed, plural, segmented } = salient;
    const charts = salient.charts;
    if (!charts || !study.probes.length) return;

    /* ---- what was stored ---- */

    const key = (...parts) => parts.join("\u0000");
    const indexes = new WeakMap();
    function index(table) {
        if (!indexes.has(table)) {
            indexes.set(table, new Map(table.results.map(([words, control, layer, metric, value, low, high, documents]) =>
                [key(words, control, layer, metric), { words, control, layer, metric, value, low, high, documents }])));
        }
        return indexes.get(table);
    }
    const find = (table, words, control, layer, metric) => index(table).get(key(words, control, layer, metric)) || null;
    const layersOf = (table, control = "none") => [...new Set(table.results.filter((row) => row[1] === control && row[2] >= 0).map((row) => row[2]))].sort((a, b) => a - b);
    const known = (row) => row !== null && row.value !== null;
    const interval = (row) => !known(row) ? "–" : fixed(row.value) + (row.low === null ? row.documents < 20 ? " (n too small)" : "" : ` (${fixed(row.low)} – ${fixed(row.high)})`);

    /* ---- curves with bands ---- */

    /* One curve: the band of its interval first, then the line. points: [{x, row}] */
    function curve(name, points, look) {
        const shown = points.filter(({ row }) => known(row));
        if (!shown.length) return [];
        const x = shown.map((point) => point.x), bounded = shown.filter(({ row }) => row.low !== null);
        const band = bounded.length < 2 ? [] : [{
            type: "scatter", mode: "lines", x: [...bounded.map((p) => p.x), ...bounded.map((p) => p.x).reverse()],
            y: [...bounded.map((p) => p.row.high), ...bounded.map((p) => p.row.low).reverse()], fill: "toself", fillcolor: charts.faded(look.colour), line: { width: 0 },
            hoverinfo: "skip", showlegend: false, legendgroup: name,
        }];
        return [...band, {
            type: "scatter", mode: look.marker ? "lines+markers" : "lines", name, legendgroup: name, x, y: shown.map((p) => p.row.value),
            line: { color: look.colour, width: look.width || 1.6, dash: look.dash || "solid" }, marker: { size: 6, symbol: look.marker },
            text: shown.map((p) => interval(p.row)), hovertemplate: "%{text}<extra>%{fullData.name}</extra>",
        }];
    }

    const [blue, red, green, pink, amber, sky, brown, grey] = charts.colours;
    const overLayers = (table, words, control, metric) => layersOf(table, control).map((x) => ({ x, row: find(table, words, control, x, metric) }));
    const level = (table, row) => { const layers = layersOf(table); return layers.length ? [layers[0], layers[layers.length - 1]].map((x) => ({ x, row })) : []; };

    function drawCurves(plot, table, words) {
        const at = (control) => find(table, words, control, -1, "spearman");
        Plotly.react(plot, [
            ...curve("random weights", overLayers(table, words, "random", "spearman"), { colour: grey, dash: "dot", marker: "x" }),
            ...curve("random blocks, real embeddings", overLayers(table, words, "random-blocks", "spearman"), { colour: brown, dash: "dot", marker: "hexagon" }),
            ...curve("control task", overLayers(table, "all", "control-task", "spearman"), { colour: pink, dash: "dashdot", marker: "triangle-up" }),
            ...curve("frequency only", level(table, at("frequency")), { colour: sky, dash: "dot" }),
            ...curve("position only", level(table, at("position")), { colour: amber, dash: "longdash" }),
            ...curve("layer 0 (the word itself)", level(table, find(table, words, "none", 0, "spearman")), { colour: green, dash: "dash" }),
            ...curve("position, frequency and layer 0", level(table, at("surface")), { colour: red, dash: "longdashdot", width: 2 }),
            ...curve("probe", overLayers(table, words, "none", "spearman"), { colour: blue, marker: "circle", width: 2.6 }),
        ], charts.layout({ xaxis: { title: { text: "hidden state (0: embeddings)" } }, yaxis: { title: { text: "Spearman" } }, hovermode: "closest" }), charts.config);
    }

    const zero = (plot) => [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: plot, y1: plot, line: { color: charts.style("--soft"), width: 1 } }];

    function drawGains(plot, table, words) {
        const traces = [
            ...curve("gain over position, frequency and layer 0", overLayers(table, words, "surface", "gain"), { colour: red, marker: "square", width: 2 }),
            ...curve("selectivity: probe less control task", overLayers(table, "all", "control-task", "selectivity"), { colour: pink, marker: "triangle-up", width: 2 }),
        ];
        Plotly.react(plot, traces, charts.layout({ xaxis: { title: { text: "hidden state" } }, yaxis: { title: { text: "difference in Spearman" } }, shapes: zero(0) }), charts.config);
        return traces.length > 0;
    }

    function drawCode(plot, table) {
        const traces = curve("compression", overLayers(table, "all", "mdl", "compression"), { colour: green, marker: "diamond", width: 2 });
        Plotly.react(plot, traces, charts.layout({ xaxis: { title: { text: "hidden state" } }, yaxis: { title: { text: "times shorter than the prior’s code" } }, shapes: zero(1), showlegend: false }), charts.config);
        return traces.length > 0;
    }

    /* ---- in words ---- */

    const bestLayer = (table, words) => layersOf(table).filter((layer) => known(find(table, words, "none", layer, "spearman")))
        .reduce((a, b) => a === null || find(table, words, "none", b, "spearman").value > find(table, words, "none", a, "spearman").value ? b : a, null);

    function verdict(table, words) {
        const best = bestLayer(table, words) ?? -1, row = find(table, words, "none", best, "spearman");
        if (!known(row)) return "The probe is undefined here.";
        const gain = find(table, words, "surface", best, "gain"), selectivity = find(table, "all", "control-task", best, "selectivity"), random = find(table, words, "random", best, "spearman");
        const sentences = [`Importance can be read best in ${best < 0 ? "all states together" : `state ${best}`}: Spearman ${interval(row)} over ${plural(row.documents, "document")} the probe has not seen.`];
        const clear = (one) => one.low === null ? "" : one.low > 0 ? ", above 0" : one.high < 0 ? ", below 0" : ", not told apart from 0";
        if (known(gain)) sentences.push(`Over position, frequency and the word itself that is a gain of ${interval(gain)}${clear(gain)}.`);
        if (known(selectivity)) sentences.push(`Selectivity ${interval(selectivity)}${clear(selectivity)}.`);
        if (known(random)) sentences.push(`The same state of models that learnt nothing: ${interval(random)}.`);
        return sentences.join(" ");
    }

    const measures = [["spearman", "Spearman"], ["pearson", "Pearson"], ["mae", "mean absolute error"], ["ndcg@10", "NDCG@10"], ["kl", "KL divergence"], ["renyi@2", "Rényi divergence, order 2"],
        ["share_spearman", "Spearman ÷ ceiling"], ["share_pearson", "Pearson ÷ ceiling"]];

    function numbers(table, words) {
        const best = bestLayer(table, words) ?? -1;
        const rows = [["none", best, best < 0 ? "probe, all states" : `probe, state ${best}`], ["none", 0, "layer 0"], ["surface", -1, "position, frequency and layer 0"], ["position", -1, "position only"],
            ["frequency", -1, "frequency only"], ["random", best, `random weights, state ${best}`]]
            .filter(([control, layer], i) => (i === 0 || layer !== best || control !== "none") && known(find(table, words, control, layer, "spearman")));
        const shown = measures.filter(([metric]) => rows.some(([control, layer]) => known(find(table, words, control, layer, metric))));
        const cell = (row) => element("td", { class: `number ${known(row) ? "" : "undefined"}` }, known(row) ? fixed(row.value) : "–",
            known(row) && row.low !== null ? element("small", {}, `${fixed(row.low)} – ${fixed(row.high)}`) : known(row) && row.documents < 20 ? element("small", { class: "faint" }, "n too small") : null);
        return element("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Probe and controls" }, element("table", {},
            element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Reads from"), ...shown.map(([, label]) => element("th", { scope: "col", class: "number" }, label)))),
            element("tbody", {}, ...rows.map(([control, layer, label]) => element("tr", {}, element("th", { scope: "row" }, label), ...shown.map(([metric]) => cell(find(table, words, control, layer, metric))))))));
    }

    /* ---- words it gets wrong ---- */

    /* A word from the rank of its importance (circle) to that of its prediction (bar's other end). */
    function wrongWords(table) {
        const side = (title, wanted) => {
            const rows = table.words.filter(wanted).slice(0, 15);
            if (!rows.length) return null;
            return element("section", {}, element("h4", {}, title), element("ol", { class: "ranked wrong" }, ...rows.map(([word, documents, y, from, to, error]) =>
                element("li", { title: `mean rank among a document's words: importance ${fixed(from)}, predicted ${fixed(to)}; error ${fixed(error)} over ${documents} documents; mean importance ${fixed(y)}` },
                    element("span", { class: "w" }, element("bdi", {}, visible(word))),
                    element("i", { class: `span ${to > from ? "up" : "down"}`, "--from": Math.min(from, to), "--to": Math.max(from, to), "aria-hidden": "true" }),
                    element("small", {}, `${fixed(from)} → ${fixed(to)}`)))));
        };
        const both = [side("Taken for more important than they are", (row) => row[4] - row[3] >= 0.1), side("Taken for less important than they are", (row) => row[3] - row[4] >= 0.1)].filter(Boolean);
        return both.length ? [element("div", { class: "head-words" }, ...both),
            element("p", { class: "muted small" }, `Words of several documents with the largest error of ${table.words_layer < 0 ? "the probe" : `the probe of state ${table.words_layer}`}: mean rank of importance → mean rank of the prediction among a document’s words, 0 the least, 1 the most.`)] : [];
    }

    /* ---- the section ---- */

    const label = (table) => `${table.probe}${table.loss === "squares" ? "" : `, ${table.loss}`}${table.options ? ` (${table.options})` : ""}, ${table.model}, by ${table.summarizer}`;

    function drawCorpus(number) {
        const tables = study.probes.filter((table) => table.corpus === study.corpora[number].name);
        if (!tables.length) return;
        const view = { table: -1, words: "all" };
        let listed = [];
        const plots = [0, 1, 2].map(() => element("div", { class: "plot" }));
        const captions = ["Reading importance, state by state, beside controls", "What the probe adds: gain and selectivity", "Online code: above 1 the states tell more than the classes’ frequencies"];
        const figures = plots.map((plot, i) => element("figure", { class: i === 0 ? "chart whole" : "chart" }, element("figcaption", {}, captions[i]), plot));
        const words = element("p", {}), table = element("div", { class: "probe-numbers" }), wrong = element("figure", { class: "chart whole" });
        plots[0].style.height = "460px";
        const select = element("select", { class: "wide", "aria-label": "Probe and model", onchange: (event) => { view.table = Number(event.target.value); draw(); } });
        const section = element("div", {});

        function draw() {
            listed = tables.filter((one) => one.protocol === state.protocol);
            section.hidden = !listed.length;
            if (!listed.length) return;
            /* Begin with the one that has most to show: the most layers, then the most controls. */
            const much = (one) => layersOf(one).length * 1e6 + one.results.length;
            if (view.table < 0 || view.table >= listed.length) view.table = listed.reduce((a, _, i) => much(listed[i]) > much(listed[a]) ? i : a, 0);
            select.replaceChildren(...listed.map((one, i) => element("option", { value: String(i), selected: i === view.table }, visible(label(one)))));
            const chosen = listed[view.table], set = chosen.results.some((row) => row[0] === view.words) ? view.words : "all";
            drawCurves(plots[0], chosen, set);
            figures[0].hidden = layersOf(chosen).length < 2;
            figures[1].hidden = !drawGains(plots[1], chosen, set);
            figures[2].hidden = !drawCode(plots[2], chosen);
            words.textContent = (set === view.words ? "" : "Content words are undefined here, all words are shown. ") + verdict(chosen, set);
            table.replaceChildren(numbers(chosen, set));
            const list = wrongWords(chosen);
            wrong.hidden = !list.length;
            wrong.replaceChildren(element("figcaption", {}, "Where the best probe errs most"), ...list);
        }
        section.append(
            salient.part(number, "Where importance can be read in hidden states"),
            element("div", { class: "tools" }, select,
                segmented("Words", [{ value: "all", label: "all words" }, { value: "content", label: "content words" }], view.words, (value) => { view.words = value; draw(); })),
            words, element("div", { class: "charts" }, ...figures, wrong), table);
        document.getElementById(`corpus-${number}`).append(section);
        listeners.push(draw);
        draw();
    }

    study.corpora.forEach((_, i) => drawCorpus(i));
})();
