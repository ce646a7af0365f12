/* The document browser: a list with search, the text shaded by importance, the summaries beside it.
 *
 * A document's block holds, per protocol, its words and where they stand in the text, so that nothing is tokenised here. */
"use strict";

(() => {
    const { study, state, listeners, element, visible, nameOf, plural, count, fixed, segmented } = salient;
    const place = document.getElementById("browser");
    const blocks = [...document.querySelectorAll("script.document-data")];
    const documents = blocks.map((block) => JSON.parse(block.textContent));
    const view = { document: 0, a: 0, b: null, mode: "one", words: "content", tab: "summaries", pinned: null };
    let reading = null; /* what is on the screen: see readDocument */

    /* ---- the values of a document ---- */

    const protocolOf = (doc) => doc[state.protocol] || doc.strict;
    const summarizerOf = (doc, s) => doc.summarizers.find((entry) => entry.summarizer === s) || null;

    /* Per word index: how many summaries keep it; and of how many. why: the reason when there is no value. */
    function importanceOf(doc, s) {
        const entry = summarizerOf(doc, s);
        const name = study.summarizers[s] ? visible(study.summarizers[s].name) : "this summarizer";
        if (entry === null) return { of: 0, kept: new Map(), why: `${name} has no summary of this document` };
        const data = entry[state.protocol];
        if (!data) return { of: 0, kept: new Map(), why: `importance was not computed with the ${state.protocol} protocol` };
        const kept = new Map();
        for (let i = 0; i < data.kept.length; i += 2) kept.set(data.kept[i], data.kept[i + 1]);
        return { of: data.of, counted: data.counted, kept, why: data.of === 0 ? "no usable summary: all are refused or failed" : null };
    }

    /* Everything a redraw needs, looked up once. */
    function readDocument() {
        const doc = documents[view.document];
        const table = protocolOf(doc);
        const stop = table.stop === null ? null : new Set(table.stop);
        return {
            doc, table, stop, outside: new Set(table.outside),
            contentOnly: view.words === "content" && stop !== null,
            a: importanceOf(doc, view.a), b: view.b === null ? null : importanceOf(doc, view.b),
        };
    }

    const counted = (word) => !(reading.contentOnly && reading.stop.has(word));
    const share = (values, word) => values.of > 0 ? (values.kept.get(word) || 0) / values.of : null;

    /* ---- shaded text ---- */

    function paint(span, word, values) {
        if (!counted(word)) return;
        if (view.mode === "difference" && reading.b) {
            const a = share(reading.a, word), b = share(reading.b, word);
            if (a === null || b === null || a === b) return;
            span.classList.add(a > b ? "more-a" : "more-b");
            span.style.setProperty("--y", Math.abs(a - b).toFixed(3));
            if (Math.abs(a - b) > 0.6) span.classList.add("strong");
            return;
        }
        const y = share(values, word);
        if (y === null || y === 0) return;
        span.style.setProperty("--y", y.toFixed(3));
        span.classList.add("kept");
        if (y > 0.6) span.classList.add("strong");
    }

    /* Text cut at the words: [start, length, word, ...] in UTF-16 units; word -1 is in no table. */
    function spread(text, spans, dress) {
        const parts = [];
        let end = 0;
        for (let i = 0; i < spans.length; i += 3) {
            const [start, length, word] = [spans[i], spans[i + 1], spans[i + 2]];
            if (start > end) parts.push(text.slice(end, start));
            const span = element("span", { class: "w", "data-word": word }, text.slice(start, start + length));
            dress(span, word);
            parts.push(span);
            end = start + length;
        }
        if (end < text.length) parts.push(text.slice(end));
        return parts;
    }

    salient.documents = documents; /* for report_head_words.js, with spread */
    salient.spread = spread;

    function shadedText(values, label) {
        const text = element("div", {
            class: `text ${view.mode === "difference" ? "differing" : ""}`, tabindex: 0, role: "document", lang: reading.doc.language, dir: "auto",
            "aria-label": `Text of ${visible(reading.doc.id)}${label ? ", shaded by " + label : ""}. Arrow keys go from word to word, Enter marks one.`,
        }, ...spread(reading.doc.text, reading.table.spans, (span, word) => paint(span, word, values)));
        text.addEventListener("keydown", (event) => walk(event, text));
        return text;
    }

    /* Where in the text importance sits: mean over the words of each of 60 stretches. */
    function ribbon(values) {
        const bins = 60, sums = new Array(bins).fill(0), counts = new Array(bins).fill(0);
        const { spans } = reading.table, length = Math.max(1, reading.doc.text.length);
        for (let i = 0; i < spans.length; i += 3) {
            const y = counted(spans[i + 2]) ? share(values, spans[i + 2]) : null;
            if (y === null) continue;
            const bin = Math.min(bins - 1, Math.floor(spans[i] / length * bins));
            sums[bin] += y;
            counts[bin] += 1;
        }
        const svg = element("svg", { class: "ribbon", viewBox: `0 0 ${bins * 4} 24`, preserveAspectRatio: "none", role: "img",
            "aria-label": "Mean importance along the text, from its start to its end" });
        for (let bin = 0; bin < bins; bin++) {
            const height = counts[bin] ? Math.max(0.6, sums[bin] / counts[bin] * 24) : 0;
            svg.append(element("rect", { x: bin * 4, width: 3.2, y: 24 - height, height }));
        }
        return element("figure", { class: "along" }, svg,
            element("figcaption", {}, element("span", {}, "start"), element("span", {}, "mean importance along the text"), element("span", {}, "end")));
    }

    function legend() {
        if (view.mode === "difference" && reading.b) {
            return element("div", { class: "legend differing" }, element("span", {}, "more in ", nameOf(study.summarizers[view.a].name)),
                ...[1, 0.7, 0.4].map((y) => element("i", { class: "w more-a", "--y": y })), element("i", { class: "w" }),
                ...[0.4, 0.7, 1].map((y) => element("i", { class: "w more-b", "--y": y })), element("span", {}, "more in ", nameOf(study.summarizers[view.b].name)));
        }
        return element("div", { class: "legend" }, element("span", {}, "in no summary"),
            ...[0, 0.2, 0.4, 0.6, 0.8, 1].map((y) => element("i", { class: "w kept", "--y": y })), element("span", {}, "in every summary"));
    }

    /* ---- what a word says ---- */

    const strictIndexes = new WeakMap();
    /* Summaries know words by their strict index; find it for a word of either table. */
    function strictIndex(doc, word) {
        if (!strictIndexes.has(doc)) strictIndexes.set(doc, new Map(doc.strict.words.map((w, i) => [w, i])));
        const found = strictIndexes.get(doc).get(protocolOf(doc).words[word]);
        return found === undefined ? -1 : found;
    }

    const holds = (summary, strict) => {
        for (let i = 2; i < summary.spans.length; i += 3) if (summary.spans[i] === strict) return true;
        return false;
    };

    function explain(values, word) {
        if (values.why) return `– (${values.why})`;
        const n = values.kept.get(word) || 0;
        return values.counted ? `${n} of ${values.of} summaries: ${fixed(n / values.of)}` : `${fixed(n / values.of)}, as imported`;
    }

    /* One cell per summary, filled where the word is kept. */
    function strip(s, word) {
        const entry = summarizerOf(reading.doc, s), strict = strictIndex(reading.doc, word);
        if (entry === null || strict < 0 || entry.summaries.length > 40) return null;
        return element("span", { class: "strip" }, ...entry.summaries.map((summary) =>
            element("i", { class: holds(summary, strict) ? "on" : "" }, summary.length === null ? "•" : summary.length)));
    }

    function wordLines(word) {
        const kinds = [];
        if (reading.outside.has(word)) kinds.push("not a word of the document");
        if (reading.stop && reading.stop.has(word)) kinds.push("function word");
        const lines = [element("b", {}, element("bdi", {}, reading.table.words[word])), kinds.length ? element("em", {}, kinds.join(", ")) : null];
        for (const [s, values] of [[view.a, reading.a], [view.b, reading.b]]) {
            if (s === null || values === null) continue;
            lines.push(element("span", { class: "line" }, view.b === null ? null : nameOf(study.summarizers[s].name), view.b === null ? null : " ", explain(values, word)));
            lines.push(strip(s, word));
        }
        return lines.filter(Boolean);
    }

    const tip = document.getElementById("tip");
    function showTip(span) {
        const word = Number(span.dataset.word);
        if (!reading || word < 0) return hideTip();
        tip.replaceChildren(...wordLines(word));
        tip.hidden = false;
        const box = span.getBoundingClientRect(), size = tip.getBoundingClientRect();
        const left = Math.min(Math.max(8, box.left + box.width / 2 - size.width / 2), document.documentElement.clientWidth - size.width - 8);
        const top = box.top - size.height - 8 > 50 ? box.top - size.height - 8 : box.bottom + 8;
        tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    }
    const hideTip = () => { tip.hidden = true; };

    function pin(word) {
        view.pinned = view.pinned === word ? null : word;
        markPinned();
    }

    function markPinned() {
        const strict = view.pinned === null ? null : strictIndex(reading.doc, view.pinned);
        for (const span of place.querySelectorAll(".w[data-word]")) {
            const wanted = span.closest(".summary-text") ? strict : view.pinned;
            span.classList.toggle("pinned", view.pinned !== null && Number(span.dataset.word) === wanted);
        }
        for (const card of place.querySelectorAll(".summary-card")) {
            card.classList.toggle("without", view.pinned !== null && !card.querySelector(".pinned"));
        }
    }

    /* Arrow keys inside a text: the words are one stop of the tab order, not hundreds. */
    function walk(event, text) {
        const words = [...text.querySelectorAll(".w")];
        const at = words.findIndex((span) => span.classList.contains("cursor"));
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (event.key === "Escape") {
            words.forEach((span) => span.classList.remove("cursor"));
            view.pinned = null;
            markPinned();
            return hideTip();
        }
        if ((event.key === "Enter" || event.key === " ") && at >= 0) {
            event.preventDefault();
            return pin(Number(words[at].dataset.word));
        }
        if (!step || words.length === 0) return;
        event.preventDefault();
        const next = words[at < 0 ? 0 : Math.min(words.length - 1, Math.max(0, at + step))];
        if (at >= 0) words[at].classList.remove("cursor");
        next.classList.add("cursor");
        next.scrollIntoView({ block: "nearest" });
        showTip(next);
        document.getElementById("live").textContent = [...tip.children].filter((line) => !line.classList.contains("strip"))
            .map((line) => line.textContent).join(", ");
    }

    /* ---- beside the text ---- */

    function summaryCard(summary) {
        const asked = summary.length === null ? "as written" : `${count(summary.length)} asked`;
        const text = summary.text === "" ? element("p", { class: "summary-text empty" }, summary.error ? visible(summary.error) : "No text.")
            : element("p", { class: "summary-text", lang: reading.doc.language, dir: "auto" }, ...spread(summary.text, summary.spans, (span, word) => {
                if (word >= 0 && reading.strictOutside.has(word)) span.classList.add("novel");
            }));
        return element("li", { class: `summary-card is-${summary.status}` },
            element("header", {}, element("b", {}, asked), element("span", { class: "muted" }, plural(summary.words, "word")),
                summary.replica > 0 ? element("span", { class: "muted" }, `replica ${summary.replica}`) : null,
                summary.status === "ok" ? null : element("span", { class: `badge status-${summary.status}` }, summary.status)),
            text, summary.error && summary.text !== "" ? element("p", { class: "muted" }, visible(summary.error)) : null);
    }

    function summariesOf(s) {
        const entry = summarizerOf(reading.doc, s);
        if (entry === null || entry.summaries.length === 0) return element("p", { class: "muted" }, "No summary of this document.");
        return element("ol", { class: "summaries" }, ...entry.summaries.map(summaryCard));
    }

    function rankedWords(values) {
        if (values.why) return element("p", { class: "muted" }, `– (${values.why})`);
        const ranked = [...values.kept.entries()].filter(([word]) => counted(word))
            .sort((x, y) => y[1] - x[1] || (reading.table.words[x[0]] < reading.table.words[y[0]] ? -1 : 1)).slice(0, 40);
        return element("ol", { class: "ranked" }, ...ranked.map(([word, n]) => element("li", {},
            element("span", { class: `w ${reading.outside.has(word) ? "novel" : ""}`, "data-word": word }, reading.table.words[word]),
            element("i", { class: "meter", "--y": n / values.of, "aria-hidden": "true" }), element("small", {}, values.counted ? `${n} of ${values.of}` : fixed(n / values.of)))));
    }

    function sidePanel() {
        const both = view.b !== null && view.mode !== "one" ? [view.a, view.b] : [view.a];
        const draw = (s) => view.tab === "summaries" ? summariesOf(s) : rankedWords(s === view.a ? reading.a : reading.b);
        const panel = element("aside", { class: "side", "aria-label": "Summaries" },
            segmented("Beside the text", [{ value: "summaries", label: "Summaries" }, { value: "ranked", label: "Ranked words" }], view.tab,
                (tab) => { view.tab = tab; draw1(); }),
            ...both.map((s) => element("section", {}, element("h4", {}, nameOf(study.summarizers[s].name)), draw(s))));
        if (reading.doc.reference !== null && view.tab === "summaries") {
            panel.append(element("details", { class: "reference" }, element("summary", {}, "Human reference"), element("p", { dir: "auto" }, reading.doc.reference)));
        }
        return panel;
    }

    /* ---- the middle ---- */

    function documentHead() {
        const { doc, table, a } = reading;
        const inside = table.words.length - table.outside.length;
        const kept = [...a.kept.keys()].filter((word) => !reading.outside.has(word)).length;
        return element("header", { class: "document-head" },
            element("h3", {}, nameOf(doc.id), element("small", {}, nameOf(study.corpora[doc.corpus].name))),
            element("p", { class: "muted" }, `${plural(table.spans.length / 3, "word")}, ${count(inside)} different` +
                (a.why ? "" : `; ${count(kept)} kept at least once by `), a.why ? null : nameOf(study.summarizers[view.a].name)));
    }

    function notices() {
        const list = [];
        if (reading.stop === null && view.words === "content") list.push(`There is no stop list for “${visible(reading.doc.language)}”: content words are undefined, all words are shaded.`);
        for (const values of [reading.a, reading.b]) if (values && values.why) list.push(`No shading: ${values.why}.`);
        return list.map((text) => element("p", { class: "notice" }, text));
    }

    function texts() {
        if (view.mode === "side" && view.b !== null) {
            return element("div", { class: "pair" }, ...[[view.a, reading.a], [view.b, reading.b]].map(([s, values]) =>
                element("div", {}, element("h4", {}, nameOf(study.summarizers[s].name)), ribbon(values), shadedText(values, visible(study.summarizers[s].name)))));
        }
        return element("div", {}, view.mode === "difference" ? null : ribbon(reading.a), shadedText(reading.a, visible(study.summarizers[view.a].name)));
    }

    function draw1() {
        hideTip();
        reading = readDocument();
        reading.strictOutside = new Set(reading.doc.strict.outside);
        middle.replaceChildren(documentHead(), ...notices(), legend(), texts());
        side.replaceChildren(sidePanel());
        layoutBox.classList.toggle("wide", view.mode === "side" && view.b !== null);
        markPinned();
        remember();
    }

    /* ---- list and controls ---- */

    function listItem(doc, index) {
        const button = element("button", { type: "button", onclick: () => choose(index) },
            element("b", {}, nameOf(doc.id)), element("span", {}, element("bdi", {}, visible(doc.text.slice(0, 90).replace(/\s+/g, " ")))));
        return element("li", {}, button);
    }

    function choose(index) {
        view.document = index;
        view.pinned = null;
        const doc = documents[index];
        if (!summarizerOf(doc, view.a) && doc.summarizers.length) view.a = doc.summarizers[0].summarizer;
        selectA.value = view.a;
        items.forEach((item, i) => item.firstChild.setAttribute("aria-current", String(i === index)));
        const item = items[index];
        middle.scrollTop = side.scrollTop = 0;
        if (item) item.parentNode.scrollTop = Math.max(0, item.offsetTop - item.parentNode.clientHeight / 2);
        draw1();
    }

    function filterList(query) {
        const wanted = query.trim().toLowerCase();
        let found = 0;
        documents.forEach((doc, i) => {
            const hit = wanted === "" || doc.id.toLowerCase().includes(wanted) || doc.text.toLowerCase().includes(wanted);
            items[i].hidden = !hit;
            found += hit;
        });
        headings.forEach((heading, c) => { if (heading) heading.hidden = !documents.some((doc, i) => doc.corpus === c && !items[i].hidden); });
        foundLine.textContent = wanted === "" ? plural(documents.length, "document") : `${count(found)} of ${count(documents.length)}`;
    }

    function selector(label, first, change) {
        const select = element("select", { "aria-label": label, onchange: (event) => change(event.target.value) });
        if (first) select.append(element("option", { value: "" }, first));
        study.summarizers.forEach((s, i) => select.append(element("option", { value: i }, visible(s.name))));
        return select;
    }

    /* The address keeps what is on the screen, so that a view can be sent to a colleague. */
    function remember() {
        if (!started) return;
        const doc = documents[view.document];
        const parts = new URLSearchParams({ document: doc.id, corpus: study.corpora[doc.corpus].name, a: study.summarizers[view.a].name });
        if (view.b !== null) parts.set("b", study.summarizers[view.b].name);
        if (view.mode !== "one") parts.set("view", view.mode);
        if (view.tab !== "summaries") parts.set("tab", view.tab);
        try { history.replaceState(null, "", `#${parts}`); } catch (refused) { /* some viewers forbid it: nothing is lost */ }
    }

    function recall() {
        const parts = new URLSearchParams(location.hash.slice(1));
        if (!parts.has("document")) return false;
        const named = (name) => { const i = study.summarizers.findIndex((s) => s.name === name); return i < 0 ? null : i; };
        const found = documents.findIndex((doc) => doc.id === parts.get("document") &&
            (!parts.has("corpus") || study.corpora[doc.corpus].name === parts.get("corpus")));
        if (found >= 0) view.document = found;
        view.a = named(parts.get("a")) ?? view.a;
        view.b = named(parts.get("b"));
        if (["side", "difference"].includes(parts.get("view")) && view.b !== null) view.mode = parts.get("view");
        if (parts.get("tab") === "ranked") view.tab = "ranked";
        return found >= 0;
    }

    let started = false;
    const cut = study.corpora.filter((c) => c.shown < c.documents);
    document.getElementById("documents-note").textContent = cut.length === 0 ? "All documents of the study."
        : `Shown: ${cut.map((c) => `the first ${count(c.shown)} of ${count(c.documents)} documents of ${visible(c.name)}`).join(", ")}` +
          `${cut.length < study.corpora.length ? ", all of the others" : ""}. The tables below are over all of them.`;
    if (documents.length === 0 || study.summarizers.length === 0) {
        place.append(element("p", { class: "muted" }, "No documents to show."));
        return;
    }

    /* Begin with a model rather than a baseline: it is what people come for. */
    const model = study.summarizers.findIndex((s) => s.kind === "model" || s.kind === "endpoint");
    view.a = model >= 0 ? model : 0;
    const largest = study.corpora.reduce((best, corpus, c) => corpus.documents > study.corpora[best].documents ? c : best, 0);
    const firstOf = (wanted) => documents.findIndex((doc) => wanted(doc) && summarizerOf(doc, view.a));
    view.document = [firstOf((doc) => doc.corpus === largest), firstOf(() => true), 0].find((index) => index >= 0);
    const recalled = recall();

    const headings = study.corpora.map((corpus, c) => documents.some((doc) => doc.corpus === c)
        ? element("li", { class: "list-corpus" }, nameOf(corpus.name)) : null);
    const items = documents.map(listItem);
    const list = element("ol", { class: "document-list" });
    study.corpora.forEach((_, c) => list.append(...(headings[c] ? [headings[c]] : []), ...items.filter((_item, i) => documents[i].corpus === c)));
    const foundLine = element("span", { class: "muted", "aria-live": "polite" });
    const search = element("input", { type: "search", placeholder: "Search ids and texts", "aria-label": "Search documents", oninput: () => filterList(search.value) });
    const selectA = selector("Shaded by", null, (value) => { view.a = Number(value); draw1(); });
    const modes = element("div", {});
    const drawModes = () => modes.replaceChildren(segmented("View", [
        { value: "one", label: "One" }, { value: "side", label: "Side by side", disabled: view.b === null },
        { value: "difference", label: "Difference", disabled: view.b === null },
    ], view.mode, (mode) => { view.mode = mode; draw1(); }));
    const selectB = selector("Compared with", "no other", (value) => {
        view.b = value === "" ? null : Number(value);
        view.mode = view.b === null ? "one" : view.mode === "one" ? "side" : view.mode;
        drawModes();
        draw1();
    });
    const middle = element("div", { class: "reader" }), side = element("div", { class: "side-place" });
    const layoutBox = element("div", { class: "browser" },
        element("nav", { class: "list-panel", "aria-label": "Documents" }, search, foundLine, list), middle, side);
    place.append(element("div", { class: "toolbar no-print" },
        element("label", {}, element("span", {}, "Shaded by"), selectA), element("label", {}, element("span", {}, "compared with"), selectB), modes,
        segmented("Words", [{ value: "content", label: "Content words", title: "function words of the stop list are left unshaded" },
            { value: "all", label: "All words" }], view.words, (words) => { view.words = words; draw1(); })), layoutBox);

    place.addEventListener("pointerover", (event) => { const span = event.target.closest?.(".w[data-word]"); if (span && !span.closest(".summary-text")) showTip(span); else hideTip(); });
    place.addEventListener("pointerleave", hideTip);
    addEventListener("scroll", hideTip, { passive: true });
    place.addEventListener("click", (event) => {
        const span = event.target.closest(".w[data-word]");
        if (!span) return;
        const inSummary = span.closest(".summary-text") !== null;
        const word = inSummary ? reading.table.words.indexOf(reading.doc.strict.words[Number(span.dataset.word)]) : Number(span.dataset.word);
        if (word >= 0) pin(word);
    });
    list.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const open = [...list.querySelectorAll("li:not([hidden]) > button")];
        open[Math.min(open.length - 1, Math.max(0, open.indexOf(document.activeElement) + step))]?.focus();
    });

    selectB.value = view.b === null ? "" : view.b;
    drawModes();
    filterList("");
    choose(view.document);
    listeners.push(draw1);
    started = true;
    if (recalled) addEventListener("load", () => document.getElementById("documents").scrollIntoView());
})();
