#include "simulator/report_page.h"

namespace flaskscale::simulator {

const std::string_view kReportPageStyle = R"page(<style>
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #66717f; --line: #e3e7ec;
  --load: #3b6fd4; --load-fill: #3b6fd433; --capacity: #12a594; --short: #e5484d;
  --ready: #12a594; --booting: #f5a524; --ending: #a3adb8; --wanted: #1b2430; --optimum: #8e4ec6;
  --wait: #e5484d; --wait-fill: #e5484d33; --late: #b4232a; --fixed: #7a8794;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1419; --card: #171d24; --ink: #e8edf2; --soft: #93a0ad; --line: #2a333d;
    --load: #6f9df2; --load-fill: #6f9df238; --capacity: #2dc4b2; --short: #ff6369;
    --ready: #1c9c8e; --booting: #e39a1e; --ending: #5d6975; --wanted: #f2f5f8; --optimum: #b98bea;
    --wait: #ff6369; --wait-fill: #ff636938; --late: #ff8a8e; --fixed: #5d6975;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 28px 24px 40px; }
h1 { margin: 0; font-size: 21px; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere; }
.about { margin: 3px 0 20px; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 16px 13px; }
.tile b { display: block; font-size: 23px; white-space: nowrap; font-weight: 650; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 12.5px; }
.tile.good b { color: var(--capacity); } .tile.bad b { color: var(--short); }
.card { margin-top: 14px; padding: 13px 16px 8px; }
.card header { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: baseline; margin-bottom: 6px; }
.card h2 { margin: 0; font-size: 14px; font-weight: 650; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 15px; color: var(--soft); font-size: 12.5px; }
.legend i { display: inline-block; width: 15px; height: 9px; margin-right: 6px; border-radius: 2px; }
.legend i.stroke { height: 0; border-top: 2.5px solid; border-radius: 0; vertical-align: 3px; }
.legend i.dashes { height: 0; border-top: 2.5px dashed; border-radius: 0; vertical-align: 3px; }
canvas { display: block; width: 100%; touch-action: pan-y; cursor: crosshair; }
.hint { margin-left: auto; color: var(--soft); font-size: 12px; }
.bars { display: grid; grid-template-columns: max-content 1fr; gap: 9px 14px; align-items: center;
  padding: 4px 0 8px; }
.bars div.track { position: relative; height: 26px; }
.bars div.bar { height: 100%; border-radius: 5px; min-width: 2px; }
.bars div.value { position: absolute; top: 0; line-height: 26px; white-space: nowrap; padding: 0 9px;
  font-variant-numeric: tabular-nums; }
.bars em { color: var(--soft); font-style: normal; }
#tip { position: fixed; z-index: 9; display: none; pointer-events: none; min-width: 180px;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 8px 11px;
  box-shadow: 0 6px 22px #0003; font-size: 12.5px; font-variant-numeric: tabular-nums; }
#tip b { display: block; margin-bottom: 3px; }
#tip div { display: flex; justify-content: space-between; gap: 18px; }
#tip div span { color: var(--soft); }
</style>
</head>
<body>
<main>
<h1 id="title"></h1>
<p class="about" id="about"></p>
<section class="tiles" id="tiles"></section>
<section class="card"><header><h2>Load and capacity</h2><div class="legend" id="load-legend"></div><span class="hint" id="hint">drag to zoom</span></header>
<canvas id="load" height="250"></canvas></section>
<section class="card"><header><h2>Instances</h2><div class="legend" id="instances-legend"></div></header>
<canvas id="instances" height="230"></canvas></section>
<section class="card"><header><h2>Wait in the queue</h2><div class="legend" id="wait-legend"></div></header>
<canvas id="wait" height="170"></canvas></section>
<section class="card"><header><h2>Cost</h2></header><div class="bars" id="cost"></div></section>
</main>
<div id="tip" role="status"></div>
)page";

const std::string_view kReportPageScript = R"page(<script>
"use strict";
const raw = data.points, el = id => document.getElementById(id);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const brief = v => v >= 1e6 ? +(v / 1e6).toPrecision(3) + " M" : v >= 1e4 ? +(v / 1e3).toPrecision(3) + " k"
  : v >= 100 ? String(Math.round(v)) : String(+v.toPrecision(3));
const wait = s => s < 1 ? Math.round(s * 1000) + " ms" : +s.toPrecision(3) + " s";
const two = n => String(n).padStart(2, "0");
const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const left = 58, right = 14, above = 8, below = 22, pixelsPerPoint = 2.4;
const sums = ["requests", "late", "dropped"], peaks = ["load_peak", "short", "wanted", "wait"];
const means = ["load", "capacity", "ready", "booting", "ending", "optimum"];
// What is shown: a span of time, its points gathered so that each is some pixels wide.
let from = 0, to = data.seconds, points = raw, hover = -1, drag = null;
const span = () => to - from;
const end = i => points.at[i] + points.length[i];

