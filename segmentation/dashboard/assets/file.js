/* The page Score a file: the browser sends the file to the API and shows what comes back.
   Whatever a file holds gets into the page as text only: by textContent, or as values of the grid. */
(() => {
  const BEGINNING = 256 * 1024; // bytes that a preview is made of
  const EVERY = 100; // milliseconds between two looks at the counts
  const MOST_PROBLEMS = 200; // the download has all
  const BROKEN = "The answer broke off. Try again.";
  const MOST_COLUMNS_NAMED = 10; // of those that are not read
  const SHORT = 100; // characters of a cell
  const MANY_REFUSED = 0.03; // share of refused rows above which shares may mislead
  const TEXT = /\.(csv|tsv|txt)$/i; // of other files a part can't be looked at
  const FORMATS = { xlsx: "an Excel workbook", xls: "an old Excel workbook", parquet: "Parquet" };
  const MARKS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" };
  const DECIMALS = { ",": " and decimal commas", ".": " and decimal points", "": "" };

  let spec = null;
  let file = null;
  let wanted = new Map(); // header -> spelling of a field, or nothing
  let running = null; // AbortController of what is being asked

  const by = (id) => document.getElementById(`file-${id}`);
  const say = (text) => (by("said").textContent = text);
  const show = (id, visible) => (by(id).hidden = !visible);
  /* phrases.js is loaded after this file, so its functions are looked up when they are called. */
  const count = (n, noun) => window.phrases.countNoun(n, noun);
  const percent = (share) => window.phrases.formatPercent(share);
  const megabytes = (n) => `${(n / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
  const short = (text) => (text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text);

  function make(name, content = [], attributes = {}) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...(Array.isArray(content) ? content : [content]));
    return element;
  }

  function button(text, act, kind = "") {
    const made = make("button", text, { type: "button", class: `button ${kind}` });
    made.addEventListener("click", act);
    return made;
  }

  function notice(kind, ...content) {
    return make("div", content, { class: `notice ${kind}`, role: "note" });
  }

  function listed(rows) {
    return make("tbody", rows.map((cells) => make("tr", cells)));
  }

  function table(caption, head, body) {
    const heads = make("tr", head.map((text) => make("th", text, { scope: "col" })));
    return make("table", [make("caption", caption, { class: "unseen" }), make("thead", heads), body]);
  }

  /* Asking */

  function address(way, more = {}) {
    const asked = new URLSearchParams(more);
    for (const [header, field] of wanted) asked.append("map", `${header}:${field}`);
    const query = asked.toString();
    return `${spec.address}${way}${query ? `?${query}` : ""}`;
  }

  async function ask(where, body, accept) {
    if (running) running.abort();
    running = new AbortController();
    const headers = { "Content-Type": "text/csv", Accept: accept };
    const answer = await fetch(where, { method: "POST", body, headers, signal: running.signal })
      .catch(lost("The file can't be read any more, or the service can't be reached."));
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || `The service answered ${answer.status}.`);
  }

  /* What the browser says of a connection that fails helps nobody. */
  const lost = (text) => (error) => {
    throw error.name === "AbortError" ? error : new Error(text);
  };

  function fault(error) {
    if (error.name === "AbortError" || !by("fault")) return;
    by("fault").replaceChildren(notice("error", error.message));
  }

  /* Choosing */

  function begin() {
    if (running) running.abort();
    running = file = null;
    wanted = new Map();
    for (const id of ["fault", "problem", "columns", "missing", "start", "bar", "cancel", "download",
      "figures", "shares", "warnings", "refused"]) by(id).replaceChildren();
    for (const id of ["preview", "progress", "results"]) show(id, false);
    say("");
    by("drop").classList.remove("used");
    if (!by("drop").firstChild) chooser();
  }

  function chooser() {
    const input = make("input", [], {
      type: "file", id: "file-input", class: "unseen", accept: ".csv,.tsv,.txt,.xlsx,.xls,.parquet,.gz,.zip,text/csv",
    });
    input.addEventListener("change", () => {
      if (input.files.length) chosen(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
    const label = make("label", "Choose a file", { for: "file-input", class: "button strong" });
    const drop = by("drop");
    drop.replaceChildren(input, label, make("span", "or drop it here"));
    drop.ondragover = (event) => {
      event.preventDefault();
      drop.classList.add("over");
    };
    drop.ondragleave = () => drop.classList.remove("over");
    drop.ondrop = (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (event.dataTransfer.files.length) chosen(event.dataTransfer.files[0]);
    };
  }

  async function chosen(one) {
    begin();
    if (one.size > spec.longest) {
      fault(new Error(`The file has ${megabytes(one.size)}, at most ${megabytes(spec.longest)} can be scored.`));
      return;
    }
    file = one;
    by("drop").classList.add("used");
    say("Looking at the file.");
    try {
      const found = await preview();
      if (file !== one || !by("drop")) return;
      columns(found);
      about(found);
      by("preview-title").textContent = `How ${short(one.name)} is read`;
      show("preview", true);
      say("");
      by("preview-title").focus();
    } catch (error) {
      if (by("said")) say("");
      fault(error);
    }
  }

  /* The preview: what is read as what, and what is missing */

  async function preview() {
    const cut = file.size > BEGINNING && TEXT.test(file.name);
    const where = address("/preview", cut ? { cut: "true" } : {});
    const answer = await ask(where, cut ? file.slice(0, BEGINNING) : file, "application/json");
    return answer.json();
  }

  function about(found) {
    const { n_rows: rows } = found;
    const size = rows === null ? megabytes(file.size) : count(rows, "row");
    by("read").textContent =
      `${size}, read as ${form(found)}.${passedOver(found)} What a column holds can be corrected below.`;
    const fields = new Set(found.columns.map((one) => one.field));
    const decided = spec.weights[0].fields.some((one) => fields.has(one.name));
    const problem = found.problem || (decided ? "" :
      "No column holds an answer that makes the segments: rows will be refused, or answered with a first guess.");
    by("problem").replaceChildren(
      ...(problem ? [notice(found.problem ? "error" : "warning", problem)] : []),
      ...tried(found.tried),
      ...notUnderstood(found),
    );
    missing(found.missing);
    const start = button("Score the file", score, "strong");
    start.disabled = Boolean(found.problem);
    by("start").replaceChildren(start);
  }

  function form({ format, encoding, separator, sheet, decimal_mark: mark }) {
    if (format === "csv") return `${encoding} with ${MARKS[separator]} between cells${DECIMALS[mark]}`;
    return `${FORMATS[format]}${sheet ? `, sheet ${short(sheet)}` : ""}`;
  }

  /* Rows that are no customers, and were not taken for some. */
  function passedOver({ n_above: above, n_repeated: repeated }) {
    const parts = [];
    if (above) parts.push(`${count(above, "row")} above the header`);
    if (repeated) parts.push(`${count(repeated, "row")} that repeat the header`);
    return parts.length ? ` Passed over: ${parts.join(", ")}.` : "";
  }

  function tried({ n_rows: n, n_refused: refused, reasons }) {
    if (!refused) return [];
    const listed = reasons.map((reason) =>
      make("li", `${reason.field === null ? "The row" : short(reason.field)} ${reason.message} (${count(reason.n_rows, "row")})`));
    const text = `${refused} of the first ${count(n, "row")} would be refused:`;
    return [notice("warning", make("strong", text), make("ul", listed))];
  }

  /* What the API warns of for the file as a whole, in the page's words. */
  function notUnderstood(card) {
    if (!card.warnings.length) return [];
    const labels = card.missing_defining.map((field) => spec.labels.get(field) ?? field);
    const columns = card.columns.filter((column) => column.field === null).slice(0, MOST_COLUMNS_NAMED);
    const names = columns.map(({ header, nearest }) => {
      const name = short(header) || "(no name)";
      return nearest ? `${name} (perhaps ${spec.labels.get(nearest) ?? nearest})` : name;
    });
    return [notice("warning", make("strong", "Perhaps not understood: "),
      `no column is read as ${labels.join(", ")}, and these columns are not read: ${names.join(", ")}.`)];
  }

  function missing(names) {
    const [grave, ...rest] = spec.weights.map(({ matter, fields }) => {
      const lacking = fields.filter((one) => names.includes(one.name)).map((one) => one.label);
      return { n: lacking.length, text: `${lacking.join(", ")}. ${matter}` };
    });
    const others = rest.filter((one) => one.n);
    const n = others.reduce((sum, one) => sum + one.n, 0);
    by("missing").replaceChildren(
      ...(grave.n ? [notice("warning", make("strong", "Not in the file: "), grave.text)] : []),
      ...(n ? [make("details", [
        make("summary", `Of less weight, and not in the file: ${count(n, "field")}`),
        ...others.map((one) => make("p", one.text)),
      ])] : []),
    );
  }

  function columns(found) {
    const head = ["Column", "Read as", ...found.rows.map((row) => `Line ${row.line}`)];
    const rows = found.columns.map((column, place) => [
      make("th", short(column.header) || "(no name)", { scope: "row" }),
      make("td", choice(column, place)),
      ...found.rows.map((row) => make("td", short(row.cells[place] ?? ""), { class: "cell" })),
    ]);
    by("columns").replaceChildren(table("Columns of the file", head, listed(rows)));
    chosenAs(found.columns);
  }

  function choice(column, place) {
    const options = [make("option", "not read", { value: "" })];
    for (const one of spec.choices) options.push(make("option", one.label, { value: one.value }));
    const select = make("select", options, {
      "aria-label": `Read ${short(column.header) || `column ${place + 1}`} as`,
    });
    select.addEventListener("change", () => remap(column.header.trim(), select.value));
    return select;
  }

  /* What someone chooses last is taken from the column that had it. */
  async function remap(header, field) {
    const name = (value) => spec.choices.find((one) => one.value === value)?.field;
    for (const [other, its] of wanted) {
      if (field && name(its) === name(field)) wanted.delete(other);
    }
    wanted.set(header, field);
    by("fault").replaceChildren();
    try {
      const found = await preview();
      if (!by("columns")) return; // someone went to another page
      chosenAs(found.columns);
      about(found);
    } catch (error) {
      fault(error);
      const start = by("start")?.querySelector("button");
      if (start && error.name !== "AbortError") start.disabled = true;
    }
  }

  function chosenAs(read) {
    const selects = by("columns").querySelectorAll("select");
    read.forEach((column, place) => {
      const found = spec.choices.find((one) => one.field === column.field && one.unit === column.unit);
      selects[place].value = found ? found.value : "";
      selects[place].closest("tr").classList.toggle("unread", !found);
    });
  }

  /* Scoring */

  async function score() {
    const done = { rows: [], bad: [], csv: [], counts: new Map(), n: 0, unsure: 0, refused: 0, first: null };
    by("fault").replaceChildren();
    show("preview", false);
    waiting();
    say("Scoring has begun.");
    by("progress-title").focus();
    try {
      const answer = await ask(address(""), file, "application/x-ndjson");
      await read(answer.body.getReader(), done);
      if (!done.first || done.n < done.first.n_rows) throw new Error(BROKEN);
      running = null;
      await finished(done);
    } catch (error) {
      if (!by("progress")) return; // someone went to another page
      show("progress", false);
      show("results", false);
      show("preview", Boolean(file));
      if (error.name === "AbortError" && file) cancelled(done);
      fault(error);
      say("");
    }
  }

  function waiting() {
    const bar = make("progress", [], { "aria-label": "Rows scored" });
    by("bar").replaceChildren(bar);
    by("count").textContent = "The file is sent and checked.";
    by("cancel").replaceChildren(button("Cancel", () => running && running.abort()));
    show("progress", true);
    show("results", false);
  }

  function cancelled(done) {
    const text = `Cancelled after ${count(done.n, "row")}; nothing was kept.`;
    by("fault").replaceChildren(notice("info", text));
    by("preview-title").focus();
  }

  async function read(reader, done) {
    const decoder = new TextDecoder();
    let rest = "";
    let looked = 0;
    let told = 0;
    for (;;) {
      const { value, done: ended } = await reader.read().catch(lost(BROKEN));
      if (!by("progress")) {
        reader.cancel(); // someone went to another page
        throw new DOMException("gone", "AbortError");
      }
      const lines = (rest + decoder.decode(value, { stream: !ended })).split("\n");
      rest = lines.pop();
      for (const line of lines) take(JSON.parse(line), done);
      if (done.first && (ended || performance.now() - looked > EVERY)) {
        tally(done);
        const quarter = Math.floor((done.n / done.first.n_rows) * 4);
        if (quarter > told && quarter < 4) say(`${quarter * 25}% of the rows are scored.`);
        told = Math.max(told, quarter);
        looked = performance.now();
        await new Promise((next) => setTimeout(next)); // the page answers to its reader, too
      }
      if (ended) return;
    }
  }

  function take(line, done) {
    if (line.summary) return; // the page has counted for itself
    done.csv.push(line.csv);
    if (!line.rows) {
      done.first = line;
      return;
    }
    for (const row of line.rows) {
      done.n += 1;
      if (row.problems.length) {
        done.refused += 1;
        if (done.bad.length < MOST_PROBLEMS) done.bad.push(row);
        continue;
      }
      done.counts.set(row.segment, (done.counts.get(row.segment) || 0) + 1);
      done.unsure += row.unsure;
      done.rows.push(told(row));
    }
  }

  /* A row as the grid shows it, in words for people. */
  function told(row) {
    const name = (id) => spec.names.get(id) ?? "";
    const label = (field) => spec.labels.get(field) ?? field;
    const [first, second, third] = row.cells;
    return {
      line: row.line, first, second, third,
      segment: name(row.segment),
      confidence: row.confidence,
      runner: name(row.runner_up),
      plausible: row.plausible.map(name).join(", ") || "none",
      unsure: row.unsure ? "unsure" : "sure",
      warnings: row.warnings.map((one) => (one.field ? `${label(one.field)} ${one.message}` : one.message)).join("; "),
      reasons: row.reasons.map((one) => `${label(one.field)}: ${one.level}`).join("; "),
    };
  }

  function tally(done) {
    const { n_rows: all } = done.first;
    const bar = by("bar").firstChild;
    bar.max = all;
    bar.value = done.n;
    by("count").textContent = `${done.n.toLocaleString("en")} of ${count(all, "row")}`;
    by("results-title").textContent = "Results so far";
    show("results", true);
    show("all", false);
    figures(done);
    sizes(done);
  }

  function figures(done) {
    const scored = done.n - done.refused;
    const figure = (n, text) =>
      make("p", [make("strong", n.toLocaleString("en")), ` ${text}`], { class: "size" });
    by("figures").replaceChildren(
      figure(scored, `${scored === 1 ? "row" : "rows"} scored`),
      figure(done.unsure, "of them unsure"),
      figure(done.refused, "refused"),
    );
  }

  function sizes(done) {
    const scored = done.n - done.refused;
    const shares = by("shares");
    if (!shares.childNodes.length) shares.append(...spec.segments.map(painted));
    shares.hidden = !scored;
    by("sizes").hidden = !scored;
    const rows = by("sizes").querySelectorAll("tbody tr");
    spec.segments.forEach((segment, place) => {
      const n = done.counts.get(segment.id) || 0;
      const share = scored ? n / scored : 0;
      const part = shares.children[place];
      part.style.flexGrow = share;
      part.hidden = !n;
      part.textContent = share > 0.04 ? percent(share) : "";
      const [size, figure, bar] = rows[place].querySelectorAll("td");
      const head = rows[place].querySelector("th");
      if (!head.querySelector(".swatch")) head.prepend(paint(make("span", [], { class: "swatch" }), segment));
      size.textContent = n.toLocaleString("en");
      figure.textContent = percent(share);
      size.className = figure.className = "figure";
      bar.className = "wide";
      if (!bar.firstChild) bar.append(make("span", painted(segment), { class: "bar", "aria-hidden": "true" }));
      bar.firstChild.firstChild.style.width = `${share * 100}%`;
    });
  }

  const painted = (segment) => paint(make("span"), segment);

  function paint(element, segment) {
    element.style.setProperty("--segment", segment["--segment"]);
    element.style.setProperty("--on-segment", segment["--on-segment"]);
    return element;
  }

  /* Results */

  async function finished(done) {
    tally(done);
    show("progress", false);
    const name = file.name.replace(/\.[^.]*$/, "");
    by("results-title").textContent = `Results of ${short(file.name)}`;
    by("download").replaceChildren(download(done, `${name}-segments.csv`));
    by("warnings").replaceChildren(...notUnderstood(done.first));
    refused(done);
    show("all", done.rows.length > 0);
    say(`Done. ${count(done.n - done.refused, "row")} scored, ${done.refused.toLocaleString("en")} refused.`);
    by("results-title").focus();
    if (done.rows.length) await fill(done);
  }

  /* The answers of the API, byte for byte. */
  function download(done, name) {
    const made = button("Download the file with its answers", () => {
      const url = URL.createObjectURL(new Blob(done.csv, { type: "text/csv;charset=utf-8" }));
      const link = make("a", [], { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    }, "strong");
    return made;
  }

  function refused(done) {
    if (!done.refused) {
      by("refused").replaceChildren();
      return;
    }
    const rows = done.bad.flatMap((row) =>
      row.problems.map((one) => [
        make("th", row.line.toLocaleString("en"), { scope: "row" }),
        make("td", one.field === null ? "the row" : short(one.field)),
        make("td", one.message),
      ]),
    );
    const more = done.refused - done.bad.length;
    const beyond = more ? [make("p", `And ${count(more, "row")} more: the download names all.`, { class: "lead" })] : [];
    const region = make("div", table("Rows that were refused", ["Line", "Field", "Reason"], listed(rows)), {
      class: "scrolling tall", tabindex: "0", role: "region", "aria-label": "Rows that were refused",
    });
    const share = done.refused / done.n;
    const loud = share > MANY_REFUSED
      ? [notice("warning", make("strong", `${percent(share)} of the rows were refused. `),
        "Shares above are of the scored rows only, and the refused ones may be other customers.")]
      : [];
    by("refused").replaceChildren(
      ...loud, make("h3", `${count(done.refused, "row")} refused`), region, ...beyond,
    );
  }

  async function fill(done) {
    await library(spec.library).catch(() => null); // a small file may be scored before it is there
    const grid = await (window.dash_ag_grid ? window.dash_ag_grid.getApiAsync("file-rows") : null);
    if (!grid) return;
    grid.setFilterModel(null);
    grid.setGridOption("columnDefs", defined(done.first.columns));
    grid.setGridOption("rowData", done.rows);
    grid.addEventListener("modelUpdated", shown); // the same function: it is added once
    shown({ api: grid });
  }

  function shown({ api: grid }) {
    let all = 0;
    grid.forEachNode(() => (all += 1));
    const n = grid.getDisplayedRowCount();
    by("shown").textContent = `${n.toLocaleString("en")} of ${count(all, "row")} shown`;
  }

  function defined(read) {
    const text = { filter: "agTextColumnFilter" };
    const own = ["first", "second", "third"].slice(0, read.length).map((field, place) => ({
      ...text, field, headerName: short(read[place].header) || `Column ${place + 1}`, width: 110,
    }));
    const before = window.innerWidth < 640 ? 1 : own.length; // on a phone the segment is in sight
    return [
      { field: "line", headerName: "Line", width: 80, filter: "agNumberColumnFilter" },
      ...own.slice(0, before),
      { ...text, field: "segment", headerName: "Segment", width: 250, cellStyle: colored },
      { field: "confidence", headerName: "Confidence", width: 115, filter: "agNumberColumnFilter",
        filterParams: { defaultOption: "lessThan" },
        filterValueGetter: (row) => row.data.confidence * 100,
        valueFormatter: (cell) => percent(cell.value) },
      { ...text, field: "unsure", headerName: "Sure", width: 85 },
      { ...text, field: "reasons", headerName: "Reasons", width: 380, tooltipField: "reasons" },
      { ...text, field: "runner", headerName: "Runner-up", width: 200 },
      { ...text, field: "plausible", headerName: "Plausible", width: 220, tooltipField: "plausible" },
      { ...text, field: "warnings", headerName: "Warnings", width: 320, tooltipField: "warnings" },
      ...own.slice(before),
    ];
  }

  function colored(cell) {
    const tone = spec.tones.get(cell.value);
    return { backgroundImage: `linear-gradient(${tone}, ${tone})` };
  }

  /* What the page calls */

  const loaded = new Map();

  function library(where) {
    if (!loaded.has(where)) {
      loaded.set(where, new Promise((done, failed) => {
        const script = make("script", [], { src: where });
        script.onload = done;
        script.onerror = failed;
        document.head.append(script);
      }));
    }
    return loaded.get(where);
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.file = {
    open(specification) {
      if (specification) {
        spec = specification;
        spec.names = new Map(spec.segments.map((one) => [one.id, one.name]));
        spec.tones = new Map(spec.segments.map((one) => [one.name, one["--segment"]]));
        spec.labels = new Map(spec.weights.flatMap(({ fields }) => fields.map((one) => [one.name, one.label])));
        begin();
      }
      return window.dash_clientside.no_update;
    },

    grid(specification) {
      if (!specification) return window.dash_clientside.no_update;
      const without = "The table of rows can't be shown now; the download has all of them.";
      return library(specification.library).then(() => specification.grid, () => without);
    },
  };

  // A file that misses the drop zone must not replace the page.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => by("drop") && event.preventDefault());
  }
})();
