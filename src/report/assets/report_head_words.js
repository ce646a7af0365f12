/* A head's words on a document: the text twice, shaded by importance and by what the head gives to each word, and the words that either
 * puts first. The block holds, for the first documents of a table, sixteen bits for each head and word: the logarithm of its value, 65535 the largest of
 * the head, 1 a hundred-millionth of it (head_words.c). */
"use strict";

salient.headWords = (() => {
    const { documents, spread, element, visible, nameOf, fixed, segmented } = salient;

    /* ---- values ---- */

    const decoded = new WeakMap();
    const shareOf = (level) => level === 0 ? 0 : Math.exp((level - 65535) / 65534 * Math.log(1e8));
    function sharesOf(sample) {
        if (!decoded.has(sample)) {
            const text = atob(sample.values), shares = new Float64Array(text.length >> 1);
            for (let i = 0; i < shares.length; i++) shares[i] = shareOf(text.charCodeAt(2 * i) + 256 * text.charCodeAt(2 * i + 1));
            decoded.set(sample, shares);
        }
        return decoded.get(sample);
    }

    /* Ranks among the words that count as shares, 0 least, 1 most; equal values share their mean. */
    function ranksOf(values, counted) {
        const order = values.map((_, i) => i).filter(counted).sort((a, b) => values[a] - values[b]);
        const ranks = new Array(values.length).fill(null);
        for (let first = 0; first < order.length;) {
            let next = first;
            while (next < order.length && values[order[next]] === values[order[first]]) next++;
            for (let i = first; i < next; i++) ranks[order[i]] = order.length > 1 ? (first + next - 1) / 2 / (order.length - 1) : 1;
            first = next;
        }
        return ranks;
    }

    function read(sample, row, content) {
        const n = sample.words.length, largest = sample.largest[row];
        const counted = (i) => !content || sample.content[i] !== 0;
        const head = Array.from(sharesOf(sample).subarray(row * n, row * n + n));
        const top = Math.max(...head.filter((_, i) => counted(i)), 1e-12); /* of the words that count: a function word may take most of a head */
        return { top, sample, largest, counted, head, y: sample.importance, headRanks: ranksOf(head, counted), yRanks: ranksOf(sample.importance, counted) };
    }

    const percent = (share) => `${fixed(100 * share, share < 0.01 ? 2 : 1)} %`;

    /* ---- texts ---- */

    /* By rank only the upper half is shaded: half of all words lie above any middle. */
    const strength = { rank: (rank) => Math.max(0, 2 * rank - 1) ** 1.6, value: (_rank, value) => value };

    function shaded(data, side, scale) {
        const { sample } = data, doc = documents[sample.document];
        const values = side === "y" ? data.y : data.head, ranks = side === "y" ? data.yRanks : data.headRanks;
        return element("div", { class: "text", lang: doc.language, dir: "auto" }, ...spread(doc.text, sample.spans, (span, word) => {
            if (word < 0 || !data.counted(word)) return;
            const given = data.largest === null ? "undefined" : `${percent(data.head[word] * data.largest)} of the head`;
            span.title = `${visible(sample.words[word])}: importance ${fixed(data.y[word])}, ${given}, above ${Math.round(100 * data.headRanks[word])} % of the words`;
            const y = side === "y" ? values[word] : data.largest === null ? 0 : strength[scale](ranks[word], values[word] / data.top);
            if (y < 0.02) return;
            span.style.setProperty("--y", y.toFixed(3));
            span.classList.add("kept");
            if (y > 0.6) span.classList.add("strong");
        }));
    }

    /* The same word under the pointer, on both sides. */
    function follow(pair) {
        pair.addEventListener("pointerover", (event) => {
            const span = event.target.closest?.(".w[data-word]");
            const word = span && span.dataset.word !== "-1" ? span.dataset.word : null;
            for (const other of pair.querySelectorAll(".w[data-word]")) other.classList.toggle("pinned", word !== null && other.dataset.word === word);
        });
        pair.addEventListener("pointerleave", () => { for (const span of pair.querySelectorAll(".pinned")) span.classList.remove("pinned"); });
        return pair;
    }

    /* ---- words in order ---- */

    function ranked(data, side, title) {
        const values = side === "y" ? data.y : data.head, other = side === "y" ? data.headRanks : data.yRanks;
        const order = values.map((_, i) => i).filter((i) => data.counted(i) && values[i] > 0)
            .sort((a, b) => values[b] - values[a] || (data.sample.words[a] < data.sample.words[b] ? -1 : 1)).slice(0, 14);
        const told = (i) => side === "y" ? fixed(values[i]) : percent(values[i] * data.largest);
        return element("section", {}, element("h4", {}, title), element("ol", { class: "ranked follow" }, ...order.map((i) => element("li", {},
            element("span", { class: "w", "data-word": i }, visible(data.sample.words[i])),
            element("i", { class: "meter", "--y": values[i] / Math.max(...order.map((k) => values[k])), "aria-hidden": "true" }),
            element("small", { title: "its rank by the other, 100 the highest" }, `${told(i)} · ${Math.round(100 * other[i])}`)))));
    }

    /* ---- the figure ---- */

    /* view: {sample, scale, content}; title(row) names a row. return the children of the figure */
    function draw(table, row, view, title, redraw) {
        if (!table.samples.length) return [element("p", { class: "muted" }, "No document of this table is shown in the report, or its heads are too many to keep.")];
        const sample = table.samples[Math.min(view.sample, table.samples.length - 1)];
        const data = read(sample, row, view.content);
        const select = element("select", { "aria-label": "Document", onchange: (event) => { view.sample = Number(event.target.value); redraw(); } },
            ...table.samples.map((one, i) => element("option", { value: String(i), selected: one === sample }, visible(documents[one.document].id))));
        const name = title(row);
        const notes = data.largest === null ? [element("p", { class: "notice" }, "This head is undefined on this document.")] : [];
        return [
            element("div", { class: "tools left" }, select,
                segmented("Shade the head by", [{ value: "rank", label: "by rank", title: "as Spearman sees it: the upper half of the words, from the middle up" },
                    { value: "value", label: "by value", title: "share of the largest value among the words shown" }], view.scale, (value) => { view.scale = value; redraw(); })),
            ...notes,
            follow(element("div", { class: "head-words" },
                element("div", {}, element("h4", {}, "Importance, by ", nameOf(table.summarizer)), shaded(data, "y", view.scale)),
                element("div", {}, element("h4", {}, name[0].toUpperCase() + name.slice(1)), shaded(data, "head", view.scale)),
                ranked(data, "y", "Most important words"), ranked(data, "head", "Words it looks at most"))),
            element("p", { class: "muted small" }, "Right of each bar: the value, and the word’s rank by the other of the two (100 is the highest). Point at a word for its numbers."),
        ];
    }

    return { draw };
})();
