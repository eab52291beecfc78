// The graph: one drawing at a time, its places computed beforehand. Folded blocks open.

const COLUMN = 37;
const LAYER = 60;
const BOX = [132, 40];
const MOST_TYPES = 3;
const boxTensors = new Map();

// All tensors in a box, those of the drawings in it included.
function tensorsIn(box) {
  if (!boxTensors.has(box)) {
    const { tensors, scene } = page.graph.boxes[box];
    const inside = tensors || (scene === undefined ? [] : page.graph.scenes[scene].boxes
      .filter((number) => number >= 0).flatMap((number) => [...tensorsIn(number)]));
    boxTensors.set(box, new Set(inside));
  }
  return boxTensors.get(box);
}

const roots = new Map(page.graph.boxes.flatMap(({ tensors }) =>
  (tensors || []).map((tensor) => [tensor, tensors[0]])));

const labelOf = ({ label, tensors }) => (tensors ? nodeName(tensors[0]) : label);

// The kinds of operators in a box, the first few of them.
function typesIn(box) {
  const kinds = new Set([...tensorsIn(box)].map((tensor) => page.types[tensor]).filter(Boolean));
  return [...kinds].slice(0, MOST_TYPES).join(" ") + (kinds.size > MOST_TYPES ? " …" : "");
}

// The tensor that the box of another begins with: what follows it there reads as it does.
const rootOf = (tensor) => roots.get(tensor);

const shownBy = (box) => {
  const all = [...tensorsIn(box)];
  return page.graph.boxes[box].tensors ? all[0] : all[all.length - 1];
};

// -- colours --------------------------------------------------------------------------------------

const METRICS = {
  size: { text: "size", of: (field) => largest(field.axes.map((axis) => axis.size)) },
  stride: { text: "stride", of: (field) => largest(field.axes.map((axis) => axis.stride)) },
  effective: {
    text: "effective size",
    of: (field, input, tensor) => {
      const found = effectiveOf(input, tensor);
      return found && largest(found[1].map(([size]) => size));
    },
  },
  scope: { text: "scope", words: (field) => worst(field.axes.map((axis) => axis.scope)) },
  alignment: {
    text: "alignment",
    words: (field) => (field.aligned === null ? "–" : field.aligned ? "aligned" : "not aligned"),
  },
};
const ORDER = ["none", "local", "one-sided", "global", "unknown"];
const worst = (scopes) => ORDER[Math.max(...scopes.map((scope) => ORDER.indexOf(scope)), 0)];

// The text and the class of a box, by what the boxes are coloured by.
function coloured(metric, input, tensor, most) {
  const field = fieldOf(input, tensor);
  if (!field) return { text: "not read", kind: "k-none" };
  const kind = METRICS[metric];
  if (kind.words) {
    const word = kind.words(field);
    return { text: word, kind: `k-${word.replace(/[^a-z]+/g, "-")}` };
  }
  const value = kind.of(field, input, tensor);
  if (value === null) return { text: worst(field.axes.map((axis) => axis.scope)), kind: "k-unsaid" };
  const step = most > 1 ? Math.round((7 * Math.log(Math.max(value, 1))) / Math.log(most)) : 0;
  return { text: grouped(value), kind: `step-${Math.min(step, 7)}` };
}

function mostOf(metric, input) {
  const { of } = METRICS[metric];
  if (!of) return 1;
  return page.tensors.reduce((most, _, tensor) => {
    const field = fieldOf(input, tensor);
    return Math.max(most, (field && of(field, input, tensor)) || 0);
  }, 1);
}

// -- the drawing ----------------------------------------------------------------------------------

const middle = (column) => column * COLUMN + BOX[0] / 2 + 8;
const top = (layer) => layer * LAYER + 8;

function lineOf(scene, [before, after, ...bends]) {
  const [x1, layer1] = [scene.at[2 * before], scene.at[2 * before + 1]];
  const [x2, layer2] = [scene.at[2 * after], scene.at[2 * after + 1]];
  const points = [[middle(x1), top(layer1) + BOX[1]]];
  let layer = layer1 + 1;
  for (let k = 0; k < bends.length; k += 2) {
    const x = middle(bends[k]);
    points.push([x, top(layer)], [x, top(layer + bends[k + 1] - 1) + BOX[1]]);
    layer += bends[k + 1];
  }
  points.push([middle(x2), top(layer2)]);
  let path = `M${points[0]}`;
  for (let k = 1; k < points.length; k += 1) {
    const [[a, b], [c, d]] = [points[k - 1], points[k]];
    path += a === c ? `V${d}` : `C${a} ${(b + d) / 2} ${c} ${(b + d) / 2} ${c} ${d}`;
  }
  return path;
}

