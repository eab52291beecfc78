// What is chosen, and the parts of the page that follow it.

const state = {
  input: page.inputs[0], tensor: 0, scene: 0, metric: "size", walk: null, image: null,
  sort: { column: 0, way: 1 }, everyTensor: false, index: {}, moves: [], plane: [],
  select(tensor) {
    state.tensor = tensor;
    drawLayer(state);
    markGraph(state);
    reveal(state);
    markGrowth(state);
    markTable(state);
  },
};

// The input that reaches what is asked for, the one that is shown first.
function inputFor(tensor) {
  return page.inputs.find((input) => input.fields[tensor] && input.axes.length) || page.inputs[0];
}

function drawAll() {
  drawGraph(state);
  drawLayer(state);
  drawGrowth(state);
  drawTable(state);
}

function goTo(tensor) {
  if (!state.input.fields[tensor]) {
    state.input = inputFor(tensor);
    $("input").value = page.inputs.indexOf(state.input);
    state.tensor = tensor;
    drawAll();
  }
  state.select(tensor);
  $("graph").scrollIntoView();
}

function begin() {
  const ends = page.walks.map(([tensor]) => tensor);
  state.tensor = ends.length ? ends[0] : page.outputs[0] || 0;
  state.input = inputFor(state.tensor);
  const choice = $("input");
  choice.append(...page.inputs.map((input, k) => html("option", { value: k }, input.name)));
  choice.value = page.inputs.indexOf(state.input);
  $("input-choice").hidden = page.inputs.length < 2;
  choice.addEventListener("change", () => {
    state.input = page.inputs[choice.value];
    drawAll();
  });
  $("metric").append(...Object.entries(METRICS).map(([key, { text }]) => html("option", { value: key }, text)));
  $("metric").addEventListener("change", () => {
    state.metric = $("metric").value;
    drawGraph(state);
  });
  $("search").addEventListener("input", () => drawTable(state));
  $("every-tensor").addEventListener("change", () => {
    state.everyTensor = $("every-tensor").checked;
    drawTable(state);
  });
  $("layers-more").addEventListener("click", () => moreRows(state));
  const place = $("field");
  place.addEventListener("keydown", (event) => fieldKeys(state, event));
  place.addEventListener("dragover", (event) => event.preventDefault());
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    takeImage(state, event.dataTransfer.files[0]);
  });
  $("image").addEventListener("change", () => takeImage(state, $("image").files[0]));
  for (const link of document.querySelectorAll("button[data-tensor]")) {
    link.addEventListener("click", () => goTo(Number(link.dataset.tensor)));
  }
  let width = 0;
  const fit = () => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    CHART.width = Math.max(Math.min($("layers").clientWidth - 40, 1120), 300);
    drawGrowth(state);
    drawPaths(state);
  };
  drawAll();
  fit();
  window.addEventListener("resize", fit);
  document.documentElement.classList.add("ready");
  performance.mark("ready");
}

begin();
