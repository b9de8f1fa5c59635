// The share of FAIL window by window, with control limits: a p-chart. What is outside is told by shape and word, too.

import { fill, h, s } from "/web/dom.js";
import { clock, number, ordered, percent, say, span } from "/web/words.js";

const SIZE = [1200, 480];
const PAD = { left: 92, right: 24, top: 24, bottom: 48 };
const RISES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]; // between two lines of the grid
const POINTS = 5; // of a phase, before it has limits

export function trend(app) {
  const choices = h("div", { class: "choices", role: "group" });
  const figure = h("div", { class: "chart" });
  const legend = h("p", { class: "legend" });
  const root = h("section", { class: "trend" }, choices, figure, legend);
  let chosen = "";

  function choose(camera) {
    chosen = camera;
    app.changed("trend");
  }

  return {
    root,
    update(state, dirty) {
      if (!state.trend || !dirty.has("trend")) return;
      const cameras = ["", ...ordered(Object.keys(state.trend.cameras))];
      if (!cameras.includes(chosen)) chosen = "";
      fill(choices, cameras.join() + chosen + say("all"), () => cameras.map((camera) =>
        h("button", { class: "choice", id: `trend-${camera}`, "aria-pressed": String(camera === chosen), onclick: () => choose(camera) }, camera || say("all"))));
      const points = chosen ? state.trend.cameras[chosen] : state.trend.line;
      fill(figure, JSON.stringify(points) + say("all"), () => points.length ? chart(points, state.trend.every) : h("p", { class: "empty" }, say("noTrend", { t: span(state.trend.every) })));
      fill(legend, `${points.length}${say("all")}${state.trend.every}`, () => [key(state.trend.every, points)]);
    },
  };
}

const out = (point) => point.high !== null && (point.fails / point.n > point.high || point.fails / point.n < point.low);

function chart(points, every) {
  const highest = Math.max(0.02, ...points.map((point) => Math.max(point.fails / point.n, point.high ?? 0)));
  const rise = RISES.find((each) => each * 5 >= highest);
  const most = Math.min(1, rise * Math.ceil((1.05 * highest) / rise));
  const x = (place) => PAD.left + ((SIZE[0] - PAD.left - PAD.right) * (place + 0.5)) / points.length;
  const y = (share) => SIZE[1] - PAD.bottom - ((SIZE[1] - PAD.top - PAD.bottom) * share) / most;
  const line = points.map((point, place) => `${place && !point.begins ? "L" : "M"}${x(place)} ${y(point.fails / point.n)}`).join("");
  const told = `${say("rate")}: ${points.map((point) => `${clock(point.t_ms, false)} ${percent(point.fails / point.n)}${out(point) ? ` ${say("outside")}` : ""}`).join(", ")}`;
  return s("svg", { viewBox: `0 0 ${SIZE.join(" ")}`, role: "img", "aria-label": told },
    axes(points, rise, most, x, y, every < 60),
    ...["high", "center", "low"].map((name) => s("path", { class: name, d: steps(points, name, x, y) })),
    s("path", { class: "values", d: line }),
    points.map((point, place) => dot(point, x(place), y(point.fails / point.n))),
    points.map((point, place) => point.begins ? change(x(place) - (x(1) - x(0)) / 2) : null).filter(Boolean));
}

function axes(points, rise, most, x, y, seconds) {
  const rises = [...Array(Math.round(most / rise) + 1).keys()].map((step) => step * rise);
  const step = Math.max(1, Math.ceil(points.length / 8));
  return [
    ...rises.flatMap((share) => [
      s("path", { class: "grid", d: `M${PAD.left} ${y(share)}H${SIZE[0] - PAD.right}` }),
      s("text", { x: PAD.left - 12, y: y(share) + 7, "text-anchor": "end" }, percent(share)),
    ]),
    ...points.flatMap((point, place) => place % step ? [] : [s("text", { x: x(place), y: SIZE[1] - 14, "text-anchor": "middle" }, clock(point.t_ms, seconds))]),
  ];
}

/** A limit, flat over each window; where a phase has none, nothing. */
function steps(points, name, x, y) {
  const half = points.length > 1 ? (x(1) - x(0)) / 2 : 20;
  return points.map((point, place) => point[name] === null ? "" : `M${x(place) - half} ${y(point[name])}H${x(place) + half}`).join("");
}

function dot(point, x, y) {
  if (out(point)) return s("path", { class: "out", d: `M${x - 5} ${y - 12}h10l7 7v10l-7 7h-10l-7-7v-10z` });
  return s("circle", { class: point.open ? "open" : "in", cx: x, cy: y, r: 6 });
}

function change(x) {
  return s("g", { class: "change" }, s("path", { d: `M${x} ${PAD.top}V${SIZE[1] - PAD.bottom}` }), s("text", { x: x + 8, y: PAD.top + 16 }, say("newRules")));
}

function key(every, points) {
  const parts = [say("point", { t: span(every) }), `— ${say("center")}`, `┄ ${say("upper")}, ${say("lower")}`, `⬣ ${say("outside")}: ${number(points.filter(out).length)}`, `○ ${say("open")}`];
  if (points.length && points.every((point) => point.high === null)) parts.push(say("noLimits", { n: POINTS }));
  return h("span", {}, parts.join("   "));
}