function gather(width) {
  let first = raw.at.findIndex((at, i) => at + raw.length[i] > from), last = raw.at.findIndex(at => at >= to);
  if (last < 0) last = raw.at.length;
  const size = Math.max(1, Math.ceil((last - first) / Math.max(20, width / pixelsPerPoint)));
  const names = ["at", "length", ...sums, ...peaks, ...means];
  points = Object.fromEntries(names.map(name => [name, []]));
  for (let i = first; i < last; i += size) {
    const until = Math.min(i + size, last), bin = name => raw[name].slice(i, until);
    const length = bin("length").reduce((a, b) => a + b, 0);
    points.at.push(raw.at[i]);
    points.length.push(length);
    for (const name of sums) points[name].push(bin(name).reduce((a, b) => a + b, 0));
    for (const name of peaks) points[name].push(Math.max(...bin(name)));
    for (const name of means) points[name].push(bin(name).reduce((a, b, j) => a + b * raw.length[i + j], 0) / length);
  }
}

function moment(at, full) {
  if (data.begins === null) {
    const s = Math.round(at), clock = Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60);
    return full || span() < 600 ? clock + ":" + two(s % 60) : clock;
  }
  const d = new Date(data.begins + at * 1000);
  const date = d.getUTCFullYear() + "-" + two(d.getUTCMonth() + 1) + "-" + two(d.getUTCDate());
  const clock = two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
  if (full) return days[d.getUTCDay()] + " " + date + " " + clock + ":" + two(d.getUTCSeconds());
  if (clock === "00:00" || span() > 4 * 86400) return days[d.getUTCDay()] + " " + date.slice(5);
  return span() < 600 ? clock + ":" + two(d.getUTCSeconds()) : clock;
}
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
  2 * 86400, 7 * 86400, 14 * 86400, 30 * 86400, 60 * 86400];
const round = v => {
  const unit = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 2.5, 5, 10].find(f => f * unit >= v * .9999) * unit;
};
// From 0 to at least v in four or so round steps.
function ticksTo(v) {
  const step = round(Math.max(v, 1e-3) / 4), ticks = [0];
  while (ticks.at(-1) < v) ticks.push(ticks.at(-1) + step);
  return ticks;
}
const waits = [0, .1, .5, 1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1800, 3600];

class Panel {
  constructor(id, unit, ticks, scale, paint, rows) {
    this.canvas = el(id);
    this.height = this.canvas.height;
    Object.assign(this, { unit, ticks, scale, paint, rows });
    const on = (name, act) => this.canvas.addEventListener(name, act);
    on("pointermove", e => show(this, e));
    on("pointerdown", e => { drag = this.time(e); this.canvas.setPointerCapture(e.pointerId); });
    on("pointerup", e => zoom(this.time(e)));
    on("dblclick", () => { from = 0; to = data.seconds; drawAll(); });
    on("pointerleave", () => { hover = -1; el("tip").style.display = "none"; drawAll(); });
  }
  get width() { return this.canvas.clientWidth - left - right; }
  time(e) {
    const share = (e.clientX - this.canvas.getBoundingClientRect().left - left) / this.width;
    return from + Math.min(1, Math.max(0, share)) * span();
  }
  draw() {
    const ratio = window.devicePixelRatio || 1, w = this.width, h = this.height - above - below;
    this.canvas.style.height = this.height + "px";
    this.canvas.width = this.canvas.clientWidth * ratio;
    this.canvas.height = this.height * ratio;
    const c = this.canvas.getContext("2d"), ticks = this.ticks(), most = this.scale(ticks.at(-1));
    c.scale(ratio, ratio);
    const x = at => left + (at - from) / span() * w, y = v => above + h * (1 - Math.min(this.scale(v) / most, 1));
    this.grid(c, x, y, ticks, w, h);
    c.save();
    c.beginPath(); c.rect(left, 0, w, above + h + 1); c.clip();
    this.paint(c, x, y);
    if (drag !== null && hover >= 0) {
      c.fillStyle = colour("soft"); c.globalAlpha = .2;
      c.fillRect(x(drag), above, x(points.at[hover]) - x(drag), h);
      c.globalAlpha = 1;
    }
    c.restore();
    if (hover < 0) return;
    const at = Math.round(x(points.at[hover] + points.length[hover] / 2)) + .5;
    c.strokeStyle = colour("soft"); c.lineWidth = 1;
    c.beginPath(); c.moveTo(at, above); c.lineTo(at, above + h); c.stroke();
  }
  grid(c, x, y, ticks, w, h) {
    c.font = "11.5px system-ui, sans-serif"; c.lineWidth = 1; c.textBaseline = "middle"; c.textAlign = "right";
    let free = Infinity;
    for (const v of ticks) {
      const at = Math.round(y(v)) + .5;
      if (free - at < 16 && free !== Infinity) continue;
      free = at;
      c.strokeStyle = colour("line"); c.beginPath(); c.moveTo(left, at); c.lineTo(left + w, at); c.stroke();
      c.fillStyle = colour("soft"); c.fillText(v > 0 ? this.unit(v) : "0", left - 8, at);
    }
    const step = timeSteps.find(s => span() / s <= Math.max(3, w / 100)) || 120 * 86400;
    const origin = data.begins === null ? 0 : data.begins / 1000;
    c.textAlign = "center"; c.textBaseline = "alphabetic";
    for (let at = Math.ceil((origin + from) / step) * step - origin; at <= to; at += step) {
      const px = Math.round(x(at)) + .5;
      c.strokeStyle = colour("line"); c.beginPath(); c.moveTo(px, above); c.lineTo(px, above + h); c.stroke();
      if (px > left + 12 && px < left + w - 24) c.fillText(moment(at, false), px, this.height - 6);
    }
  }
}

