// The table of layers: sorted by any column, searched, and linked with all else.

const AT_ONCE = 200;

const axisText = (field, of) => once(field.axes.map((axis) => show(of(axis))));

const COLUMNS = [
  { name: "layer", cell: (row) => row.label, key: (row) => row.at },
  { name: "operator", cell: (row) => page.types[row.tensor] || "input", key: (row) => page.types[row.tensor] },
  { name: "n", cell: (row) => axisText(row.field, (axis) => axis.n), key: (row) => largest(row.field.axes.map((axis) => axis.n)) },
  { name: "stride", cell: (row) => axisText(row.field, (axis) => axis.stride), key: (row) => largest(row.field.axes.map((axis) => axis.stride)) },
  { name: "size", cell: (row) => axisText(row.field, (axis) => span(axis.size_min, axis.size)), key: (row) => largest(row.field.axes.map((axis) => axis.size)) },
  { name: "effective", cell: (row) => (row.effective ? once(row.effective[1].map(([size]) => show(size))) : "–"), key: (row) => (row.effective ? largest(row.effective[1].map(([size]) => size)) : null) },
  { name: "start", cell: (row) => axisText(row.field, (axis) => axis.start), key: (row) => largest(row.field.axes.map((axis) => axis.start)) },
  { name: "center", cell: (row) => axisText(row.field, (axis) => axis.center), key: (row) => largest(row.field.axes.map((axis) => axis.center)) },
  { name: "before", cell: (row) => axisText(row.field, (axis) => axis.before), key: (row) => largest(row.field.axes.map((axis) => axis.before)) },
  { name: "after", cell: (row) => axisText(row.field, (axis) => axis.after), key: (row) => largest(row.field.axes.map((axis) => axis.after)) },
  { name: "paths", cell: (row) => axisText(row.field, (axis) => span(axis.shortest, axis.longest)), key: (row) => largest(row.field.axes.map((axis) => axis.longest)) },
  { name: "scope", cell: (row) => worst(row.field.axes.map((axis) => axis.scope)), key: (row) => ORDER.indexOf(worst(row.field.axes.map((axis) => axis.scope))) },
  { name: "aligned", cell: (row) => ({ 0: "no", 1: "yes" })[row.field.aligned] || "–", key: (row) => row.field.aligned },
];

function rowsOf(state) {
  const { input } = state;
  const every = state.everyTensor
    ? page.tensors.map((name, tensor) => [tensor, name]).filter(([tensor]) => input.fields[tensor])
    : input.layers;
  return every.map(([tensor, label = nodeName(tensor)], at) => ({ tensor, label, at, field: fieldOf(input, tensor), effective: effectiveOf(input, tensor) }));
}

function drawTable(state) {
  const words = $("search").value.trim().toLowerCase();
  const column = COLUMNS[state.sort.column];
  const rows = rowsOf(state).filter((row) => `${row.label} ${page.tensors[row.tensor]} ${page.types[row.tensor]}`.toLowerCase().includes(words));
  const missing = (value) => value === null || value === undefined;
  rows.sort((a, b) => {
    const [one, other] = [column.key(a), column.key(b)];
    if (missing(one) || missing(other)) return missing(one) - missing(other) || a.at - b.at;
    return (one < other ? -1 : one > other ? 1 : 0) * state.sort.way || a.at - b.at;
  });
  state.rows = rows;
  $("layers-head").replaceChildren(html("tr", {}, COLUMNS.map((one, k) => heading(state, one, k))));
  $("layers-rows").replaceChildren();
  moreRows(state);
}

function heading(state, column, k) {
  const sorted = state.sort.column === k;
  const way = sorted ? (state.sort.way > 0 ? "ascending" : "descending") : "none";
  return html("th", { scope: "col", "aria-sort": way }, html("button", { type: "button", click: () => {
    state.sort = { column: k, way: sorted ? -state.sort.way : 1 };
    drawTable(state);
    $("layers-head").querySelectorAll("button")[k].focus();
  } }, column.name, html("span", { "aria-hidden": "true" }, { ascending: " ▲", descending: " ▼", none: "" }[way])));
}

function moreRows(state) {
  const body = $("layers-rows");
  const next = state.rows.slice(body.children.length, body.children.length + AT_ONCE);
  body.append(...next.map((row) => html("tr", { "data-tensor": row.tensor, class: isRow(state, row.tensor) ? "chosen" : null, click: () => state.select(row.tensor) },
  COLUMNS.map((column, k) => (k
    ? html("td", {}, column.cell(row))
    : html("th", { scope: "row" }, html("button", { type: "button" }, column.cell(row))))))));
  const left = state.rows.length - body.children.length;
  $("layers-more").hidden = left <= 0;
  $("layers-more").textContent = `show ${Math.min(left, AT_ONCE)} of ${left} more`;
  $("layers-count").textContent = `${grouped(state.rows.length)} rows`;
}

const isRow = (state, tensor) =>
  tensor === state.tensor || (!state.everyTensor && tensor === rootOf(state.tensor));

function markTable(state) {
  for (const row of $("layers-rows").children) {
    row.classList.toggle("chosen", isRow(state, Number(row.dataset.tensor)));
  }
}
