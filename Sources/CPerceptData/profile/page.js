"use strict";
const profile = JSON.parse(document.getElementById("profile").textContent);
const byId = id => document.getElementById(id);
const palette = ["#4c78db", "#e58a3c", "#3fa67b", "#c9548b", "#8b6bd1", "#c6a227", "#4aa8c0", "#d4574e", "#7d8b34", "#8a8f99"];
const ridge = Math.max(profile.roofs.scalar, profile.roofs.matrix);

const fixed = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
function time(us) { return us >= 1e6 ? fixed(us / 1e6, 2) + " s" : us >= 1000 ? fixed(us / 1000, us < 1e5 ? 2 : 0) + " ms" : fixed(us, us < 100 ? 1 : 0) + " µs"; }
function scaled(value, unit) {
  for (const [scale, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (value >= scale) return fixed(value / scale, value / scale < 10 ? 2 : value / scale < 100 ? 1 : 0) + " " + prefix + unit;
  return fixed(value, 0) + " " + unit;
}
const leastTime = row => 1e6 * Math.max(row.flops / ridge, row.bytes / profile.roofs.bytes);
const share = row => row.us > 0 ? leastTime(row) / row.us : 0;

function element(tag, attributes, text) {
  const node = ["svg", "g", "line", "path", "circle", "rect", "text", "clipPath"].includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
function add(parent, tag, attributes, text) { return parent.appendChild(element(tag, attributes, text)); }

function hint(node, text) {
  node.addEventListener("pointermove", event => {
    const tip = byId("tip");
    tip.textContent = text;
    tip.style.display = "block";
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
  });
  node.addEventListener("pointerleave", () => { byId("tip").style.display = "none"; });
}
function describe(row) {
  return [row.title, time(row.us) + (row.count > 1 ? " in " + row.count + " dispatches" : ""),
    row.flops > 0 ? scaled(row.flops / row.us * 1e6, "FLOP/s") : null, scaled(row.bytes / row.us * 1e6, "B/s"),
    fixed(100 * share(row), 1) + " % of the roof"].filter(Boolean).join("\n");
}

const groupings = {
  kernel: { names: ["kernel"] }, layer: { names: ["layer"] }, "layer × kernel": { names: ["layer", "kernel"] },
  dispatch: { names: ["layer", "operation", "kernel"] },
};
function grouped(stage, names) {
  const rows = new Map();
  for (const entry of stage.entries) {
    const key = JSON.stringify(names.map(name => entry[name]));
    const row = rows.get(key) || { names: names.map(name => entry[name]), kernel: entry.kernel, us: 0, flops: 0, bytes: 0, count: 0 };
    for (const field of ["us", "flops", "bytes"]) row[field] += entry[field];
    row.count += 1;
    row.title = row.names.filter(Boolean).join(" · ");
    rows.set(key, row);
  }
  return [...rows.values()];
}

const state = { stage: 0, group: "kernel", sort: 2, ascending: false };
let colours = new Map();

function draw() {
  const stage = profile.stages[state.stage];
  colours = new Map(grouped(stage, ["kernel"]).sort((a, b) => b.us - a.us).map((row, index) => [row.kernel, palette[Math.min(index, palette.length - 1)]]));
  drawTiles(stage);
  drawRoofline(stage);
  drawTimeline(stage);
  drawLayers(stage);
  drawTable(stage);
}

function drawTiles(stage) {
  const flops = stage.entries.reduce((sum, entry) => sum + entry.flops, 0);
  const least = stage.entries.reduce((sum, entry) => sum + leastTime(entry), 0);
  const tiles = [
    [time(stage.total), profile.mode + ", median of " + stage.runs.length],
    stage.concurrent === null ? null : [time(stage.concurrent), "concurrent"],
    [fixed(100 * stage.gaps / stage.total, 1) + " %", "gaps: " + time(stage.gaps)],
    [scaled(flops / stage.total * 1e6, "FLOP/s"), scaled(flops, "FLOP") + " a run"],
    [fixed(100 * least / stage.total, 1) + " %", "of the roofs: " + time(least) + " at best"],
    [String(stage.entries.filter(entry => entry.kernel !== "copy").length), "dispatches, " + stage.barriers + " barriers, " + stage.submissions + (stage.submissions > 1 ? " submissions" : " submission")],
    [time(stage.host.record), "recording; pipelines " + time(stage.host.pipelines)],
    [time(stage.host.submit), "submission, on the CPU"],
  ];
  byId("tiles").replaceChildren(...tiles.filter(Boolean).map(([value, label]) => {
    const tile = element("div", { class: "tile" });
    add(tile, "b", {}, value);
    add(tile, "span", {}, label);
    return tile;
  }));
}

function drawLayers(stage) {
  const layers = grouped(stage, ["layer"]), parts = grouped(stage, ["layer", "kernel"]);
  const longest = Math.max(...layers.map(layer => layer.us));
  byId("layers").replaceChildren(...layers.flatMap(layer => {
    const bar = element("div", { class: "bar", style: `width:${100 * layer.us / longest}%` });
    for (const part of parts.filter(part => part.names[0] === layer.names[0]).sort((a, b) => b.us - a.us)) {
      const piece = add(bar, "div", { style: `background:${colours.get(part.kernel)};flex:${part.us} 0 0` });
      hint(piece, describe(part));
    }
    return [element("div", {}, layer.names[0]), bar, element("div", {}, `${time(layer.us)}  ${fixed(100 * layer.us / stage.total, 1)} %`)];
  }));
}

function drawTable(stage) {
  const names = groupings[state.group].names, rows = grouped(stage, names);
  const columns = [
    ...names.map((name, index) => ({ title: name, text: true, value: row => row.names[index], show: row => row.names[index] })),
    { title: "runs", value: row => row.count, show: row => String(row.count) },
    { title: "time", value: row => row.us, show: row => time(row.us) },
    { title: "% of time", value: row => row.us, show: row => fixed(100 * row.us / stage.total, 1) },
    { title: "GFLOP", value: row => row.flops, show: row => fixed(row.flops / 1e9, 3) },
    { title: "MB", value: row => row.bytes, show: row => fixed(row.bytes / 1e6, 2) },
    { title: "FLOP/s", value: row => row.flops / row.us, show: row => row.flops > 0 ? scaled(row.flops / row.us * 1e6, "") : "–" },
    { title: "B/s", value: row => row.bytes / row.us, show: row => row.us > 0 ? scaled(row.bytes / row.us * 1e6, "") : "–" },
    { title: "% of roof", value: share, meter: true, show: row => fixed(100 * share(row), 1) },
  ];
  const sorted = columns[Math.min(state.sort, columns.length - 1)];
  rows.sort((a, b) => {
    const [left, right] = [sorted.value(a), sorted.value(b)];
    const order = typeof left === "string" ? left.localeCompare(right, "en", { numeric: true }) : left - right;
    return state.ascending ? order : -order;
  });
  const head = element("tr");
  columns.forEach((column, index) => {
    const cell = add(head, "th", column.text ? { class: "text" } : {}, column.title);
    if (column === sorted) cell.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    cell.addEventListener("click", () => {
      state.ascending = state.sort === index ? !state.ascending : Boolean(column.text);
      state.sort = index;
      drawTable(stage);
    });
  });
  document.querySelector("thead").replaceChildren(head);
  document.querySelector("tbody").replaceChildren(...rows.map(row => {
    const line = element("tr");
    for (const column of columns) {
      const cell = add(line, "td", column.text ? { class: "text" } : {});
      if (column.meter) add(add(cell, "span", { class: "meter" }), "i", { style: `width:${Math.min(100, 100 * share(row))}%` });
      cell.append(column.show(row));
    }
    return line;
  }));
}

function choices(parent, names, chosen, choose) {
  parent.replaceChildren(...names.map((name, index) => {
    const button = element("button", { "aria-pressed": String(index === chosen) }, name);
    button.addEventListener("click", () => { choose(index); choices(parent, names, index, choose); });
    return button;
  }));
}

function start() {
  document.title = "Percept profile: " + profile.model;
  byId("model").textContent = profile.model;
  byId("where").textContent = [profile.precision, profile.device, profile.driver].join(" · ");
  byId("notes").replaceChildren(...profile.notes.map(note => element("div", { class: "note" }, note)));
  byId("footer").textContent = "FLOPs count an addition and a multiplication as two; bytes count what each dispatch reads and writes at least, each byte once. "
    + "The roof of a dispatch is the rate of copies or of arithmetic, whichever bounds it; more than 100 % means that data came from a cache.";
  if (profile.stages.length > 1) choices(byId("stages"), profile.stages.map(stage => stage.name), 0, index => { state.stage = index; draw(); });
  choices(byId("groups"), Object.keys(groupings), 0, index => {
    state.group = Object.keys(groupings)[index];
    state.sort = groupings[state.group].names.length + 1;
    state.ascending = false;
    drawTable(profile.stages[state.stage]);
  });
  draw();
  document.body.dataset.drawn = "yes";
}
