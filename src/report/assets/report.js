/* The report's frame: data, helpers, head, tables, provenance. charts.js and browser.js build on `salient`.
 *
 * Everything in the data came from outside and is hostile: it reaches the page only as text nodes, through element() below. There is
 * no innerHTML, no eval and no request anywhere in these files. */
"use strict";

const salient = (() => {
    const study = JSON.parse(document.getElementById("study-data").textContent);

    /* ---- building elements ---- */

    /* element("p", {class: "x", onclick: f}, "text", child, ...): strings become text nodes. */
    function element(tag, attributes, ...children) {
        const node = tag === "svg" || tag === "rect" || tag === "line" || tag === "path"
            ? document.createElementNS("http://www.w3.org/2000/svg", tag)
            : document.createElement(tag);
        for (const [name, value] of Object.entries(attributes || {})) {
            if (value === null || value === undefined || value === false) continue;
            if (typeof value === "function") node.addEventListener(name.slice(2), value);
            else if (name.startsWith("--")) node.style.setProperty(name, value);
            else node.setAttribute(name, value === true ? "" : value);
        }
        node.append(...children.flat().filter((child) => child !== null && child !== undefined));
        return node;
    }

    /* A name as it can be shown on one line: control and direction characters become visible ones. */
    function visible(name) {
        return String(name)
            .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
            .replace(/[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\u25a1");
    }

    const nameOf = (name) => element("bdi", {}, visible(name));
    const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || one + "s"}`;
    const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
    const fixed = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");
    const percent = (value) => `${Math.round(value * 100)} %`;

    /* A group of buttons of which one is pressed. choices: [{value, label, title, disabled}] */
    function segmented(label, choices, current, choose) {
        const group = element("div", { class: "segmented", role: "group", "aria-label": label });
        for (const choice of choices) {
            group.append(element("button", {
                type: "button", title: choice.title, disabled: choice.disabled,
                "aria-pressed": String(choice.value === current),
                onclick: (event) => {
                    for (const other of group.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
                    choose(choice.value);
                },
            }, choice.label));
        }
        return group;
    }

    function copyButton(label, text) {
        const button = element("button", { type: "button", class: "quiet small no-print" }, label);
        button.addEventListener("click", async () => {
            let done = true;
            try {
                await navigator.clipboard.writeText(text());
            } catch (refused) {
                /* Browsers keep the clipboard from some local files: the old way still works there. */
                const area = element("textarea", { class: "visually-hidden" });
                area.value = text();
                document.body.append(area);
                area.select();
                done = document.execCommand("copy");
                area.remove();
            }
            button.textContent = done ? "Copied" : "Not copied";
            setTimeout(() => { button.textContent = label; }, 1500);
        });
        return button;
    }

    /* ---- scores ---- */

    const scoreKey = (...parts) => parts.join("\u0000");
    const scores = new Map();
    for (const score of study.scores) {
        scores.set(scoreKey(score.corpus, score.summarizer, score.protocol, score.words, score.measure, score.length), score);
    }

    /* Measures that do not depend on the choice of words are stored with words "". */
    function score(corpus, summarizer, measure, words = "", length = 0) {
        return scores.get(scoreKey(corpus, summarizer, state.protocol, words, measure, length)) ||
            scores.get(scoreKey(corpus, summarizer, state.protocol, "", measure, length)) || null;
    }

    const lengthsOf = (corpus, summarizer) => study.scores
        .filter((s) => s.corpus === corpus && s.summarizer === summarizer && s.protocol === state.protocol &&
            s.measure === "words_achieved" && s.length > 0)
        .map((s) => s.length).sort((a, b) => a - b);

    /* Summarizers with anything in a corpus, in the study's order. */
    const summarizersOf = (corpus) => study.summarizers.map((_, i) => i)
        .filter((i) => study.scores.some((s) => s.corpus === corpus && s.summarizer === i && s.protocol === state.protocol));

    const protocols = ["strict", "paper"].filter((p) => study.scores.some((s) => s.protocol === p));
    const state = { protocol: protocols[0] || "strict", correlation: "spearman" }; /* as `salient importance` prints */
    const listeners = [];
    const changed = () => listeners.forEach((listener) => listener());

    /* ---- head ---- */

    const shorten = (values) => values.length <= 7 ? values
        : [...values.slice(0, 6), [`and ${count(values.length - 6)} more`, null]];

    function drawHead() {
        const shown = study.corpora.reduce((n, c) => n + c.documents, 0);
        document.getElementById("title").append(nameOf(study.title));
        document.getElementById("lede").append(
            `How ${plural(study.summarizers.length, "summarizer")} ${study.summarizers.length === 1 ? "chooses" : "choose"} ` +
            `what to keep from ${plural(shown, "document")} in ${plural(study.corpora.length, "corpus", "corpora")}.`);
        const lengths = [...new Set(study.scores.filter((s) => s.length > 0).map((s) => s.length))].sort((a, b) => a - b);
        const dates = study.runs.map((run) => run.started).filter(Boolean).map((d) => String(d).slice(0, 10)).sort();
        const facts = [
            ["Corpora", study.corpora.map((c) => [nameOf(c.name), element("small", {}, plural(c.documents, "document"))])],
            ["Summarizers", study.summarizers.map((s) => [nameOf(s.name), null])],
            ["Lengths", [[lengths.length ? `${lengths[0]} to ${lengths[lengths.length - 1]} words` : "–",
                element("small", {}, lengths.length ? `${lengths.length} steps` : "no length audit yet")]]],
            ["Protocol", protocols.length ? protocols.map((p) => [p, null]) : [["–", element("small", {}, "importance not computed")]]],
            ["Runs", [[dates.length ? dates[0] === dates[dates.length - 1] ? dates[0] : `${dates[0]} to ${dates[dates.length - 1]}` : "–",
                element("small", {}, `salient ${study.version}`)]]],
        ];
        const list = document.getElementById("facts");
        for (const [term, values] of facts) {
            list.append(element("div", {}, element("dt", {}, term),
                ...shorten(values).map(([value, small]) => element("dd", {}, value, small ? " " : null, small))));
        }
        const notices = document.getElementById("notices");
        if (!protocols.length) {
            notices.append(element("p", { class: "notice" }, "Importance has not been computed yet, so this report shows texts only. ",
                "To go on: ", element("code", {}, "salient importance STUDY"), ", then write the report again."));
        }
    }

    function drawControls() {
        if (protocols.length > 1) {
            document.getElementById("protocol-switch").append(segmented("Protocol", [
                { value: "strict", label: "strict", title: "only usable summaries count" },
                { value: "paper", label: "paper", title: "as the original study: every record counts" },
            ], state.protocol, (value) => { state.protocol = value; changed(); }));
        }
        const nav = document.getElementById("nav");
        const link = (id, label) => nav.append(element("a", { href: `#${id}` }, label));
        link("documents", "Documents");
        study.corpora.forEach((corpus, i) => link(`corpus-${i}`, nameOf(corpus.name)));
        link("methods", "Methods");
        link("provenance", "Provenance");
        const button = document.getElementById("theme");
        const dark = () => document.documentElement.dataset.theme
            ? document.documentElement.dataset.theme === "dark"
            : matchMedia("(prefers-color-scheme: dark)").matches;
        const label = () => { button.textContent = dark() ? "Light" : "Dark"; };
        button.addEventListener("click", () => {
            document.documentElement.dataset.theme = dark() ? "light" : "dark";
            label();
            changed();
        });
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); changed(); });
        label();
    }

    /* ---- the table of a corpus ---- */

    /* Footnotes of one table: the same reason gets the same letter. */
    function footnotes() {
        const reasons = [];
        return {
            mark(reason) {
                if (!reasons.includes(reason)) reasons.push(reason);
                return element("sup", {}, String.fromCharCode(97 + reasons.indexOf(reason) % 26));
            },
            list: () => reasons.length === 0 ? null : element("ol", { class: "footnotes", type: "a" },
                ...reasons.map((reason) => element("li", {}, reason))),
        };
    }

    function whyUndefined(entry, measure, summarizer, words, corpus) {
        if (study.summarizers[summarizer].kind === "reference") return "one text per document: there are no two halves to compare";
        if (entry === null) return "needs summaries of at least two lengths";
        if (measure.startsWith("ceiling")) {
            const base = score(corpus, summarizer, measure.replace("ceiling", "reliability"), words);
            if (base && base.value !== null) return "the reliability is not above 0, so it has no square root to serve as ceiling";
        }
        return words === "content"
            ? "undefined in every document: the language has no stop list, or one half keeps all content words equally often"
            : "undefined in every document: one half keeps all words equally often";
    }

    function numberCell(corpus, summarizer, measure, words, notes) {
        const entry = score(corpus, summarizer, measure, words);
        if (entry === null || entry.value === null) {
            const reason = whyUndefined(entry, measure, summarizer, words, corpus);
            return element("td", { class: "number undefined", title: reason }, "–", notes.mark(reason));
        }
        const bounded = entry.low !== null && entry.high !== null;
        const cell = element("td", { class: "number", title: `${entry.value} over ${plural(entry.documents, "document")}` +
            (entry.undefined ? `, undefined in ${count(entry.undefined)}` : "") }, fixed(entry.value));
        if (bounded) cell.append(element("small", {}, `${fixed(entry.low)} – ${fixed(entry.high)}`));
        else if (entry.documents < 20) cell.append(element("small", { class: "faint" }, "n too small"));
        return cell;
    }

    const total = (corpus, summarizer, status) => {
        const entry = score(corpus, summarizer, status);
        return entry && entry.value !== null ? entry.value : 0;
    };

    function statusCell(corpus, summarizer) {
        const counts = ["ok", "truncated", "refused", "failed"].map((status) => [status, total(corpus, summarizer, status)]);
        const all = counts.reduce((sum, [, n]) => sum + n, 0);
        const bar = element("span", { class: "status-bar", "aria-hidden": "true" });
        for (const [status, n] of counts) {
            if (n > 0) bar.append(element("i", { class: `status-${status}`, "--share": n / all }));
        }
        const words = counts.filter(([status, n]) => n > 0 || status === "ok").map(([status, n]) => `${count(n)} ${status}`).join(", ");
        return element("td", { class: "statuses" }, bar, element("small", {}, words));
    }

    /* Words achieved over words asked, over all lengths, and the share within ±10 %. */
    function lengthCells(corpus, summarizer, notes) {
        const lengths = lengthsOf(corpus, summarizer);
        let asked = 0, achieved = 0, within = 0, known = 0;
        for (const length of lengths) {
            const entry = score(corpus, summarizer, "words_achieved", "", length);
            const share = score(corpus, summarizer, "within_10_percent", "", length);
            if (entry.value === null) continue;
            asked += length;
            achieved += entry.value;
            if (share && share.value !== null) { within += share.value; known += 1; }
        }
        const whole = score(corpus, summarizer, "within_10_percent");
        const dash = (reason) => element("td", { class: "number undefined", title: reason }, "–", notes.mark(reason));
        const none = "no length is asked of this summarizer";
        const written = score(corpus, summarizer, "words_achieved", "", 0);
        if (!asked && written && written.value !== null) {
            return [element("td", { class: "number", title: String(written.value) }, fixed(written.value, 1), element("small", {}, "words, mean")), dash(none)];
        }
        const near = whole && whole.value !== null ? whole.value : known ? within / known : null;
        return [
            asked ? element("td", { class: "number", title: String(achieved / asked) }, `${fixed(achieved / asked)} ×`) : dash(none),
            near === null || !asked ? dash(none) : element("td", { class: "number", title: String(near) }, percent(near)),
        ];
    }

    function summarizerHead(summarizer) {
        const info = study.summarizers[summarizer];
        const small = [info.kind === info.name ? null : info.kind, info.length_policy && `policy ${info.length_policy}`].filter(Boolean);
        return element("th", { scope: "row" }, nameOf(info.name),
            info.nested ? [" ", element("span", { class: "badge nested", title: "longer texts contain the shorter ones by construction" }, "nested")] : null,
            small.length ? element("small", {}, visible(small.join(", "))) : null);
    }

    function drawTable(corpus) {
        const notes = footnotes();
        const r = state.correlation;
        const rows = summarizersOf(corpus).map((s) => element("tr", {},
            summarizerHead(s),
            documentsCell(corpus, s),
            numberCell(corpus, s, `reliability_${r}`, "all", notes), numberCell(corpus, s, `reliability_${r}`, "content", notes),
            numberCell(corpus, s, `ceiling_${r}`, "all", notes), numberCell(corpus, s, `ceiling_${r}`, "content", notes),
            numberCell(corpus, s, "consistency", "all", notes), numberCell(corpus, s, "consistency", "content", notes),
            ...lengthCells(corpus, s, notes), statusCell(corpus, s)));
        const head = (label, span) => element("th", { scope: "colgroup", colspan: span }, label);
        const sub = (label) => element("th", { scope: "col", class: "number" }, label);
        const table = element("table", {},
            element("thead", {},
                element("tr", {}, element("th", { scope: "col", rowspan: 2 }, "Summarizer"),
                    element("th", { scope: "col", rowspan: 2, class: "number" }, "Docu\u00adments"),
                    head("Reliability", 2), head("Ceiling", 2), head("Incremental consistency", 2), head("Length", 2),
                    element("th", { scope: "col", rowspan: 2 }, "Summaries")),
                element("tr", {}, ...["all words", "content", "all words", "content", "all words", "content", "achieved ÷\u00a0asked", "within ±10\u00a0%"].map(sub))),
            element("tbody", {}, ...rows));
        return [element("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Summarizers of this corpus" }, table), notes.list()];
    }

    /* Documents that entered anything: the largest count over the measures. */
    function documentsCell(corpus, summarizer) {
        const counts = study.scores.filter((s) => s.corpus === corpus && s.summarizer === summarizer && s.protocol === state.protocol)
            .map((s) => s.documents + s.undefined);
        const without = total(corpus, summarizer, "documents_without_importance");
        return element("td", { class: "number" }, counts.length ? count(Math.max(...counts)) : "0",
            without > 0 ? element("small", { title: "documents of which no summary is usable" }, `${count(without)} without`) : null);
    }

    /* The scores of a corpus as tab-separated values at full precision. */
    function tableText(corpus) {
        const columns = ["corpus", "summarizer", "protocol", "words", "measure", "length", "value", "low", "high", "documents", "undefined"];
        const flat = (value) => value === null ? "" : String(value).replace(/[\t\r\n]/g, " ");
        const rows = study.scores.filter((s) => s.corpus === corpus && s.protocol === state.protocol)
            .map((s) => columns.map((c) => flat(c === "summarizer" ? study.summarizers[s.summarizer].name : s[c])).join("\t"));
        return [columns.join("\t"), ...rows].join("\n") + "\n";
    }

    function drawCorpora() {
        const place = document.getElementById("corpora");
        study.corpora.forEach((corpus, i) => {
            const table = element("div", {});
            const charts = element("div", { class: "charts", id: `charts-${i}` });
            const draw = () => table.replaceChildren(...drawTable(corpus.name).filter(Boolean));
            place.append(element("section", { id: `corpus-${i}`, class: "corpus", "aria-labelledby": `corpus-${i}-title` },
                element("div", { class: "section-head" },
                    element("h2", { id: `corpus-${i}-title` }, element("small", {}, "Corpus"), nameOf(corpus.name)),
                    element("p", { class: "muted" }, plural(corpus.documents, "document"),
                        corpus.languages.length ? `, ${corpus.languages.map(visible).join(", ")}` : "",
                        corpus.kinds.length ? `, ${corpus.kinds.map(visible).join(", ")}` : ""),
                    element("div", { class: "tools" },
                        segmented("Correlation", [{ value: "spearman", label: "Spearman" }, { value: "pearson", label: "Pearson" }],
                            state.correlation, (value) => { state.correlation = value; draw(); salient.drawCharts?.(i); }),
                        copyButton("Copy numbers", () => tableText(corpus.name)))),
                element("nav", { class: "parts no-print", id: `parts-${i}`, "aria-label": "Parts of this corpus", hidden: true }),
                table,
                charts));
            draw();
            listeners.push(draw);
        });
    }

    /* The heading of a further part of a corpus, and a link to it above the table. */
    function part(index, title) {
        const list = document.getElementById(`parts-${index}`), id = `corpus-${index}-part-${list.children.length}`;
        list.append(element("a", { href: `#${id}` }, title));
        list.hidden = false;
        return element("h3", { class: "agreement-head", id }, title);
    }

    /* ---- provenance ---- */

    const shortNumber = (n) => n >= 1e9 ? `${fixed(n / 1e9, 1)} billion` : n >= 1e6 ? `${Math.round(n / 1e6)} million` : count(n);

    function drawSummarizers() {
        const row = (term, value) => value === null || value === undefined || value === "" ? []
            : [element("dt", {}, term), element("dd", {}, visible(value))];
        document.getElementById("summarizers").append(element("div", { class: "cards" }, ...study.summarizers.map((s) =>
            element("article", { class: "card" }, element("h3", {}, nameOf(s.name),
                s.nested ? [" ", element("span", { class: "badge nested" }, "nested")] : null),
            element("dl", {}, ...row("kind", s.kind), ...row("model", s.model), ...row("family", s.family),
                ...row("weights", s.parameters === null ? null : shortNumber(s.parameters)), ...row("template", s.template),
                ...row("length policy", s.length_policy), ...row("temperature", s.temperature), ...row("top-p", s.top_p),
                ...row("top-k", s.top_k), ...row("repeat penalty", s.repeat_penalty), ...row("seed", s.seed),
                element("dt", {}, "digest"), element("dd", {}, element("code", { class: "digest", title: visible(s.digest || "") },
                    visible(s.digest || "–").slice(0, 12))))))));
    }

    function drawRuns() {
        if (!study.runs.length) return;
        const seconds = (s) => s === null || s === undefined ? "–" : s < 120 ? `${fixed(s, 1)} s` : `${fixed(s / 60, 1)} min`;
        document.getElementById("runs").append(element("details", { class: "runs" },
            element("summary", {}, `Run log: ${plural(study.runs.length, "command")}`),
            element("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Run log" }, element("table", {},
                element("thead", {}, element("tr", {}, ...["Started", "Command line", "Version", "Status", "Time"].map((t) => element("th", { scope: "col" }, t)))),
                element("tbody", {}, ...study.runs.map((run) => element("tr", {},
                    element("td", { class: "nowrap" }, visible(run.started ?? "–")),
                    element("td", {}, element("code", {}, visible(run.command_line ?? run.command ?? "–"))),
                    element("td", {}, visible(run.version ?? "–")), element("td", {}, visible(run.status ?? "–")),
                    element("td", { class: "number nowrap" }, seconds(run.wall_seconds)))))))));
    }

    drawHead();
    drawControls();
    drawCorpora();
    drawSummarizers();
    drawRuns();
    return { study, state, listeners, element, visible, nameOf, plural, count, fixed, percent, segmented, score, lengthsOf, summarizersOf, part };
})();
