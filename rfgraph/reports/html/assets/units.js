// What a unit reads, from the runs that the page holds: the numbers of rfgraph.unit.

const unpacked = new Map();

// The intervals that a run stands for: [lo, hi] in row-major order; lo > hi reads nothing.
function intervals(runs) {
  if (!unpacked.has(runs)) {
    const [p, first, steps] = runs;
    const all = first.slice();
    for (const [count, low, high] of steps) {
      for (let k = 0; k < count; k += 1) {
        const [lo, hi] = all[all.length - p];
        all.push([lo + low, hi + high]);
      }
    }
    unpacked.set(runs, all);
  }
  return unpacked.get(runs);
}

const shapeOf = (tensor) => page.shapes[page.shape_of[tensor]];

function tableOf(input, tensor) {
  const number = input.units[tensor];
  return number === null || number === undefined ? null : input.tables[number];
}

// The interval at a unit; index is by axis of the tensor.
function intervalAt([axes, runs], tensor, index) {
  const shape = shapeOf(tensor);
  const at = axes.reduce((place, axis) => place * shape[axis] + index[axis], 0);
  return intervals(runs)[at];
}

function centre(tensor, axes) {
  const shape = shapeOf(tensor);
  return Object.fromEntries(axes.map((axis) => [axis, Math.floor(shape[axis] / 2)]));
}

const some = ([lo, hi]) => (lo > hi ? null : [lo, hi]);

// By axis of the input what a unit reads: inside the input and as if it had no borders.
function unitOf(input, tensor, index) {
  const [, entries] = tableOf(input, tensor);
  const read = entries.map(([inside, without]) => ({
    inside: intervalAt(inside, tensor, index),
    without: without && some(intervalAt(without, tensor, index)),
    along: (without || inside)[0],
  }));
  const empty = read.some(({ inside: [lo, hi] }) => lo > hi);
  return { empty, axes: read };
}

// The unit along one axis of the tensor whose middle lies nearest to a position of the input.
function nearest(entry, tensor, index, axis, position) {
  let best = index[axis];
  let least = Infinity;
  for (let unit = 0; unit < shapeOf(tensor)[axis]; unit += 1) {
    const [lo, hi] = intervalAt(entry[1] || entry[0], tensor, { ...index, [axis]: unit });
    const distance = lo > hi ? Infinity : Math.abs((lo + hi) / 2 - position);
    if (distance < least) [best, least] = [unit, distance];
  }
  return best;
}

// -- fields ---------------------------------------------------------------------------------------

const NAMES = ["scope", "n", "size_min", "size", "stride", "start", "center", "before", "after",
  "shortest", "longest", "through"];

// The numbers of a tensor by spatial axis of an input, null where the input does not reach it.
function fieldOf(input, tensor) {
  const row = input.fields[tensor];
  return row ? { aligned: row[0], axes: row.slice(1).map((cell) => cellOf(input, cell)) } : null;
}

function cellOf(input, cell) {
  const known = input.cells[cell];
  if (Array.isArray(known)) {
    input.cells[cell] = Object.fromEntries(known.map((value, at) => [NAMES[at], value]));
  }
  return input.cells[cell];
}

const span = (least, most) =>
  (most === null ? null : least === null || least === most ? String(most) : `${least}..${most}`);

const largest = (values) => {
  const known = values.filter((value) => value !== null && value !== undefined).map(Number);
  return known.length ? Math.max(...known) : null;
};

const nodeName = (tensor) => page.nodes[tensor] || page.tensors[tensor];

function effectiveOf(input, tensor) {
  return input.effective.find((entry) => entry[0] === tensor) || null;
}
