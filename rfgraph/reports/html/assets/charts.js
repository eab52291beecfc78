// Growth by depth, and the distribution over paths.

const CHART = { width: 760, height: 260, left: 52, right: 12, top: 22, bottom: 36 };

function ticks(most, count = 5) {
  const rough = most / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const stepSize = Math.max([1, 2, 5, 10].map((k) => k * power).find((one) => one >= rough), 1);
  const found = [];
  for (let at = 0; at <= most; at += stepSize) found.push(at);
  return found;
}

function chartFrame(xs, ys, xName, yName, yTicks, yText) {
  const { width, height, left, right, top: above, bottom } = CHART;
  const x = (value) => left + ((value - xs[0]) / (xs[1] - xs[0] || 1)) * (width - left - right);
  const y = (value) => height - bottom - (value / (ys || 1)) * (height - above - bottom);
  const grid = yTicks.map((at) => [
    svg("line", { class: "grid", x1: left, x2: width - right, y1: y(at), y2: y(at) }),
    svg("text", { class: "tick", x: left - 6, y: y(at) + 4, "text-anchor": "end" }, yText(at)),
  ]);
  const names = [
    svg("text", { class: "tick", x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, xName),
    svg("text", { class: "tick", x: 4, y: 11 }, yName),
  ];
  return { x, y, parts: [...grid, ...names] };
}

// -- growth ---------------------------------------------------------------------------------------

function growthRows(input) {
  return input.layers.map(([tensor, label = nodeName(tensor)], at) => {
    const field = fieldOf(input, tensor);
    const found = effectiveOf(input, tensor);
    return { at, tensor, label, size: largest(field.axes.map((axis) => axis.size)),
      shortest: largest(field.axes.map((axis) => axis.shortest)),
      longest: largest(field.axes.map((axis) => axis.longest)),
      effective: found && largest(found[1].map(([size]) => size)) };
  }).filter((row) => row.size !== null);
}

// The row of what is chosen: its own, or that of the layer whose box it is in.
function rowAt(rows, state) {
  const own = rows.findIndex((row) => row.tensor === state.tensor);
  return own < 0 ? rows.findIndex((row) => row.tensor === rootOf(state.tensor)) : own;
}

function drawGrowth(state) {
  const { input } = state;
  const rows = growthRows(input);
  $("growth").hidden = rows.length < 2;
  if (rows.length < 2) return;
  const known = input.axes.filter((axis) => !input.open.includes(axis)).map((axis) => input.shape[axis]);
  const length = known.length ? Math.max(...known) : null;
  const most = Math.max(...rows.map((row) => Math.max(row.size, row.longest || 0)), length || 0);
  const { x, y, parts } = chartFrame([0, rows.length - 1], most, "layers in the order of the file",
    "positions", ticks(most), grouped);
  const line = (points) => `M${points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L")}`;
  const of = (key) => rows.map((row, k) => [k, row[key]]).filter(([, value]) => value !== null);
  const [low, high, size, effective] = ["shortest", "longest", "size", "effective"].map(of);
  if (high.length) parts.push(svg("path", { class: "band", d: `${line([...high, ...low.reverse()])}Z` }));
  if (length !== null) {
    parts.push(svg("line", { class: "length", x1: x(0), x2: x(rows.length - 1), y1: y(length), y2: y(length) }),
      svg("text", { class: "tick", x: x(0) + 4, y: y(length) - 5 }, `input ${length}`));
  }
  parts.push(svg("path", { class: "theoretical", d: line(size) }));
  if (effective.length) {
    parts.push(svg("path", { class: "effective", d: line(effective) }),
      effective.map(([a, b]) => svg("circle", { class: "effective", cx: x(a), cy: y(b), r: 2.5 })));
  }
  const cursor = svg("line", { class: "cursor", y1: CHART.top, y2: CHART.height - CHART.bottom });
  const picture = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "group", tabindex: 0,
    "aria-label": "Growth of the receptive field by layer; arrows go from layer to layer" }, parts, cursor);
  state.growth = { rows, cursor, x };
  const go = (k) => state.select(rows[Math.min(Math.max(k, 0), rows.length - 1)].tensor);
  const here = () => rowAt(rows, state);
  picture.addEventListener("click", (event) => {
    const seen = picture.getBoundingClientRect();
    const at = ((event.clientX - seen.left) / seen.width) * CHART.width;
    go(Math.round(((at - CHART.left) / (CHART.width - CHART.left - CHART.right)) * (rows.length - 1)));
  });
  picture.addEventListener("keydown", (event) => {
    const next = { ArrowRight: here() + 1, ArrowLeft: here() - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    go(next);
  });
  $("growth-picture").replaceChildren(picture);
  markGrowth(state);
}

