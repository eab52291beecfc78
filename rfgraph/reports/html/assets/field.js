// The chosen layer: its numbers, and its field over the input as a box that the arrows move.

const ROOM = 340;

function drawLayer(state) {
  const { input, tensor } = state;
  const field = fieldOf(input, tensor);
  $("layer-name").textContent = nodeName(tensor);
  $("layer-facts").textContent = factsOf(tensor);
  $("layer-numbers").replaceChildren(field ? numbersTable(input, field, tensor) : html("p", {},
    "This input does not reach it."));
  const known = tableOf(input, tensor);
  const usable = known && input.axes.length;
  $("unit").hidden = !usable;
  $("unit-none").hidden = Boolean(usable) || !field;
  if (!usable) return;
  [state.moves] = known;
  state.moves = state.moves.filter((axis) => shapeOf(tensor)[axis] > 1);
  state.index = centre(tensor, known[0]);
  state.plane = input.axes.slice(-2);
  drawControls(state);
  drawField(state);
}

function factsOf(tensor) {
  const shape = shapeOf(tensor);
  const type = page.types[tensor] || "graph input";
  return `${type} · ${page.tensors[tensor]} · ${shape ? shape.join(" × ") : "shape not known"}`;
}

function numbersTable(input, field, tensor) {
  const found = effectiveOf(input, tensor);
  const rows = [
    ["scope", (axis) => (axis.through.length ? `${axis.scope} through ${axis.through.join(", ")}` : axis.scope)],
    ["size", (axis) => span(axis.size_min, axis.size)],
    ["effective 95 %", (_, k) => found && found[1][k][0]],
    ["stride", (axis) => axis.stride],
    ["start, center of unit 0", (axis) => (axis.start === null ? null : `${axis.start}, ${show(axis.center)}`)],
    ["reach before, after", (axis) => `${show(axis.before)}, ${show(axis.after)}`],
    ["single paths", (axis) => span(axis.shortest, axis.longest)],
    ["units", (axis) => axis.n],
  ];
  return html("table", { class: "numbers" },
    html("thead", {}, html("tr", {}, html("td", {}),
      input.axes.map((axis) => html("th", { scope: "col" }, `axis ${axis}`)))),
    html("tbody", {}, rows.map(([name, of]) => html("tr", {}, html("th", { scope: "row" }, name),
      field.axes.map((axis, k) => html("td", {}, show(of(axis, k))))))));
}

function drawControls(state) {
  const { tensor } = state;
  $("unit-index").replaceChildren(...state.moves.map((axis) => {
    const entry = html("input", { type: "number", min: 0, max: shapeOf(tensor)[axis] - 1,
      value: state.index[axis], id: `unit-axis-${axis}`, input: () => {
        const at = Number(entry.value);
        if (entry.value !== "" && Number.isInteger(at) && at >= 0 && at < shapeOf(tensor)[axis]) {
          state.index[axis] = at;
          drawField(state);
        }
      } });
    return html("label", {}, `axis ${axis} `, entry, html("span", { class: "of" }, ` of ${shapeOf(tensor)[axis]}`));
  }));
  const planes = $("unit-planes");
  planes.hidden = state.input.axes.length < 3;
  planes.replaceChildren(...pairsOf(state.input.axes).map((pair) => html("button", {
    type: "button", "aria-pressed": String(String(pair) === String(state.plane)), click: () => {
      state.plane = pair;
      drawControls(state);
      drawField(state);
    } }, `axes ${pair.join(", ")}`)));
}

const pairsOf = (axes) => axes.flatMap((first, k) => axes.slice(k + 1).map((second) => [first, second]));

// -- the picture ----------------------------------------------------------------------------------

