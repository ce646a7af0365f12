/* Two charts per corpus with plotly.js: reliability with intervals, and the length audit. Without plotly.js the tables say it all. */
"use strict";

(() => {
    const { study, state, listeners, element, visible, score, lengthsOf, summarizersOf, fixed } = salient;
    if (typeof Plotly === "undefined") return;

    /* Okabe and Ito's colours, distinguishable with any colour vision; a dash and a symbol each as a second sign. */
    const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f"];
    const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "x"];
    const dashes = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

    /* plotly.js reads a little markup in its texts: spell the characters that begin it. */
    const plain = (text) => visible(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    const shortName = (text) => plain(text.length > 26 ? text.slice(0, 25) + "…" : text);
    const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    function layout(extra) {
        const axis = { gridcolor: style("--line"), zeroline: false, linecolor: style("--line"), tickfont: { color: style("--soft") }, automargin: true };
        const { xaxis, yaxis, ...rest } = extra;
        return {
            paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true, separators: ".\u202f",
            font: { family: style("--sans"), size: 13, color: style("--ink") },
            margin: { l: 52, r: 16, t: 44, b: 44 }, hoverlabel: { font: { family: style("--sans"), size: 13 } },
            legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 } },
            modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--faint"), activecolor: style("--accent"), orientation: "v" },
            xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
        };
    }

    const config = {
        responsive: true, displaylogo: false, displayModeBar: "hover", scrollZoom: false, modeBarButtons: [["toImage", "resetScale2d"]],
        toImageButtonOptions: { format: "svg", filename: "salient" },
    };

    function lengthTraces(corpus, summarizers) {
        return summarizers.map((s) => {
            const lengths = lengthsOf(corpus, s);
            const entries = lengths.map((length) => score(corpus, s, "words_achieved", "", length));
            return {
                type: "scatter", mode: "lines+markers", name: shortName(study.summarizers[s].name),
                x: lengths, y: entries.map((e) => e.value),
                line: { color: colours[s % colours.length], dash: dashes[s % dashes.length], width: 2 },
                marker: { symbol: symbols[s % symbols.length], size: 7 },
                hovertemplate: "asked %{x}, achieved %{y:.1f}<extra>%{fullData.name}</extra>",
            };
        }).filter((trace) => trace.x.length > 0);
    }

    function drawLengths(place, corpus, summarizers) {
        const traces = lengthTraces(corpus, summarizers);
        if (traces.length === 0) return false;
        const longest = Math.max(...traces.map((t) => Math.max(...t.x)));
        traces.unshift({
            type: "scatter", mode: "lines", x: [0, longest], y: [0, longest], name: "as asked", hoverinfo: "skip",
            line: { color: style("--soft"), width: 1, dash: "dot" },
        });
        Plotly.react(place, traces, layout({
            xaxis: { title: { text: "words asked for" }, rangemode: "tozero" }, yaxis: { title: { text: "words achieved (mean)" }, rangemode: "tozero" },
        }), config);
        return true;
    }

    /* One mark per summarizer: filled for all words, open for content words. Nested ones stand on paler ground. */
    function reliabilityTrace(corpus, summarizers, words, offset) {
        const rows = summarizers.map((s, i) => ({ s, i, entry: score(corpus, s, `reliability_${state.correlation}`, words) }))
            .filter((row) => row.entry && row.entry.value !== null);
        const bounded = (row) => row.entry.low !== null && row.entry.high !== null;
        const colour = words === "all" ? style("--blue") : style("--orange");
        return {
            type: "scatter", mode: "markers", name: words === "all" ? "all words" : "content words",
            x: rows.map((row) => row.entry.value), y: rows.map((row) => row.i + offset),
            error_x: {
                type: "data", symmetric: false, thickness: 1.6, width: 4, color: colour,
                array: rows.map((row) => bounded(row) ? row.entry.high - row.entry.value : 0),
                arrayminus: rows.map((row) => bounded(row) ? row.entry.value - row.entry.low : 0),
            },
            marker: { size: 11, color: colour, symbol: words === "all" ? "circle" : "diamond", line: { width: 1.5, color: style("--page") } },
            text: rows.map((row) => `${plain(study.summarizers[row.s].name)}, ${words} words: ${fixed(row.entry.value)}` +
                (bounded(row) ? ` (95 % interval ${fixed(row.entry.low)} to ${fixed(row.entry.high)})` : ", n too small for an interval") +
                (study.summarizers[row.s].nested ? "<br>nested texts: high by construction" : "")),
            hovertemplate: "%{text}<extra></extra>",
        };
    }

    function drawReliability(place, corpus, summarizers) {
        const traces = [reliabilityTrace(corpus, summarizers, "all", -0.13), reliabilityTrace(corpus, summarizers, "content", 0.13)]
            .filter((trace) => trace.x.length > 0);
        if (traces.length === 0) return false;
        const lowest = Math.min(0, ...traces.map((t) => Math.min(...t.x.map((x, k) => x - t.error_x.arrayminus[k]))));
        Plotly.react(place, traces, layout({
            xaxis: { title: { text: `reliability (${state.correlation === "pearson" ? "Pearson" : "Spearman"})` }, range: [Math.max(-1, lowest - 0.04), 1.04] },
            yaxis: {
                tickvals: summarizers.map((_, i) => i), range: [summarizers.length - 0.5, -0.5], fixedrange: true,
                ticktext: summarizers.map((s) => shortName(study.summarizers[s].name) + (study.summarizers[s].nested ? " (nested)" : "")),
            },
        }), config);
        return true;
    }

    function drawCharts(index) {
        const corpus = study.corpora[index].name;
        const place = document.getElementById(`charts-${index}`);
        const summarizers = summarizersOf(corpus);
        if (!place.firstChild) {
            for (const title of ["Reliability of importance", "Length audit: asked and achieved"]) {
                place.append(element("figure", { class: "chart" }, element("figcaption", {}, title),
                    element("div", { class: "plot" })));
            }
        }
        const [reliability, lengths] = place.querySelectorAll(".plot");
        reliability.style.height = lengths.style.height = `${Math.max(300, 130 + 46 * summarizers.length)}px`;
        reliability.parentNode.hidden = !drawReliability(reliability, corpus, summarizers);
        lengths.parentNode.hidden = !drawLengths(lengths, corpus, summarizers);
    }

    const drawAll = () => study.corpora.forEach((_, i) => drawCharts(i));
    salient.drawCharts = drawCharts;
    const faded = (colour) => `rgba(${[1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)).join(",")},.16)`; /* for bands */
    salient.charts = { layout, config, plain, shortName, style, colours, symbols, dashes, faded }; /* for the files that follow */
    listeners.push(drawAll);
    drawAll();
    addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach((plot) => plot.data && Plotly.Plots.resize(plot)));
})();
