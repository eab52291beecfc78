// The data of the page, and the few ways in which elements are made. Names are text, never markup.

const { result, page } = JSON.parse(document.getElementById("rfgraph-data").textContent);
const SVG = "http://www.w3.org/2000/svg";

const $ = (id) => document.getElementById(id);

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// A long text loses its beginning: names differ at their ends.
const tail = (text, most) => (text.length <= most ? text : `…${text.slice(1 - most)}`);

const show = (value) => (value === null || value === undefined ? "–" : String(value));

const grouped = (digits) => String(digits).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

// A count of any length: all its digits, or the order of magnitude.
function amount(digits) {
  if (digits.length < 10) return grouped(digits);
  const mantissa = Number(`${digits.slice(0, 1)}.${digits.slice(1, 5)}`).toFixed(2);
  return `${mantissa} × 10^${digits.length - 1}`;
}

const log10 = (digits) =>
  digits.length - 1 + Math.log10(Number(`${digits[0]}.${digits.slice(1, 16) || 0}`));

const once = (values) => (new Set(values).size === 1 ? values[0] : values.join(" × "));

function table(head, rows, attributes = {}) {
  return html("table", attributes,
    html("thead", {}, html("tr", {}, head.map((text) => html("th", { scope: "col" }, text)))),
    html("tbody", {}, rows.map((row) => html("tr", {}, row.map((text) => html("td", {}, show(text)))))));
}

// A table that is made when it is opened.
function folded(summary, make) {
  const details = html("details", {}, html("summary", {}, summary));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) {
      details.append(html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": summary }, make()));
    }
  });
  return details;
}

// One stop for the Tab key in a group of things; arrows go on inside it.
function roving(items, moves) {
  const focus = (item) => {
    for (const other of items) other.setAttribute("tabindex", other === item ? 0 : -1);
    item.focus();
  };
  items.forEach((item, at) => {
    item.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        item.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        return;
      }
      const next = moves(at, event.key);
      if (next === undefined) return;
      event.preventDefault();
      if (items[next]) focus(items[next]);
    });
  });
}

const inRow = (count) => (at, key) =>
  ({ ArrowRight: Math.min(at + 1, count - 1), ArrowDown: Math.min(at + 1, count - 1),
    ArrowLeft: Math.max(at - 1, 0), ArrowUp: Math.max(at - 1, 0), Home: 0, End: count - 1 })[key];