function boxLabel(scene, box) {
  if (box < 0) return box === -1 ? "what comes before" : "what follows";
  const label = labelOf(page.graph.boxes[box]);
  const block = scene.label;
  return block && label.startsWith(block) && label.length > block.length
    ? label.slice(block.length).replace(/^[./]/, "") : label;
}

function drawGraph(state) {
  const scene = page.graph.scenes[state.scene];
  const most = mostOf(state.metric, state.input);
  const columns = [...scene.lines.flatMap((line) => line.slice(2).filter((_, k) => k % 2 === 0)),
    ...scene.at.filter((_, k) => k % 2 === 0)];
  const width = Math.max(...columns) * COLUMN + BOX[0] + 16;
  const height = Math.max(...scene.at.filter((_, k) => k % 2), 0) * LAYER + BOX[1] + 16;
  const lines = scene.lines.map((line) => svg("path", { class: "line", d: lineOf(scene, line) }));
  const boxes = scene.boxes.map((box, place) => drawBox(state, scene, box, place, most));
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, lines, boxes);
  const holder = $("graph-picture");
  holder.replaceChildren(picture);
  squeeze(picture);
  roving(boxes, (at, key) => beside(scene, at, key));
  boxes.forEach((box, at) => box.setAttribute("tabindex", at ? -1 : 0));
  state.drawn = { scene, lines, boxes };
  $("graph-trail").replaceChildren(...trail(state));
  $("graph-note").textContent = noteOf(scene);
  $("graph-tables").replaceChildren(folded("Boxes of this drawing as a table", () => boxTable(state)));
  markGraph(state);
  holder.scrollLeft = middle(scene.at[0]) - holder.clientWidth / 2;
}

// What is wider than its box, in the font and script that it has here, is set closer.
function squeeze(picture) {
  const room = BOX[0] - 8;
  const wide = [...picture.querySelectorAll(".box text")].filter((text) => text.getComputedTextLength() > room);
  for (const text of wide) fill(text, { textLength: room, lengthAdjust: "spacingAndGlyphs" }, []);
}

function drawBox(state, scene, box, place, most) {
  const [x, y] = [middle(scene.at[2 * place]) - BOX[0] / 2, top(scene.at[2 * place + 1])];
  const label = boxLabel(scene, box);
  if (box < 0) {
    return svg("g", { class: "box outside", role: "button", transform: `translate(${x} ${y})`,
      "aria-label": `${label}: back to the drawing around`, click: () => openScene(state, scene.parent) },
    svg("rect", { width: BOX[0], height: BOX[1], rx: 20 }),
    svg("text", { x: BOX[0] / 2, y: 25 }, label));
  }
  const { scene: inner } = page.graph.boxes[box];
  const [whole, types] = [labelOf(page.graph.boxes[box]), typesIn(box)];
  const tensor = shownBy(box);
  const { text, kind } = coloured(state.metric, state.input, tensor, most);
  const folds = inner !== undefined;
  const act = folds ? () => { state.select(tensor); openScene(state, inner); } : () => state.select(tensor);
  const name = tail(label, 18);
  const value = `${folds ? `▸ ${tensorsIn(box).size} tensors` : tail(types.split(" ")[0] || "input", 14)} · ${text}`;
  return svg("g", {
    class: `box ${kind}${folds ? " folds" : ""}`, role: "button", transform: `translate(${x} ${y})`,
    // What is seen comes first, as who speaks to a machine says what they see.
    "aria-label": `${name} ${value}, ${METRICS[state.metric].text} of ${whole}${folds ? ", opens" : ""}`,
    click: act,
  },
  folds ? svg("rect", { class: "behind", x: 4, y: 4, width: BOX[0], height: BOX[1], rx: 5 }) : null,
  svg("rect", { width: BOX[0], height: BOX[1], rx: 5 }),
  svg("title", { "aria-hidden": "true" }, `${whole}\n${types}`),
  svg("text", { class: "name", x: BOX[0] / 2, y: 16 }, `${name} `),
  svg("text", { class: "value", x: BOX[0] / 2, y: 31 }, value));
}