function drawField(state) {
  const { input, tensor, index } = state;
  const unit = unitOf(input, tensor, index);
  for (const axis of state.moves) {
    const entry = $(`unit-axis-${axis}`);
    if (entry && document.activeElement !== entry) entry.value = index[axis];
  }
  const rank = shapeOf(tensor).length;
  const name = [...Array(rank).keys()].map((axis) => (axis in index ? index[axis] : "*")).join(", ");
  $("unit-name").textContent = `[${name}]`;
  $("unit-reads").replaceChildren(readsTable(unit));
  $("unit-said").textContent = unit.empty ? "reads nothing" : `reads ${input.axes
    .map((axis) => `${unit.axes[axis].inside.join("..")} of axis ${axis}`).join(", ")}`;
  $("field-picture").replaceChildren(fieldPicture(state, unit));
}

function readsTable(unit) {
  const rows = unit.axes.map(({ inside, without }, axis) => {
    const wide = without || (unit.empty ? null : inside);
    return [axis, unit.empty ? "nothing" : inside.join(".."), without && without.join(".."),
      wide && wide[1] - wide[0] + 1, wide && (wide[0] + wide[1]) / 2];
  });
  return table(["axis", "reads", "unclipped", "size", "center"], rows);
}

// Positions to pixels: the input and what lies around it that some unit of the layer reaches.
function frame(state) {
  const { input, plane } = state;
  const entries = tableOf(input, state.tensor)[1];
  const sides = plane.map((axis) => {
    const length = input.shape[axis];
    const ends = entries[axis][1] ? intervals(entries[axis][1][1]) : [];
    const reach = ends.length ? [ends[0], ends[ends.length - 1]].map(([lo, hi]) => Math.max(-lo, hi - length + 1, 0)) : [0];
    return { length, margin: Math.min(Math.max(...reach), Math.ceil(length / 2)) };
  });
  if (sides.length === 1) sides.unshift(null);
  const [high, wide] = sides;
  const full = (side) => side.length + 2 * side.margin;
  let scale = ROOM / (high ? Math.max(full(high), full(wide)) : full(wide));
  const scaleX = full(wide) * scale < 60 ? 60 / full(wide) : scale;
  const scaleY = high && full(high) * scale < 60 ? 60 / full(high) : scale;
  return {
    x: (position) => (position + wide.margin) * scaleX,
    y: high ? (position) => (position + high.margin) * scaleY : (position) => position * 64,
    width: full(wide) * scaleX, height: high ? full(high) * scaleY : 64,
    across: wide.length, down: high ? high.length : 1,
    column: plane[plane.length - 1], row: high ? plane[0] : null,
  };
}

function rectangle(at, [top_, bottom], [left, right], attributes) {
  return svg("rect", { x: at.x(left), y: at.y(top_), width: at.x(right + 1) - at.x(left),
    height: at.y(bottom + 1) - at.y(top_), ...attributes });
}

function fieldPicture(state, unit) {
  const at = frame(state);
  const of = (axis, key) => (axis === null ? [0, 0] : unit.axes[axis][key]);
  const whole = [[0, at.down - 1], [0, at.across - 1]];
  const wide = [of(at.row, "without"), of(at.column, "without")];
  const parts = wide.every(Boolean) ? [rectangle(at, ...wide, { class: "without" })] : [];
  parts.push(rectangle(at, ...whole, { class: "input" }));
  if (state.image) {
    parts.push(svg("image", { href: state.image, x: at.x(0), y: at.y(0), width: at.x(at.across) - at.x(0),
      height: at.y(at.down) - at.y(0), preserveAspectRatio: "none" }));
  }
  const map = isCentre(state) ? effectiveOf(state.input, state.tensor) : null;
  if (map && String(map[3].axes) === String(state.plane)) parts.push(mapPicture(at, map[3]));
  $("map-note").textContent = mapNote(state, map);
  if (!unit.empty) {
    const box = [of(at.row, "inside"), of(at.column, "inside")];
    parts.push(svg("path", { class: "shade", "fill-rule": "evenodd",
      d: outline(at, ...whole) + outline(at, ...box) }));
    parts.push(rectangle(at, ...box, { class: "read" }));
  }
  return svg("svg", { viewBox: `0 0 ${at.width} ${at.height}`, width: at.width, height: at.height,
    role: "img", "aria-label": `Field of unit ${$("unit-name").textContent} over the input: ${$("unit-said").textContent}`,
    click: (event) => moveTo(state, at, event) }, parts);
}

