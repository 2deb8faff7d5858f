// The two charts of the page, with what page.js declares before them.

function drawRoofline(stage) {
  const svg = byId("roofline");
  svg.replaceChildren();
  const rows = grouped(stage, ["kernel"]).filter(row => row.flops > 0 && row.us > 0);
  const box = { left: 66, right: 1000, top: 14, bottom: 384 };
  const xs = rows.map(row => row.flops / row.bytes), ys = rows.map(row => row.flops / row.us * 1e6);
  const corner = ridge / profile.roofs.bytes;
  const range = (values, pad) => [Math.floor(Math.log10(Math.min(...values)) - pad), Math.ceil(Math.log10(Math.max(...values)) + pad)];
  const [x0, x1] = range([...xs, corner], .25), [y0, y1] = range([...ys, ridge], .1);
  const x = value => box.left + (Math.log10(value) - x0) / (x1 - x0) * (box.right - box.left);
  const y = value => box.bottom - (Math.log10(value) - y0) / (y1 - y0) * (box.bottom - box.top);
  for (let power = x0; power <= x1; power++) {
    add(svg, "line", { x1: x(10 ** power), x2: x(10 ** power), y1: box.top, y2: box.bottom, stroke: "var(--grid)" });
    add(svg, "text", { x: x(10 ** power), y: box.bottom + 18, "text-anchor": "middle" }, power < 0 ? String(+(10 ** power).toFixed(-power)) : fixed(10 ** power, 0));
  }
  for (let power = y0; power <= y1; power++) {
    add(svg, "line", { x1: box.left, x2: box.right, y1: y(10 ** power), y2: y(10 ** power), stroke: "var(--grid)" });
    add(svg, "text", { x: box.left - 8, y: y(10 ** power) + 4, "text-anchor": "end" }, scaled(10 ** power, ""));
  }
  add(svg, "text", { x: (box.left + box.right) / 2, y: box.bottom + 40, "text-anchor": "middle" }, "arithmetic intensity, FLOP per byte");
  add(svg, "text", { x: 14, y: (box.top + box.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${(box.top + box.bottom) / 2})` }, "FLOP/s");
  const start = Math.max(10 ** x0, 10 ** y0 / profile.roofs.bytes);
  add(svg, "path", { d: `M${x(start)} ${y(start * profile.roofs.bytes)}L${x(corner)} ${y(ridge)}L${box.right} ${y(ridge)}`, fill: "none", stroke: "var(--ink)", "stroke-width": 1.75, "stroke-linejoin": "round" });
  const lower = Math.min(profile.roofs.scalar, profile.roofs.matrix);
  add(svg, "path", { d: `M${x(lower / profile.roofs.bytes)} ${y(lower)}L${box.right} ${y(lower)}`, stroke: "var(--soft)", "stroke-dasharray": "5 4", fill: "none" });
  const roofNames = [[profile.roofs.scalar, "scalar "], [profile.roofs.matrix, "matrix "]].sort((a, b) => b[0] - a[0]);
  let labelY = -100;
  for (const [rate, name] of roofNames) {
    labelY = Math.max(labelY + 14, y(rate) + 4);
    add(svg, "text", { x: box.right + 8, y: labelY }, name + scaled(rate, "FLOP/s"));
  }
  const slope = Math.atan2(y(ridge) - y(start * profile.roofs.bytes), x(corner) - x(start)) * 180 / Math.PI;
  const middle = Math.sqrt(start * corner);
  add(svg, "text", { x: x(middle), y: y(middle * profile.roofs.bytes) - 8, "text-anchor": "middle", transform: `rotate(${slope} ${x(middle)} ${y(middle * profile.roofs.bytes) - 8})` }, "copies " + scaled(profile.roofs.bytes, "B/s"));
  const placed = [];
  for (const row of rows.sort((a, b) => b.us - a.us)) {
    const cx = x(row.flops / row.bytes), cy = y(row.flops / row.us * 1e6), r = 5 + 26 * Math.sqrt(row.us / stage.total);
    const circle = add(svg, "circle", { cx, cy, r, fill: colours.get(row.kernel), "fill-opacity": .55, stroke: colours.get(row.kernel), "stroke-width": 1.5 });
    hint(circle, describe(row));
    // A name where none is yet: beside the point, else a line lower or higher.
    const width = 7 * row.kernel.length;
    const left = cx + r + 6 + width > box.right + 130 ? cx - r - 6 - width : cx + r + 6;
    const free = [0, 14, -14, 28, -28, 42].find(shift => placed.every(other => Math.abs(other.y - (cy + 4 + shift)) > 12 || other.x > left + width || other.x + other.width < left));
    if (free === undefined) continue;
    placed.push({ x: left, y: cy + 4 + free, width });
    add(svg, "text", { x: left, y: cy + 4 + free, class: "name" }, row.kernel);
  }
}

let view = null;
function drawTimeline(stage) {
  const svg = byId("timeline");
  view = view && view.stage === stage ? view : { stage, start: 0, end: stage.total };
  svg.replaceChildren();
  const [left, right] = [0, 1140];
  const scale = (right - left) / (view.end - view.start);
  const x = us => left + (us - view.start) * scale;
  const step = 10 ** Math.floor(Math.log10((view.end - view.start) / 3));
  const every = [1, 2, 5].map(factor => factor * step).find(width => (view.end - view.start) / width <= 9) || 10 * step;
  for (let tick = Math.ceil(view.start / every) * every; tick <= view.end; tick += every) {
    add(svg, "line", { x1: x(tick), x2: x(tick), y1: 18, y2: 126, stroke: "var(--grid)" });
    add(svg, "text", { x: Math.min(Math.max(x(tick), 18), 1110), y: 12, "text-anchor": "middle" }, time(tick));
  }
  const block = (start, end, top, height, fill, label, text) => {
    const from = Math.max(x(start), left), to = Math.min(x(end), right);
    if (to < left || from > right || to - from < .05) return;
    const rect = add(svg, "rect", { x: from, y: top, width: Math.max(to - from - (to - from > 3 ? .75 : 0), .4), height, fill, rx: to - from > 6 ? 3 : 0 });
    hint(rect, text);
    // The first name that fits, else the beginning of the last.
    const room = Math.floor((to - from - 8) / 6.4), names = [label].flat();
    const name = names.find(name => name.length <= room) || names.at(-1);
    if (room >= Math.min(name.length, 3)) add(svg, "text", { x: from + 5, y: top + height / 2 + 4, style: "pointer-events:none" + (fill.startsWith("#") ? ";fill:#fff" : "") }, name.length > room ? name.slice(0, room - 1) + "…" : name);
  };
  let run = null;
  const runs = [];
  for (const entry of stage.entries) {
    if (!run || run.layer !== entry.layer) { run = { layer: entry.layer, us: 0, start: entry.spans[0][0] }; runs.push(run); }
    run.us += entry.us;
    run.end = entry.spans[entry.spans.length - 1][1];
    for (const [start, end] of entry.spans) block(start, end, 66, 56, colours.get(entry.kernel), entry.operation || entry.kernel, describe({ ...entry, title: [entry.layer, entry.operation, entry.kernel].filter(Boolean).join(" · "), count: 1 }));
  }
  for (const { layer, us, start, end } of runs) block(start, end, 26, 34, "var(--line)", [layer, layer.split(".").pop()], layer + "\n" + time(us));
  byId("legend").replaceChildren(...[...colours].map(([kernel, colour]) => {
    const item = element("span");
    add(item, "i", { style: "background:" + colour });
    item.append(kernel);
    return item;
  }));
}
function moveView(start, end) {
  const total = view.stage.total, width = Math.min(Math.max(end - start, total / 20000), total);
  view.start = Math.min(Math.max(start, 0), total - width);
  view.end = view.start + width;
  drawTimeline(view.stage);
}
const strip = byId("timeline");
strip.addEventListener("wheel", event => {
  event.preventDefault();
  const box = strip.getBoundingClientRect(), part = (event.clientX - box.left) / box.width;
  const at = view.start + part * (view.end - view.start), width = (view.end - view.start) * Math.exp(event.deltaY * .002);
  moveView(at - part * width, at + (1 - part) * width);
}, { passive: false });
let drag = null;
strip.addEventListener("pointerdown", event => { drag = { x: event.clientX, start: view.start, end: view.end }; });
addEventListener("pointerup", () => { drag = null; });
addEventListener("pointermove", event => {
  if (!drag) return;
  const shift = (drag.x - event.clientX) / strip.getBoundingClientRect().width * (drag.end - drag.start);
  moveView(drag.start + shift, drag.end + shift);
});
strip.addEventListener("dblclick", () => moveView(0, view.stage.total));