// The box that lies next in the direction of an arrow.
function beside(scene, at, key) {
  const way = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[key];
  if (key === "Home") return 0;
  if (key === "End") return scene.boxes.length - 1;
  if (!way) return undefined;
  let best = at;
  let least = Infinity;
  scene.boxes.forEach((_, other) => {
    const dx = scene.at[2 * other] - scene.at[2 * at];
    const dy = scene.at[2 * other + 1] - scene.at[2 * at + 1];
    const along = way[0] ? (dy === 0 ? dx * way[0] : 0) : dy * way[1];
    const distance = along * 100 + Math.abs(way[0] ? dy : dx);
    if (along > 0 && distance < least) [best, least] = [other, distance];
  });
  return best;
}

function noteOf(scene) {
  const count = scene.left.length / 2;
  const boxes = scene.boxes.filter((box) => box >= 0).length;
  const lines = scene.lines.length;
  if (!count) return `${boxes} boxes, ${lines} lines.`;
  return `${boxes} boxes, ${lines} lines; ${grouped(count)} more lines are not drawn, for others lead along them.`;
}

function trail(state) {
  const way = [];
  for (let at = state.scene; at >= 0; at = page.graph.scenes[at].parent) way.unshift(at);
  return way.map((at, k) => {
    const text = page.graph.scenes[at].label || "whole model";
    const last = k === way.length - 1;
    return html("li", {}, last ? html("span", { "aria-current": "true" }, text)
      : html("button", { type: "button", click: () => openScene(state, at) }, text));
  });
}

function openScene(state, scene) {
  if (scene < 0) return;
  state.scene = scene;
  drawGraph(state);
  const first = state.drawn.boxes[0];
  if (first) first.focus({ preventScroll: true });
  $("graph-picture").scrollTop = 0;
}

// Move the drawing in its frame, not the page, so that what is chosen can be seen.
function reveal(state) {
  const { scene } = state.drawn;
  const holder = $("graph-picture");
  const place = scene.boxes.findIndex((box) => box >= 0 && tensorsIn(box).has(state.tensor));
  if (place < 0) return;
  const [x, y] = [middle(scene.at[2 * place]), top(scene.at[2 * place + 1])];
  const inside = (at, from, room) => at > from + BOX[0] / 2 && at < from + room - BOX[0] / 2;
  if (!inside(x, holder.scrollLeft, holder.clientWidth)) holder.scrollLeft = x - holder.clientWidth / 2;
  if (!inside(y, holder.scrollTop, holder.clientHeight)) holder.scrollTop = y - holder.clientHeight / 2;
}

function boxTable(state) {
  const { scene } = state.drawn;
  const from = scene.boxes.map(() => []);
  const pairs = [...scene.lines.map((line) => line.slice(0, 2))];
  for (let k = 0; k < scene.left.length; k += 2) pairs.push([scene.left[k], scene.left[k + 1]]);
  for (const [before, after] of pairs) from[after].push(boxLabel(scene, scene.boxes[before]));
  const rows = scene.boxes.map((box, k) => [boxLabel(scene, box),
    box < 0 ? "" : typesIn(box), from[k].join(", ")]);
  return table(["box", "operators", "reads"], rows);
}

// What is chosen and what is lit, without drawing anew.
function markGraph(state) {
  const { scene, boxes, lines } = state.drawn;
  const lit = state.walk;
  const on = scene.boxes.map((box) => (box < 0 ? null : [...tensorsIn(box)].filter((t) => lit && lit.has(t))));
  scene.boxes.forEach((box, k) => {
    const chosen = box >= 0 && tensorsIn(box).has(state.tensor);
    boxes[k].classList.toggle("chosen", chosen);
    boxes[k].setAttribute("aria-pressed", String(chosen));
    boxes[k].classList.toggle("lit", Boolean(lit && on[k] && on[k].length));
  });
  const order = lit ? [...lit].sort((a, b) => a - b) : [];
  const next = new Map(order.slice(1).map((tensor, k) => [order[k], tensor]));
  lines.forEach((line, k) => {
    const [before, after] = scene.lines[k];
    const goes = lit && on[before] && on[after] && on[before].some((t) => on[after].includes(next.get(t)));
    line.classList.toggle("lit", Boolean(goes));
  });
}