function markGrowth(state) {
  if (!state.growth) return;
  const { rows, cursor, x } = state.growth;
  const at = rowAt(rows, state);
  cursor.toggleAttribute("hidden", at < 0);
  $("growth-said").textContent = "";
  if (at < 0) return;
  cursor.setAttribute("x1", x(at));
  cursor.setAttribute("x2", x(at));
  const row = rows[at];
  $("growth-said").textContent = `${row.label}: theoretical ${show(row.size)}, single paths ${show(span(row.shortest, row.longest))}, effective ${show(row.effective)}`;
}

// -- distribution ---------------------------------------------------------------------------------

const SIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function tensorsOfWalk(text) {
  const found = new Set();
  [...text].forEach((char, at) => {
    const six = SIX.indexOf(char);
    for (let bit = 0; bit < 6; bit += 1) if ((six >> bit) & 1) found.add(6 * at + bit);
  });
  return found;
}

function drawPaths(state) {
  const parts = result.paths.flatMap((counted, pair) => {
    const [tensor, groups] = page.walks[pair];
    return groups.map(([axes, walks, length]) => {
      const axis = (counted.axes || []).find((one) => one.axis === axes[0]);
      return axis ? distribution(state, counted, tensor, axis, axes, walks, length) : null;
    });
  }).filter(Boolean);
  $("paths").hidden = parts.length === 0;
  $("paths-pictures").replaceChildren(...parts);
}

function distribution(state, counted, tensor, axis, axes, walks, length) {
  const local = axis.histogram || [];
  const others = [["one-sided", axis.one_sided], ["global", axis.global], ["unknown", axis.unknown]]
    .filter(([, count]) => count !== "0").map(([word, count]) => `${amount(count)} ${word}`);
  const where = `${nodeName(tensor)}, ${axes.length > 1 ? "axes" : "axis"} ${axes.join(", ")}${result.inputs.length > 1 ? ` of ${counted.input}` : ""}`;
  const facts = [`${amount(axis.local)} local routes`, ...others];
  if (axis.min !== null) facts.push(`sizes ${span(axis.min, axis.max)}`);
  if (axis.median !== null) facts.push(`median ${axis.median}`, `mean ${Number(axis.mean.toFixed(1))}`);
  if (axis.covering !== null && length !== null && axis.local !== "0") {
    facts.push(`${percent(axis.covering, axis.local)} cover the input's ${length}`);
  }
  const said = html("p", { class: "said", "aria-live": "polite" });
  const chosen = html("div", { class: "walk" });
  const light = (size) => lightWalk(state, walks, size, said, chosen);
  return html("article", {}, html("h3", {}, where), html("p", { class: "facts" }, facts.join(" · ")),
    local.length > 1 ? bars(local, walks, length, light, where) : null, said, chosen,
    local.length ? folded("Sizes as a table", () => sizesTable(local, axis.local, walks, light)) : null);
}

function percent(part, whole) {
  if (part === "0") return "none";
  if (part === whole) return "all";
  const hundredths = Number((BigInt(part) * 10000n) / BigInt(whole)) / 100;
  if (hundredths < 0.01) return "less than 0.01 %";
  if (hundredths >= 99.99) return "more than 99.99 %";
  return `${hundredths} %`;
}

