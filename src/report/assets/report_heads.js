/* Which attention heads follow importance: a map of layers and heads with a switch for evidence, words and metric, the same map with
 * position and term frequency held constant, the null heads beside them, models side by side by relative depth, and the words of the
 * head that is chosen (report_head_words.js). */
"use strict";

(() => {
    const { study, state, listeners, element, fixed, percent, plural, segmented } = salient;
    const charts = salient.charts;
    if (!charts || !study.heads.length) return;

    const metrics = [
        { value: "spearman", label: "Spearman" }, { value: "kl_normalized", label: "normalised KL" }, { value: "ndcg@10", label: "NDCG@10" },
        { value: "js", label: "Jensen-Shannon" }, { value: "partial_position", label: "given position" },
    ];
    const partial = "partial_position_frequency";
    const isNull = (row) => row.length === 1;
    const headName = (row) => isNull(row) ? row[0].replace("_", " ") : `layer ${row[0]}, head ${row[1]}`;

    /* ---- one map ---- */

    /* Rows of a table as a matrix: layers upwards, heads across. */
    function matrix(table, numbers) {
        const layers = [...new Set(table.rows.filter((row) => !isNull(row)).map((row) => row[0]))];
        const place = new Map(layers.map((layer, i) => [layer, i]));
        const cells = layers.map(() => []);
        table.rows.forEach((row, i) => { if (!isNull(row)) cells[place.get(row[0])][row[1]] = numbers(i); });
        return { layers, cells };
    }

    function told(table, words, metric, i) {
        const set = table[words], m = set[metric], z = set.fisher_z;
        const value = m.value[i] === null ? "undefined" : fixed(m.value[i]);
        const range = m.low[i] === null ? "" : ` (95 % interval ${fixed(m.low[i])} to ${fixed(m.high[i])})`;
        const p = z.p_family[i] === null ? "" : `<br>family-wise p ${fixed(z.p_family[i], 3)}` + (z.q[i] === null ? "" : `, q ${fixed(z.q[i], 3)}`);
        return `${headName(table.rows[i])}: ${value}${range}${p}`;
    }

    function drawMap(plot, table, words, metric) {
        const set = table[words];
        const { layers, cells } = matrix(table, (i) => set[metric].value[i]);
        const text = matrix(table, (i) => told(table, words, metric, i)).cells;
        const known = cells.flat().filter((v) => v !== null);
        const edge = Math.max(...known.map(Math.abs), 0.01);
        const signed = metric !== "js" && metric !== "ndcg@10";
        const kept = table.rows.map((row, i) => [row, i]).filter(([row, i]) => !isNull(row) && set.fisher_z.p_family[i] !== null && set.fisher_z.p_family[i] <= 0.05);
        plot.style.height = `${170 + 15 * layers.length}px`;
        Plotly.react(plot, [{
            type: "heatmap", z: cells, y: layers.map((_, i) => i), hovertext: text, hovertemplate: "%{hovertext}<extra></extra>", xgap: 1, ygap: 1,
            colorscale: signed ? "RdBu" : "Cividis", reversescale: signed, ...(signed ? { zmin: -edge, zmax: edge } : {}),
            colorbar: { thickness: 10, tickfont: { color: charts.style("--soft") } },
        }, {
            type: "scatter", mode: "markers", x: kept.map(([row]) => row[1]), y: kept.map(([row]) => layers.indexOf(row[0])), hoverinfo: "skip", showlegend: false,
            marker: { symbol: "circle", size: 8, color: "#ffffff", line: { width: 1.5, color: "#1c1d21" } },
        }], charts.layout({
            xaxis: { title: { text: "head" }, fixedrange: true, showgrid: false, dtick: Math.ceil(cells[0].length / 16) },
            yaxis: { title: { text: "layer" }, fixedrange: true, showgrid: false, tickvals: layers.map((_, i) => i).filter((i) => i % Math.ceil(layers.length / 16) === 0), ticktext: layers.filter((_, i) => i % Math.ceil(layers.length / 16) === 0) },
        }), charts.config);
    }

    /* ---- in words, and the nulls ---- */

    const interval = (m, i, documents) => m.value[i] === null ? "–"
        : fixed(m.value[i]) + (m.low[i] === null ? documents < 20 ? " (n too small)" : "" : ` (${fixed(m.low[i])} – ${fixed(m.high[i])})`);

    function verdict(table, words) {
        const set = table[words], heads = table.rows.map((_, i) => i).filter((i) => !isNull(table.rows[i]));
        const nulls = table.rows.map((_, i) => i).filter((i) => isNull(table.rows[i]) && set.spearman.value[i] !== null);
        const tested = heads.filter((i) => set.fisher_z.p_family[i] !== null);
        const kept = tested.filter((i) => set.fisher_z.p_family[i] <= 0.05);
        const naive = heads.filter((i) => set.spearman.p_naive[i] !== null && set.spearman.p_naive[i] <= 0.05).length;
        const best = nulls.reduce((a, b) => a === null || set.spearman.value[b] > set.spearman.value[a] ? b : a, null);
        const above = best === null ? 0 : heads.filter((i) => set.spearman.value[i] > set.spearman.value[best]).length;
        const sentences = [];
        if (!tested.length) sentences.push("No test was made.");
        else sentences.push(`${kept.length || "None"} of ${plural(heads.length, "head")} ${kept.length > 1 ? "follow" : "follows"} importance beyond position and term frequency (family-wise p ≤ .05, circles). A naive test would have named ${naive}.`);
        if (best !== null) sentences.push(`Of the heads that know nothing, ${headName(table.rows[best])} has the largest rho, ${fixed(set.spearman.value[best])}; ${above === 0 ? "no head is" : plural(above, "head") + (above === 1 ? " is" : " are")} above it.`);
        if (set.tied !== null) sentences.push(`${percent(set.tied)} of the importance values are shared by several words.`);
        return sentences.join(" ");
    }

    /* What a head that knows nothing scores; undefined has a reason. */
    function nulls(table, words) {
        const set = table[words];
        const rho = (i) => set.spearman.value[i] === null ? "n/a: the same for every word" : interval(set.spearman, i, table.documents);
        const rest = (i) => set[partial].value[i] !== null ? interval(set[partial], i, table.documents) : set.spearman.value[i] === null ? "n/a" : "explained by them";
        return element("div", { class: "table-wrap nulls" }, element("table", {},
            element("thead", {}, element("tr", {}, ...["Heads that know nothing", "Spearman", "position and frequency held constant"].map((head, i) => element("th", { scope: "col", class: i ? "number" : "" }, head)))),
            element("tbody", {}, ...table.rows.flatMap((row, i) => isNull(row)
                ? [element("tr", {}, element("th", { scope: "row" }, headName(row)), element("td", { class: "number" }, rho(i)), element("td", { class: "number" }, rest(i)))]
                : []))));
    }

    /* ---- models by relative depth ---- */

    const partialOf = (table, words) => matrix(table, (i) => table[words][partial].value[i]);
    const depths = (layers) => { const last = Math.max(...layers, 1); return layers.map((layer) => layer / last); };

    function drawDepth(plot, tables, words) {
        Plotly.react(plot, tables.map((table, t) => {
            const { layers, cells } = partialOf(table, words);
            return {
                type: "scatter", mode: "lines+markers", name: charts.shortName(table.model), x: depths(layers),
                y: cells.map((row) => row.every((v) => v === null) ? null : Math.max(...row.filter((v) => v !== null))),
                line: { color: charts.colours[t % charts.colours.length], dash: charts.dashes[t % charts.dashes.length], width: 2 },
                marker: { symbol: charts.symbols[t % charts.symbols.length], size: 6 }, hovertemplate: "depth %{x:.2f}: %{y:.2f}<extra>%{fullData.name}</extra>",
            };
        }), charts.layout({ xaxis: { title: { text: "relative depth of the layer" } }, yaxis: { title: { text: "best head, partial" } } }), charts.config);
    }

    /* A map for each model on one scale, layers at their relative depth; heads of two models do not correspond, so each layer's come from
     * the largest to the least. */
    function drawBeside(plot, tables, words) {
        const maps = tables.map((table) => ({ table, ...partialOf(table, words), named: matrix(table, (i) => told(table, words, partial, i)).cells }));
        const edge = Math.max(...maps.flatMap((map) => map.cells.flat()).filter((v) => v !== null).map(Math.abs), 0.01);
        const gap = 0.06, width = (1 - gap * (maps.length - 1)) / maps.length, axes = {}, titles = [];
        const traces = maps.map((map, m) => {
            const orders = map.cells.map((row) => row.map((_, h) => h).filter((h) => row[h] !== undefined && row[h] !== null).sort((a, b) => row[b] - row[a]));
            const start = m * (width + gap), suffix = m === 0 ? "" : String(m + 1);
            const heads = Math.max(...map.cells.map((row) => row.length));
            axes[`xaxis${suffix}`] = { ...charts.layout({ xaxis: {} }).xaxis, domain: [start, start + width], range: [0.5, heads + 0.5], fixedrange: true, showgrid: false,
                title: { text: "heads of a layer, best first" }, dtick: Math.ceil(heads / 8), tick0: 1 };
            titles.push({ text: charts.shortName(map.table.model), x: start + width / 2, xref: "paper", y: 1, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 13 } });
            return {
                type: "heatmap", xaxis: `x${suffix}`, x: Array.from({ length: heads }, (_, h) => h + 1), y: depths(map.layers), z: map.cells.map((row, l) => orders[l].map((h) => row[h])),
                hovertext: map.named.map((row, l) => orders[l].map((h) => `${charts.plain(map.table.model)}, ${row[h]}`)), hovertemplate: "%{hovertext}<extra></extra>",
                zmin: -edge, zmax: edge, colorscale: "RdBu", reversescale: true, xgap: 1, ygap: 1, showscale: m === maps.length - 1,
                colorbar: { thickness: 10, tickfont: { color: charts.style("--soft") } },
            };
        });
        plot.style.height = "480px";
        const { xaxis, ...rest } = charts.layout({ yaxis: { title: { text: "relative depth" }, fixedrange: true, showgrid: false }, annotations: titles });
        Plotly.react(plot, traces, { ...rest, ...axes }, charts.config);
    }

    /* ---- the section ---- */

    /* Begin with the table that has most to say: attention received, then the most heads that survive. */
    function firstTable(tables) {
        const kept = (table) => (table.content || table.all).fisher_z.p_family.filter((p, i) => p !== null && p <= 0.05 && !isNull(table.rows[i])).length;
        const order = tables.map((_, i) => i).sort((a, b) => (tables[b].evidence === "received") - (tables[a].evidence === "received") || kept(tables[b]) - kept(tables[a]));
        return order[0] ?? 0;
    }

    function drawCorpus(index) {
        const corpus = study.corpora[index].name;
        const tables = study.heads.filter((table) => table.corpus === corpus);
        if (!tables.length) return;
        const view = { table: -1, words: "content", metric: "spearman", row: null };
        const wordsView = { sample: 0, scale: "rank", content: true };
        const label = (table) => `${table.evidence}${table.options ? ` (${table.options})` : ""}, ${table.model}, by ${table.summarizer}`;
        const left = element("div", { class: "plot" }), right = element("div", { class: "plot" }), depth = element("div", { class: "plot" });
        const words = element("p", {}), beside = element("div", {});
        const besidePlot = element("div", { class: "plot" }), wordsPlace = element("div", {});
        const depthFigure = element("figure", { class: "chart whole" }, element("figcaption", {}, "Models side by side: the best head of each layer, position and frequency held constant"), depth);
        const besideFigure = element("figure", { class: "chart whole" }, element("figcaption", {}, "Heads of several models at relative depth, position and frequency held constant (Spearman)"), besidePlot);
        const headSelect = element("select", { class: "wide", "aria-label": "Head", onchange: (event) => { view.row = Number(event.target.value); drawWords(); } });
        const select = element("select", { class: "wide", "aria-label": "Evidence and model", onchange: (event) => { view.table = Number(event.target.value); view.row = null; draw(); } });
        const section = element("div", {});
        let listed = [];

        /* Tables of the protocol chosen for the page. */
        function list() {
            listed = tables.filter((table) => table.protocol === state.protocol);
            if (view.table < 0 || view.table >= listed.length) view.table = firstTable(listed);
            select.replaceChildren(...listed.map((table, i) => element("option", { value: String(i), selected: i === view.table }, label(table))));
            section.hidden = !listed.length;
        }

        /* ---- a head's words ---- */

        const setOf = (table) => table[view.words] ? view.words : "all";
        const best = (table, metric, most) => table.rows.map((_, i) => i).filter((i) => !isNull(table.rows[i]) && table[setOf(table)][metric].value[i] !== null)
            .sort((a, b) => table[setOf(table)][metric].value[b] - table[setOf(table)][metric].value[a]).slice(0, most);

        function listHeads(table) {
            const set = table[setOf(table)];
            const group = (label, rows, metric) => element("optgroup", { label }, ...rows.map((i) => element("option", { value: String(i), selected: i === view.row },
                `${headName(table.rows[i])} (${set[metric].value[i] === null ? "–" : fixed(set[metric].value[i])})`)));
            const strong = best(table, partial, 12), plain = best(table, "spearman", 12), nullRows = table.rows.map((_, i) => i).filter((i) => isNull(table.rows[i]));
            const known = new Set([...strong, ...plain, ...nullRows]);
            headSelect.replaceChildren(...(known.has(view.row) ? [] : [group("chosen on the map", [view.row], "spearman")]),
                group("strongest, position and frequency held constant", strong, partial), group("largest rho", plain, "spearman"), group("null heads", nullRows, "spearman"));
            headSelect.value = String(view.row);
        }

        function drawWords() {
            const table = listed[view.table];
            if (view.row === null) view.row = best(table, partial, 1)[0] ?? 0;
            wordsView.content = setOf(table) === "content";
            listHeads(table);
            wordsPlace.replaceChildren(...salient.headWords.draw(table, view.row, wordsView, (row) => headName(table.rows[row]), drawWords));
        }

        /* A click on a map chooses its head. */
        function choosable(plot) {
            if (plot.dataset.choosable) return;
            plot.dataset.choosable = "yes";
            plot.on("plotly_click", (event) => {
                const table = listed[view.table], { layers } = matrix(table, () => 0), point = event.points[0];
                const row = table.rows.findIndex((one) => !isNull(one) && one[0] === layers[point.y] && one[1] === point.x);
                if (row < 0) return;
                view.row = row;
                drawWords();
                wordsFigure.scrollIntoView({ block: "nearest", behavior: "smooth" });
            });
        }

        const wordsFigure = element("figure", { class: "chart whole words-figure" }, element("figcaption", {}, "A head’s words on a document (choose a head here, or click on a map)"),
            element("div", { class: "tools left" }, headSelect), wordsPlace);

        function draw() {
            list();
            if (!listed.length) return;
            const table = listed[view.table], set = table[view.words] ? view.words : "all";
            drawMap(left, table, set, view.metric);
            drawMap(right, table, set, partial);
            words.textContent = (set === view.words ? "" : "Content words are undefined here, all words are shown. ") + verdict(table, set);
            beside.replaceChildren(nulls(table, set));
            const others = listed.filter((other) => other.evidence === table.evidence && other.options === table.options && other.summarizer === table.summarizer && other[set]);
            depthFigure.hidden = besideFigure.hidden = others.length < 2;
            if (others.length >= 2) {
                drawBeside(besidePlot, others.slice(0, 4), set);
                drawDepth(depth, others, set);
            }
            choosable(left);
            choosable(right);
            drawWords();
        }
        section.append(
            salient.part(index, "Which attention heads follow importance"),
            element("div", { class: "tools" }, select,
                segmented("Words", [{ value: "all", label: "all words" }, { value: "content", label: "content words" }], view.words, (value) => { view.words = value; draw(); }),
                segmented("Metric", metrics, view.metric, (value) => { view.metric = value; draw(); })),
            words,
            element("div", { class: "charts" },
                element("figure", { class: "chart" }, element("figcaption", {}, "Each head against importance; circles: survives the test"), left),
                element("figure", { class: "chart" }, element("figcaption", {}, "The same, position and term frequency held constant (Spearman)"), right),
                wordsFigure, besideFigure, depthFigure),
            beside);
        document.getElementById(`corpus-${index}`).append(section);
        listeners.push(draw);
        draw();
    }

    study.corpora.forEach((_, i) => drawCorpus(i));
})();