// A line with a level for each point.
function steps(c, x, y, values) {
  c.beginPath();
  values.forEach((v, i) => {
    if (i === 0) c.moveTo(x(points.at[0]), y(v)); else c.lineTo(x(points.at[i]), y(v));
    c.lineTo(x(end(i)), y(v));
  });
}
function area(c, x, y, name, upper, lower) {
  c.fillStyle = colour(name);
  steps(c, x, y, upper);
  for (let i = upper.length - 1; i >= 0; --i) { c.lineTo(x(end(i)), y(lower[i])); c.lineTo(x(points.at[i]), y(lower[i])); }
  c.closePath(); c.fill();
}
function stroke(c, name, width, dash) {
  c.strokeStyle = colour(name); c.lineWidth = width; c.lineJoin = "round";
  c.setLineDash(dash || []); c.stroke(); c.setLineDash([]);
}
const zeros = () => points.at.map(() => 0);
const plus = (a, b) => a.map((v, i) => v + b[i]);
const largest = (...lists) => lists.flat().reduce((a, b) => Math.max(a, b), 0);
const isDense = () => points.at.length > 250;

function paintLoad(c, x, y) {
  area(c, x, y, "load-fill", points.load_peak, zeros());
  steps(c, x, y, points.load); stroke(c, "load", isDense() ? 1 : 1.6);
  steps(c, x, y, points.capacity); stroke(c, "capacity", isDense() ? 1.3 : 2);
  c.fillStyle = colour("short");
  points.short.forEach((v, i) => {
    if (!(v > 0)) return;
    const top = y(points.load_peak[i]), bottom = y(Math.max(0, points.load_peak[i] - v));
    c.fillRect(x(points.at[i]), top, Math.max(1.5, x(end(i)) - x(points.at[i])), Math.max(2, bottom - top));
  });
}
function paintInstances(c, x, y) {
  const booting = plus(points.ready, points.booting), all = plus(booting, points.ending);
  area(c, x, y, "ready", points.ready, zeros());
  area(c, x, y, "booting", booting, points.ready);
  area(c, x, y, "ending", all, booting);
  steps(c, x, y, points.optimum); stroke(c, "optimum", isDense() ? 1 : 1.8);
  if (!isDense()) { steps(c, x, y, points.wanted); stroke(c, "wanted", 1.3, [4, 3]); }
}
function paintWait(c, x, y) {
  area(c, x, y, "wait-fill", points.wait, zeros());
  steps(c, x, y, points.wait); stroke(c, "wait", 1.2);
  c.beginPath(); c.moveTo(x(from), y(data.slo_wait)); c.lineTo(x(to), y(data.slo_wait));
  stroke(c, "soft", 1.2, [5, 4]);
  c.fillStyle = colour("late");
  points.late.forEach((v, i) => {
    if (!(v >= .5)) return;
    const high = 3 + 11 * Math.min(1, v / Math.max(1, points.requests[i]));
    c.fillRect(x(points.at[i]), y(0) - high, Math.max(2, x(end(i)) - x(points.at[i])), high);
  });
}