function bars(local, walks, length, light, where) {
  const counts = local.map(([, digits]) => log10(digits));
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const decades = most - least > 3;
  const height = (k) => (decades ? counts[k] + 0.3 : 10 ** (counts[k] - most));
  const full = decades ? most + 0.3 : 1;
  const sizes = local.map(([size]) => Number(size));
  const gap = Math.min(...sizes.slice(1).map((size, k) => size - sizes[k]), Infinity);
  const [from, to] = [sizes[0] - gap, Math.max(sizes[sizes.length - 1], length || 0) + gap];
  const yTicks = decades ? ticks(most, 4).map((at) => at + 0.3) : [];
  const { x, y, parts } = chartFrame([from, to], full, "size in positions", decades ? "paths, log" : "paths",
    yTicks, (at) => `10^${Math.round(at - 0.3)}`);
  const width = Math.max(Math.min(x(gap) - x(0) - 1, 26), 1.5);
  const drawn = local.map(([size, digits], k) => {
    const covers = length !== null && size >= length;
    const bottom = CHART.height - CHART.bottom;
    const tall = Math.max(bottom - y(height(k)), 2);
    return svg("g", { class: `bar${covers ? " covers" : ""}${size in walks ? "" : " dark"}`, role: "button", tabindex: k ? -1 : 0,
      "aria-label": `size ${size}: ${amount(digits)} paths${size in walks ? ", shows one" : ""}`,
      click: (event) => {
        for (const bar of drawn) bar.classList.toggle("chosen", bar === event.currentTarget);
        light(size);
      } },
    svg("title", { "aria-hidden": "true" }, `size ${size}: ${amount(digits)}`),
    svg("rect", { class: "room", x: x(sizes[k]) - width / 2, y: CHART.top, width, height: bottom - CHART.top }),
    svg("rect", { x: x(sizes[k]) - width / 2, y: bottom - tall, width, height: tall }));
  });
  const labels = ticks(to, 8).filter((at) => at >= from).map((at) =>
    svg("text", { class: "tick", x: x(at), y: CHART.height - CHART.bottom + 14, "text-anchor": "middle" }, String(at)));
  const mark = length !== null && length <= to ? [
    svg("line", { class: "length", x1: x(length), x2: x(length), y1: CHART.top, y2: CHART.height - CHART.bottom }),
    svg("text", { class: "tick", x: x(length) - 4, y: CHART.top + 8, "text-anchor": "end" }, `input ${length}`)] : [];
  roving(drawn, inRow(drawn.length));
  return html("div", { class: "chart" }, svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`,
    role: "group", "aria-label": `Distribution of sizes over paths, ${where}` }, parts, mark, drawn, labels));
}

function sizesTable(local, total, walks, light) {
  const rows = local.map(([size, digits]) => html("tr", {}, html("td", {}, String(size)),
    html("td", {}, grouped(digits)), html("td", {}, percent(digits, total)),
    html("td", {}, size in walks ? html("button", { type: "button", "aria-label": `show a path of size ${size}`,
      click: () => light(size) }, "show") : "")));
  return html("table", {}, html("thead", {}, html("tr", {}, ["size", "paths", "share", "a path"].map((text) =>
    html("th", { scope: "col" }, text)))), html("tbody", {}, rows));
}

function lightWalk(state, walks, size, said, chosen) {
  if (!(size in walks)) {
    said.textContent = `Size ${size}: no path of it is kept here; rfgraph paths --list shows paths.`;
    chosen.replaceChildren();
    return;
  }
  state.walk = tensorsOfWalk(walks[size]);
  const passed = [...state.walk].sort((a, b) => a - b);
  said.textContent = `Lit in the graph: a path of size ${size} through ${passed.length - 1} operators. `;
  const show_ = () => $("graph").scrollIntoView();
  const putOut = () => {
    state.walk = null;
    said.textContent = "";
    chosen.replaceChildren();
    markGraph(state);
  };
  chosen.replaceChildren(html("button", { type: "button", click: show_ }, "go to the graph"), " ",
    html("button", { type: "button", click: putOut }, "put it out"), html("ol", { class: "path", tabindex: 0, "aria-label": `Operators of a path of size ${size}` },
    passed.slice(1).map((tensor) => html("li", {}, nodeName(tensor)))));
  markGraph(state);
}