function outline(at, [top_, bottom], [left, right]) {
  return `M${at.x(left)} ${at.y(top_)}H${at.x(right + 1)}V${at.y(bottom + 1)}H${at.x(left)}Z`;
}

function mapPicture(at, { box, cells, levels }) {
  const [down, across] = cells.length > 1 ? cells : [1, cells[0]];
  const [rows, columns] = box.length > 1 ? box : [[0, 0], box[0]];
  const edge = ([first, last], count, k) => first + Math.round(((last - first + 1) * k) / count);
  const paths = new Map();
  for (let k = 0; k < levels.length; k += 1) {
    const [r, c] = [Math.floor(k / across), k % across];
    const cell = outline(at, [edge(rows, down, r), edge(rows, down, r + 1) - 1],
      [edge(columns, across, c), edge(columns, across, c + 1) - 1]);
    paths.set(levels[k], (paths.get(levels[k]) || "") + cell);
  }
  return svg("g", { class: "map" }, [...paths].map(([level, d]) =>
    svg("path", { d, "fill-opacity": (parseInt(level, 36) / 35).toFixed(2) })));
}

const isCentre = (state) => {
  const middle_ = centre(state.tensor, state.moves);
  return state.moves.every((axis) => state.index[axis] === middle_[axis]);
};

function mapNote(state, map) {
  if (map) {
    const share = map[2] > 0 ? ` Beside it ${(map[2] * 100).toFixed(1)} % arrives over paths that are not local.` : "";
    return `Beneath: how much each position counts for the unit in the middle, over local paths.${share}`;
  }
  return effectiveOf(state.input, state.tensor) ? "The effective map is of the unit in the middle." : "";
}

// -- moving ---------------------------------------------------------------------------------------

function step(state, inputAxis, by) {
  const axis = carrierOf(state, inputAxis);
  if (axis === undefined) return;
  const last = shapeOf(state.tensor)[axis] - 1;
  state.index[axis] = Math.min(Math.max(state.index[axis] + by, 0), last);
  drawField(state);
}

function carrierOf(state, inputAxis) {
  const [inside, without] = tableOf(state.input, state.tensor)[1][inputAxis];
  const along = without && without[0].length ? without[0] : inside[0];
  return along.find((axis) => state.moves.includes(axis));
}

function fieldKeys(state, event) {
  const [down, across] = state.plane.length > 1 ? state.plane : [state.plane[0], state.plane[0]];
  const far = event.shiftKey ? 10 : 1;
  const moves = { ArrowLeft: [across, -far], ArrowRight: [across, far], ArrowUp: [down, -far], ArrowDown: [down, far] };
  if (event.key === "Home") {
    state.index = centre(state.tensor, tableOf(state.input, state.tensor)[0]);
    drawField(state);
  } else if (moves[event.key]) step(state, ...moves[event.key]);
  else return;
  event.preventDefault();
}

function moveTo(state, at, event) {
  const seen = event.currentTarget.getBoundingClientRect();
  const places = { x: ((event.clientX - seen.left) / seen.width) * at.width, y: ((event.clientY - seen.top) / seen.height) * at.height };
  const position = (pixel, of, length) => ((pixel - of(0)) / (of(length) - of(0))) * length - 0.5;
  const wanted = [[at.column, position(places.x, at.x, at.across)]];
  if (at.row !== null) wanted.push([at.row, position(places.y, at.y, at.down)]);
  for (const [inputAxis, place] of wanted) {
    const axis = carrierOf(state, inputAxis);
    if (axis !== undefined) {
      const entry = tableOf(state.input, state.tensor)[1][inputAxis];
      state.index[axis] = nearest(entry, state.tensor, state.index, axis, place);
    }
  }
  drawField(state);
}

function takeImage(state, file) {
  if (!file || !file.type.startsWith("image/")) return;
  if (state.image) URL.revokeObjectURL(state.image);
  state.image = URL.createObjectURL(file);
  drawField(state);
}
