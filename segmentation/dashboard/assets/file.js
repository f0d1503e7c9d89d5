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
  let mappings = new Map(); // header -> spelling of a field, or nothing
  let dates = ""; // the order of dates that was chosen
  let running = null; // AbortController of what is being asked

  const byId = (id) => document.getElementById(`file-${id}`);
  const announce = (text) => (byId("said").textContent = text);
  const setVisible = (id, visible) => (byId(id).hidden = !visible);
  /* phrases.js is loaded after this file, so its functions are looked up when they are called. */
  const countNoun = (n, noun) => window.phrases.countNoun(n, noun);
  const formatPercent = (share) => window.phrases.formatPercent(share);
  const formatMegabytes = (n) => `${(n / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
  const shorten = (text) => (text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text);

  function makeElement(name, content = [], attributes = {}) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...(Array.isArray(content) ? content : [content]));
    return element;
  }

  function makeButton(text, act, kind = "") {
    const element = makeElement("button", text, { type: "button", class: `button ${kind}` });
    element.addEventListener("click", act);
    return element;
  }

  function makeNotice(kind, ...content) {
    return makeElement("div", content, { class: `notice ${kind}`, role: "note" });
  }

  function makeRows(rows) {
    return makeElement("tbody", rows.map((cells) => makeElement("tr", cells)));
  }

  function makeTable(caption, head, body) {
    const heads = makeElement("tr", head.map((text) => makeElement("th", text, { scope: "col" })));
    return makeElement("table", [makeElement("caption", caption, { class: "unseen" }), makeElement("thead", heads), body]);
  }

  /* Asking */

  function makeAddress(route, more = {}) {
    const parameters = new URLSearchParams(more);
    if (dates) parameters.append("dates", dates);
    for (const [header, field] of mappings) parameters.append("map", `${header}:${field}`);
    const query = parameters.toString();
    return `${spec.address}${route}${query ? `?${query}` : ""}`;
  }

  async function ask(where, body, accept) {
    if (running) running.abort();
    running = new AbortController();
    const headers = { "Content-Type": "text/csv", Accept: accept };
    const answer = await fetch(where, { method: "POST", body, headers, signal: running.signal })
      .catch(explainLoss("The file can't be read any more, or the service can't be reached."));
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || `The service answered ${answer.status}.`);
  }

  /* What the browser says of a connection that fails helps nobody. */
  const explainLoss = (text) => (error) => {
    throw error.name === "AbortError" ? error : new Error(text);
  };

  function showFault(error) {
    if (error.name === "AbortError" || !byId("fault")) return;
    byId("fault").replaceChildren(makeNotice("error", error.message));
  }

  /* Choosing */

  function reset() {
    if (running) running.abort();
    running = file = null;
    mappings = new Map();
    dates = "";
    for (const id of ["fault", "problem", "orders", "columns", "missing", "start", "bar", "cancel", "download",
      "figures", "shares", "warnings", "refused"]) byId(id).replaceChildren();
    for (const id of ["preview", "progress", "results"]) setVisible(id, false);
    announce("");
    byId("drop").classList.remove("used");
    if (!byId("drop").firstChild) makeChooser();
  }

  function makeChooser() {
    const input = makeElement("input", [], {
      type: "file", id: "file-input", class: "unseen", accept: ".csv,.tsv,.txt,.xlsx,.xls,.parquet,.gz,.zip,text/csv",
    });
    input.addEventListener("change", () => {
      if (input.files.length) chooseFile(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
    const label = makeElement("label", "Choose a file", { for: "file-input", class: "button strong" });
    const drop = byId("drop");
    drop.replaceChildren(input, label, makeElement("span", "or drop it here"));
    drop.ondragover = (event) => {
      event.preventDefault();
      drop.classList.add("over");
    };
    drop.ondragleave = () => drop.classList.remove("over");
    drop.ondrop = (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (event.dataTransfer.files.length) chooseFile(event.dataTransfer.files[0]);
    };
  }

  async function chooseFile(dropped) {
    reset();
    if (dropped.size > spec.longest) {
      showFault(new Error(`The file has ${formatMegabytes(dropped.size)}, at most ${formatMegabytes(spec.longest)} can be scored.`));
      return;
    }
    file = dropped;
    byId("drop").classList.add("used");
    announce("Looking at the file.");
    try {
      const card = await preview();
      if (file !== dropped || !byId("drop")) return;
      showColumns(card);
      showOrderChoices(card);
      describeFile(card);
      byId("preview-title").textContent = `How ${shorten(dropped.name)} is read`;
      setVisible("preview", true);
      announce("");
      byId("preview-title").focus();
    } catch (error) {
      if (byId("said")) announce("");
      showFault(error);
    }
  }

  /* The preview: what is read as what, and what is missing */

  async function preview() {
    const cut = file.size > BEGINNING && TEXT.test(file.name);
    const where = makeAddress("/preview", cut ? { cut: "true" } : {});
    const answer = await ask(where, cut ? file.slice(0, BEGINNING) : file, "application/json");
    const card = await answer.json();
    if (!cut || !card.of_orders || !card.problem) return card;
    // Dates that the beginning does not prove, the whole file may.
    return (await ask(makeAddress("/preview"), file, "application/json")).json();
  }

  function describeFile(card) {
    const { n_rows: rows } = card;
    const size = rows === null ? formatMegabytes(file.size) : countNoun(rows, "row");
    byId("read").textContent =
      `${size}, read as ${describeForm(card)}.${describePassedOver(card)} What a column holds can be corrected below.`;
    const fields = new Set(card.columns.map((column) => column.field));
    const decided = card.of_orders || spec.weights[0].fields.some((field) => fields.has(field.name));
    const problem = card.problem || (decided ? "" :
      "No column holds an answer that makes the segments: rows will be refused, or answered with a first guess.");
    byId("problem").replaceChildren(
      ...(problem ? [makeNotice(card.problem ? "error" : "warning", problem)] : []),
      ...describeTrial(card.tried),
      ...describeOrders(card.orders, false),
      ...describeNotUnderstood(card),
    );
    showMissing(card.of_orders ? [] : card.missing); // what orders lack is a problem
    const start = makeButton("Score the file", score, "strong");
    start.disabled = Boolean(card.problem);
    byId("start").replaceChildren(start);
  }

  /* Lines that no answer knows of are said above the answers. */
  function describeOrders(orders, isWhole) {
    if (!orders) return [];
    const text = [window.orders.describeLines(orders, isWhole)];
    if (isWhole) text.push(window.orders.describeRecency(orders));
    const items = window.orders.listLeftOut(orders);
    if (!items.length) return [makeNotice("info", text.join(" "))];
    text.push(window.orders.describeLeftOut(orders));
    return [makeNotice("info", text.join(" "), makeElement("ul", items.map((item) => makeElement("li", item))))];
  }

  /* What orders leave open: the order of their dates, and the day to which recency is counted. */
  function showOrderChoices(card) {
    if (!card.of_orders) {
      byId("orders").replaceChildren();
      return;
    }
    const options = spec.orders.dates.map(({ value, label }) => makeElement("option", label, { value }));
    const order = makeElement("select", options, { id: "file-dates" });
    order.addEventListener("change", () => {
      dates = order.value;
      refreshPreview();
    });
    byId("orders").replaceChildren(
      makeElement("label", ["Dates are written ", order]),
      makeElement("label", ["Count recency to the end of ", makeElement("input", [], { type: "date", id: "file-as-of" })]),
    );
  }

  /* The end of a day, so that its orders count. */
  function chooseTime() {
    const day = byId("as-of")?.value;
    return day ? { as_of: `${day}T23:59:59` } : {};
  }

  function describeForm({ format, encoding, separator, sheet, decimal_mark: mark }) {
    if (format === "csv") return `${encoding} with ${MARKS[separator]} between cells${DECIMALS[mark]}`;
    return `${FORMATS[format]}${sheet ? `, sheet ${shorten(sheet)}` : ""}`;
  }

  /* Rows that are no customers, and were not taken for some. */
  function describePassedOver({ n_above: above, n_repeated: repeated }) {
    const parts = [];
    if (above) parts.push(`${countNoun(above, "row")} above the header`);
    if (repeated) parts.push(`${countNoun(repeated, "row")} that repeat the header`);
    return parts.length ? ` Passed over: ${parts.join(", ")}.` : "";
  }

  function describeTrial({ n_rows: n, n_refused: refused, reasons }) {
    if (!refused) return [];
    const items = reasons.map((reason) =>
      makeElement("li", `${reason.field === null ? "The row" : shorten(reason.field)} ${reason.message} (${countNoun(reason.n_rows, "row")})`));
    const text = `${refused} of the first ${countNoun(n, "row")} would be refused:`;
    return [makeNotice("warning", makeElement("strong", text), makeElement("ul", items))];
  }

  /* What the API warns of for the file as a whole, in the page's words. */
  function describeNotUnderstood(card) {
    if (!card.warnings.length) return [];
    const labels = card.missing_defining.map((field) => spec.labels.get(field) ?? field);
    const unread = card.columns.filter((column) => column.field === null).slice(0, MOST_COLUMNS_NAMED);
    const names = unread.map(({ header, nearest }) => {
      const name = shorten(header) || "(no name)";
      return nearest ? `${name} (perhaps ${spec.labels.get(nearest) ?? nearest})` : name;
    });
    return [makeNotice("warning", makeElement("strong", "Perhaps not understood: "),
      `no column is read as ${labels.join(", ")}, and these columns are not read: ${names.join(", ")}.`)];
  }

  function showMissing(names) {
    const [grave, ...lesser] = spec.weights.map(({ matter, fields }) => {
      const lacking = fields.filter((field) => names.includes(field.name)).map((field) => field.label);
      return { n: lacking.length, text: `${lacking.join(", ")}. ${matter}` };
    });
    const lackingLesser = lesser.filter((weight) => weight.n);
    const n = lackingLesser.reduce((sum, weight) => sum + weight.n, 0);
    byId("missing").replaceChildren(
      ...(grave.n ? [makeNotice("warning", makeElement("strong", "Not in the file: "), grave.text)] : []),
      ...(n ? [makeElement("details", [
        makeElement("summary", `Of less weight, and not in the file: ${countNoun(n, "field")}`),
        ...lackingLesser.map((weight) => makeElement("p", weight.text)),
      ])] : []),
    );
  }

  function showColumns(card) {
    const head = ["Column", "Read as", ...card.rows.map((row) => `Line ${row.line}`)];
    const rows = card.columns.map((column, place) => [
      makeElement("th", shorten(column.header) || "(no name)", { scope: "row" }),
      makeElement("td", makeChoice(column, place, card.of_orders)),
      ...card.rows.map((row) => makeElement("td", shorten(row.cells[place] ?? ""), { class: "cell" })),
    ]);
    byId("columns").replaceChildren(makeTable("Columns of the file", head, makeRows(rows)));
    byId("columns").dataset.orders = card.of_orders;
    selectFields(card);
  }

  function makeOptions(choices) {
    return choices.map((field) => makeElement("option", field.label, { value: field.value }));
  }

  function makeChoice(column, place, ofOrders) {
    const options = [makeElement("option", "not read", { value: "" })];
    if (!ofOrders) options.push(...makeOptions(spec.choices));
    // A file with unusual names may be one of orders: whoever knows it chooses from them.
    if (ofOrders) options.push(...makeOptions(spec.orders.choices));
    else if (spec.orders) options.push(makeElement("optgroup", makeOptions(spec.orders.choices), { label: "Lines of orders" }));
    const select = makeElement("select", options, {
      "aria-label": `Read ${shorten(column.header) || `column ${place + 1}`} as`,
    });
    select.addEventListener("change", () => changeMapping(column.header.trim(), select.value));
    return select;
  }

  /* What someone chooses last is taken from the column that had it. */
  async function changeMapping(header, field) {
    const name = (value) => listChoices().find((choice) => choice.value === value)?.field;
    for (const [mapped, its] of mappings) {
      if (field && name(its) === name(field)) mappings.delete(mapped);
    }
    mappings.set(header, field);
    await refreshPreview();
  }

  const listChoices = () => [...spec.choices, ...(spec.orders?.choices ?? [])];

  async function refreshPreview() {
    byId("fault").replaceChildren();
    try {
      const card = await preview();
      if (!byId("columns")) return; // someone went to another page
      if (byId("columns").dataset.orders === String(card.of_orders)) selectFields(card);
      else rebuildColumns(card);
      describeFile(card);
    } catch (error) {
      showFault(error);
      const start = byId("start")?.querySelector("button");
      if (start && error.name !== "AbortError") start.disabled = true;
    }
  }

  /* Other fields can be chosen now; whoever chose stays at the same column. */
  function rebuildColumns(card) {
    const place = [...byId("columns").querySelectorAll("select")].indexOf(document.activeElement);
    showColumns(card);
    showOrderChoices(card);
    if (place >= 0) byId("columns").querySelectorAll("select")[place].focus();
  }

  function selectFields({ columns, of_orders: ofOrders }) {
    const selects = byId("columns").querySelectorAll("select");
    const choices = ofOrders ? spec.orders.choices : spec.choices;
    columns.forEach((column, place) => {
      const chosenField = choices.find((choice) => choice.field === column.field && choice.unit === column.unit);
      selects[place].value = chosenField ? chosenField.value : "";
      selects[place].closest("tr").classList.toggle("unread", !chosenField);
    });
  }

  /* Scoring */

  async function score() {
    const results = { rows: [], bad: [], csv: [], counts: new Map(), n: 0, unsure: 0, refused: 0, first: null };
    byId("fault").replaceChildren();
    setVisible("preview", false);
    showProgress();
    announce("Scoring has begun.");
    byId("progress-title").focus();
    try {
      const answer = await ask(makeAddress("", chooseTime()), file, "application/x-ndjson");
      await readAnswer(answer.body.getReader(), results);
      if (!results.first || results.n < results.first.n_rows) throw new Error(BROKEN);
      running = null;
      await showResults(results);
    } catch (error) {
      if (!byId("progress")) return; // someone went to another page
      setVisible("progress", false);
      setVisible("results", false);
      setVisible("preview", Boolean(file));
      if (error.name === "AbortError" && file) showCancelled(results);
      showFault(error);
      announce("");
    }
  }

  function showProgress() {
    const bar = makeElement("progress", [], { "aria-label": "Rows scored" });
    byId("bar").replaceChildren(bar);
    byId("count").textContent = "The file is sent and checked.";
    byId("cancel").replaceChildren(makeButton("Cancel", () => running && running.abort()));
    setVisible("progress", true);
    setVisible("results", false);
  }

  function showCancelled(results) {
    const text = `Cancelled after ${countNoun(results.n, "row")}; nothing was kept.`;
    byId("fault").replaceChildren(makeNotice("info", text));
    byId("preview-title").focus();
  }

  async function readAnswer(reader, results) {
    const decoder = new TextDecoder();
    let remainder = "";
    let looked = 0;
    let announced = 0;
    for (;;) {
      const { value, done: ended } = await reader.read().catch(explainLoss(BROKEN));
      if (!byId("progress")) {
        reader.cancel(); // someone went to another page
        throw new DOMException("gone", "AbortError");
      }
      const lines = (remainder + decoder.decode(value, { stream: !ended })).split("\n");
      remainder = lines.pop();
      for (const line of lines) countLine(JSON.parse(line), results);
      if (results.first && (ended || performance.now() - looked > EVERY)) {
        showTally(results);
        const quarter = Math.floor((results.n / results.first.n_rows) * 4);
        if (quarter > announced && quarter < 4) announce(`${quarter * 25}% of the rows are scored.`);
        announced = Math.max(announced, quarter);
        looked = performance.now();
        await new Promise((next) => setTimeout(next)); // the page answers to its reader, too
      }
      if (ended) return;
    }
  }

  function countLine(line, results) {
    if (line.summary) return; // the page has counted for itself
    results.csv.push(line.csv);
    if (!line.rows) {
      results.first = line;
      return;
    }
    for (const row of line.rows) {
      results.n += 1;
      if (row.problems.length) {
        results.refused += 1;
        if (results.bad.length < MOST_PROBLEMS) results.bad.push(row);
        continue;
      }
      results.counts.set(row.segment, (results.counts.get(row.segment) || 0) + 1);
      results.unsure += row.unsure;
      results.rows.push(describeRow(row));
    }
  }

  /* A row as the grid shows it, in words for people. */
  function describeRow(row) {
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
      warnings: row.warnings.map((warning) => (warning.field ? `${label(warning.field)} ${warning.message}` : warning.message)).join("; "),
      reasons: row.reasons.map((reason) => `${label(reason.field)}: ${reason.level}`).join("; "),
    };
  }

  function showTally(results) {
    const { n_rows: all } = results.first;
    const bar = byId("bar").firstChild;
    bar.max = all;
    bar.value = results.n;
    byId("count").textContent = `${results.n.toLocaleString("en")} of ${countNoun(all, "row")}`;
    byId("results-title").textContent = "Results so far";
    setVisible("results", true);
    setVisible("all", false);
    showFigures(results);
    showSizes(results);
  }

  function showFigures(results) {
    const scored = results.n - results.refused;
    const figure = (n, text) =>
      makeElement("p", [makeElement("strong", n.toLocaleString("en")), ` ${text}`], { class: "size" });
    byId("figures").replaceChildren(
      figure(scored, `${scored === 1 ? "row" : "rows"} scored`),
      figure(results.unsure, "of them unsure"),
      figure(results.refused, "refused"),
    );
  }

  function showSizes(results) {
    const scored = results.n - results.refused;
    const shares = byId("shares");
    if (!shares.childNodes.length) shares.append(...spec.segments.map(paintPart));
    shares.hidden = !scored;
    byId("sizes").hidden = !scored;
    const rows = byId("sizes").querySelectorAll("tbody tr");
    spec.segments.forEach((segment, place) => {
      const n = results.counts.get(segment.id) || 0;
      const share = scored ? n / scored : 0;
      const part = shares.children[place];
      part.style.flexGrow = share;
      part.hidden = !n;
      part.textContent = share > 0.04 ? formatPercent(share) : "";
      const [size, figure, bar] = rows[place].querySelectorAll("td");
      const head = rows[place].querySelector("th");
      if (!head.querySelector(".swatch")) head.prepend(paintSegment(makeElement("span", [], { class: "swatch" }), segment));
      size.textContent = n.toLocaleString("en");
      figure.textContent = formatPercent(share);
      size.className = figure.className = "figure";
      bar.className = "wide";
      if (!bar.firstChild) bar.append(makeElement("span", paintPart(segment), { class: "bar", "aria-hidden": "true" }));
      bar.firstChild.firstChild.style.width = `${share * 100}%`;
    });
  }

  const paintPart = (segment) => paintSegment(makeElement("span"), segment);

  function paintSegment(element, segment) {
    element.style.setProperty("--segment", segment["--segment"]);
    element.style.setProperty("--on-segment", segment["--on-segment"]);
    return element;
  }

  /* Results */

  async function showResults(results) {
    showTally(results);
    setVisible("progress", false);
    const name = file.name.replace(/\.[^.]*$/, "");
    byId("results-title").textContent = `Results of ${shorten(file.name)}`;
    byId("download").replaceChildren(makeDownload(results, `${name}-segments.csv`));
    byId("warnings").replaceChildren(...describeOrders(results.first.orders, true), ...describeNotUnderstood(results.first));
    showRefused(results);
    setVisible("all", results.rows.length > 0);
    announce(`Done. ${countNoun(results.n - results.refused, "row")} scored, ${results.refused.toLocaleString("en")} refused.`);
    byId("results-title").focus();
    if (results.rows.length) await fillGrid(results);
  }

  /* The answers of the API, byte for byte. */
  function makeDownload(results, name) {
    const element = makeButton("Download the file with its answers", () => {
      const url = URL.createObjectURL(new Blob(results.csv, { type: "text/csv;charset=utf-8" }));
      const link = makeElement("a", [], { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    }, "strong");
    return element;
  }

  function showRefused(results) {
    if (!results.refused) {
      byId("refused").replaceChildren();
      return;
    }
    const rows = results.bad.flatMap((row) =>
      row.problems.map((problem) => [
        makeElement("th", row.line.toLocaleString("en"), { scope: "row" }),
        makeElement("td", problem.field === null ? "the row" : shorten(problem.field)),
        makeElement("td", problem.message),
      ]),
    );
    const more = results.refused - results.bad.length;
    const beyond = more ? [makeElement("p", `And ${countNoun(more, "row")} more: the download names all.`, { class: "lead" })] : [];
    const region = makeElement("div", makeTable("Rows that were refused", ["Line", "Field", "Reason"], makeRows(rows)), {
      class: "scrolling tall", tabindex: "0", role: "region", "aria-label": "Rows that were refused",
    });
    const share = results.refused / results.n;
    const loud = share > MANY_REFUSED
      ? [makeNotice("warning", makeElement("strong", `${formatPercent(share)} of the rows were refused. `),
        "Shares above are of the scored rows only, and the refused ones may be other customers.")]
      : [];
    byId("refused").replaceChildren(
      ...loud, makeElement("h3", `${countNoun(results.refused, "row")} refused`), region, ...beyond,
    );
  }

  async function fillGrid(results) {
    await loadLibrary(spec.library).catch(() => null); // a small file may be scored before it is there
    const grid = await (window.dash_ag_grid ? window.dash_ag_grid.getApiAsync("file-rows") : null);
    if (!grid) return;
    grid.setFilterModel(null);
    grid.setGridOption("columnDefs", defineColumns(results.first.orders?.header ?? results.first.columns.map((column) => column.header)));
    grid.setGridOption("rowData", results.rows);
    grid.addEventListener("modelUpdated", countShown); // the same function: it is added once
    countShown({ api: grid });
  }

  function countShown({ api: grid }) {
    let all = 0;
    grid.forEachNode(() => (all += 1));
    const n = grid.getDisplayedRowCount();
    byId("shown").textContent = `${n.toLocaleString("en")} of ${countNoun(all, "row")} shown`;
  }

  function defineColumns(headers) {
    const text = { filter: "agTextColumnFilter" };
    const ownColumns = ["first", "second", "third"].slice(0, headers.length).map((field, place) => ({
      ...text, field, headerName: shorten(headers[place]) || `Column ${place + 1}`, width: 110,
    }));
    const before = window.innerWidth < 640 ? 1 : ownColumns.length; // on a phone the segment is in sight
    return [
      { field: "line", headerName: "Line", width: 80, filter: "agNumberColumnFilter" },
      ...ownColumns.slice(0, before),
      { ...text, field: "segment", headerName: "Segment", width: 250, cellStyle: colorCell },
      { field: "confidence", headerName: "Confidence", width: 115, filter: "agNumberColumnFilter",
        filterParams: { defaultOption: "lessThan" },
        filterValueGetter: (row) => row.data.confidence * 100,
        valueFormatter: (cell) => formatPercent(cell.value) },
      { ...text, field: "unsure", headerName: "Sure", width: 85 },
      { ...text, field: "reasons", headerName: "Reasons", width: 380, tooltipField: "reasons" },
      { ...text, field: "runner", headerName: "Runner-up", width: 200 },
      { ...text, field: "plausible", headerName: "Plausible", width: 220, tooltipField: "plausible" },
      { ...text, field: "warnings", headerName: "Warnings", width: 320, tooltipField: "warnings" },
      ...ownColumns.slice(before),
    ];
  }

  function colorCell(cell) {
    const tone = spec.tones.get(cell.value);
    return { backgroundImage: `linear-gradient(${tone}, ${tone})` };
  }

  /* What the page calls */

  const loaded = new Map();

  function loadLibrary(where) {
    if (!loaded.has(where)) {
      loaded.set(where, new Promise((resolve, reject) => {
        const script = makeElement("script", [], { src: where });
        script.onload = resolve;
        script.onerror = reject;
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
        spec.names = new Map(spec.segments.map((segment) => [segment.id, segment.name]));
        spec.tones = new Map(spec.segments.map((segment) => [segment.name, segment["--segment"]]));
        spec.labels = new Map(spec.weights.flatMap(({ fields }) => fields.map((field) => [field.name, field.label])));
        reset();
      }
      return window.dash_clientside.no_update;
    },

    grid(specification) {
      if (!specification) return window.dash_clientside.no_update;
      const without = "The table of rows can't be shown now; the download has all of them.";
      return loadLibrary(specification.library).then(() => specification.grid, () => without);
    },
  };

  // A file that misses the drop zone must not replace the page.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => byId("drop") && event.preventDefault());
  }
})();