const percent = (part, whole) => whole > 0 && part > 0 ? +(100 * part / whole).toPrecision(2) + " %" : "0 %";
const linear = v => v, root = v => Math.sqrt(Math.max(v, 0));
function waitTicks() {
  const most = Math.max(2 * data.slo_wait, largest(raw.wait));
  const upper = waits.find(v => v >= most) || most;
  return waits.filter(v => v <= upper);
}
const panels = [
  new Panel("load", v => brief(v) + "/s", () => ticksTo(largest(points.load_peak, points.capacity)), linear, paintLoad,
    i => [["load", brief(points.load[i]) + "/s"], ["its peak", brief(points.load_peak[i]) + "/s"],
      ["capacity", brief(points.capacity[i]) + "/s"]]),
  new Panel("instances", brief, () => ticksTo(largest(plus(plus(points.ready, points.booting), points.ending), points.optimum,
    isDense() ? [] : points.wanted)), linear, paintInstances,
    i => [["ready", brief(points.ready[i])], ["booting", brief(points.booting[i])], ["ending", brief(points.ending[i])],
      ["wanted, at most", brief(points.wanted[i])], ["needed", brief(points.optimum[i])]]),
  // Waits differ by orders of magnitude: the scale is that of the square root.
  new Panel("wait", wait, waitTicks, root, paintWait,
    i => [["requests", brief(points.requests[i])], ["longest wait", wait(points.wait[i])],
      ["late", brief(points.late[i]) + " (" + percent(points.late[i], points.requests[i]) + ")"],
      ["dropped", brief(points.dropped[i])]]),
];
function drawAll() {
  gather(panels[0].width);
  hover = Math.min(hover, points.at.length - 1);
  panels.forEach(p => p.draw());
  el("hint").textContent = span() < data.seconds ? "double click: all of it" : "drag to zoom";
}

function zoom(at) {
  const begin = Math.min(drag ?? at, at), finish = Math.max(drag ?? at, at);
  drag = null;
  if (finish - begin > Math.max(5, span() / 100)) { from = begin; to = finish; hover = -1; }
  drawAll();
}

const make = (tag, more) => Object.assign(document.createElement(tag), more);
function show(panel, event) {
  const at = panel.time(event);
  hover = points.at.length - 1;
  while (hover > 0 && points.at[hover] > at) --hover;
  drawAll();
  const tip = el("tip");
  tip.replaceChildren(make("b", { textContent: moment(points.at[hover], true) }));
  for (const [name, value] of panels.flatMap(p => p.rows(hover))) {
    const row = make("div");
    row.append(make("span", { textContent: name }), value);
    tip.append(row);
  }
  tip.style.display = "block";
  const beyond = event.clientX + 240 > window.innerWidth;
  tip.style.left = (beyond ? event.clientX - tip.offsetWidth - 16 : event.clientX + 16) + "px";
  tip.style.top = Math.max(8, Math.min(event.clientY + 12, window.innerHeight - tip.offsetHeight - 8)) + "px";
}

function legend(id, entries) {
  for (const [name, kind, text] of entries) {
    const mark = make("i", { className: kind }), entry = make("span");
    mark.style[kind === "" ? "background" : "borderColor"] = "var(--" + name + ")";
    entry.append(mark, text);
    el(id).append(entry);
  }
}
function fillCosts() {
  const most = Math.max(...data.costs.map(c => c.hours), 1e-9);
  for (const cost of data.costs) {
    const share = cost.hours / most, bar = make("div", { className: "bar" }), track = make("div", { className: "track" });
    const value = make("div", { className: "value" }), remark = make("em", { textContent: cost.remark });
    bar.style.width = 100 * share + "%";
    bar.style.background = "var(--" + cost.colour + ")";
    value.append(make("b", { textContent: cost.value }), " ", remark);
    if (share > .6) value.style.color = remark.style.color = "#fff"; else value.style.left = 100 * share + "%";
    track.append(bar, value);
    el("cost").append(make("div", { textContent: cost.name }), track);
  }
}

el("title").textContent = data.title;
el("about").textContent = data.about;
for (const [value, text, mood] of data.tiles) {
  const tile = make("div", { className: "tile " + mood });
  tile.append(make("b", { textContent: value }), make("span", { textContent: text }));
  el("tiles").append(tile);
}
legend("load-legend", [["load", "", "requests that come"], ["capacity", "stroke", "what the ready instances can serve"],
  ["short", "", "more than that"]]);
legend("instances-legend", [["ready", "", "ready"], ["booting", "", "booting"], ["ending", "", "draining or ending"],
  ["wanted", "dashes", "wanted (close up)"], ["optimum", "stroke", "needed so that nobody waits"]]);
legend("wait-legend", [["wait", "", "longest wait"], ["soft", "dashes", "objective: " + wait(data.slo_wait)],
  ["late", "", "late or dropped requests"]]);
fillCosts();
drawAll();
window.addEventListener("resize", drawAll);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
</script>
</body>
</html>
)page";

}  // namespace flaskscale::simulator
