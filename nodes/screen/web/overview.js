// The line at a glance: a tile per camera, and the counts of the shift or the batch.

import { h, mark, write } from "/web/dom.js";
import { draw } from "/web/masks.js";
import { NAMES, OUTCOMES, sign, word } from "/web/signs.js";
import { number, ordered, percent, plain, say } from "/web/words.js";
import { period, periods } from "/web/periods.js";

const COLUMNS = [0, 1, 2, 3, 4, 3, 3, 4, 4, 5, 5, 4, 4]; // of so many tiles
const WORST = 10; // inspected, before a camera is called the worst

/** Share of FAIL among what was inspected; null where nothing was. */
export function rate(counts = {}) {
  const inspected = (counts.PASS ?? 0) + (counts.WARN ?? 0) + (counts.FAIL ?? 0);
  return inspected ? (counts.FAIL ?? 0) / inspected : null;
}

/** The camera of which the greatest share fails; null where none does, or too little was inspected. */
export function worst(outcomes) {
  const judged = Object.entries(outcomes).filter(([, counts]) => (counts.PASS ?? 0) + (counts.FAIL ?? 0) >= WORST);
  const ordered = judged.sort(([, a], [, b]) => rate(b) - rate(a));
  return ordered.length > 1 && rate(ordered[0][1]) > 0 ? ordered[0][0] : null;
}

export function overview(app) {
  const tiles = new Map();
  const grid = h("div", { class: "tiles" });
  const counts = h("div", { class: "counters" });
  const root = h("section", { class: "overview" }, grid, h("div", { class: "sums" }, periods(app), counts));

  function place(cameras) {
    if (grid.firstChild && [...tiles.keys()].join() === cameras.join()) return;
    tiles.clear();
    for (const camera of cameras) tiles.set(camera, tile(app, camera));
    grid.replaceChildren(...[...tiles.values()].map((each) => each.root));
    if (!cameras.length) grid.replaceChildren(h("p", { class: "empty" }, say("none")));
    const columns = COLUMNS[cameras.length] ?? 6;
    const rows = Math.ceil(cameras.length / columns);
    grid.style.setProperty("--columns", columns);
    mark(grid, "data-dense", rows > 1 ? Math.min(rows, 3) : null); // then masks stand beside the verdict, not above it
  }

  return {
    root,
    update(state, dirty) {
      if (!state.live || !state.counts) return;
      place(ordered(Object.keys(state.live)));
      const counted = period(state);
      const poor = worst(counted.outcomes);
      for (const [camera, each] of tiles) each.update(state.live[camera], counted.outcomes[camera], poor === camera);
      if (dirty.has("counts")) counters(counts, counted);
    },
  };
}

function tile(app, camera) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const [name, told, said, share, flag, notes] = [1, 2, 3, 4, 5, 6].map(() => h("span"));
  const signed = h("span", { class: "at" });
  const picture = new Image();
  const root = h("button", { class: "tile", onclick: () => app.openLast(camera) },
    h("span", { class: "top" }, name, share),
    h("span", { class: "well" }, canvas, notes),
    h("span", { class: "verdict" }, signed, told),
    h("span", { class: "why" }, said, flag));
  name.className = "name";
  flag.className = "flag";
  notes.className = "notes";
  share.className = "share";
  told.className = "word";
  said.className = "said";
  let shown;
  let pictured;

  return {
    root,
    update(eye, counts, poor) {
      write(name, camera);
      const outcome = eye.last?.outcome;
      if (shown !== outcome || !signed.firstChild) signed.replaceChildren(sign(outcome));
      shown = outcome;
      mark(root, "data-outcome", NAMES[outcome] ?? "none");
      write(told, word(outcome));
      write(said, reason(eye.last));
      const failing = rate(counts);
      write(share, failing === null ? "" : `${say("FAIL")} ${percent(failing)}`);
      write(flag, poor ? `▲ ${say("worst")}` : "");
      write(notes, remarks(eye).join(" · "));
      mark(notes, "data-grave", eye.pictured || eye.missing > 0);
      if (eye.picture !== null && eye.picture !== pictured) {
        pictured = eye.picture;
        picture.src = `/picture/${encodeURIComponent(camera)}?${eye.picture}`;
      }
      if (!eye.look) return;
      draw(canvas, eye.look, eye.picture !== null && picture.naturalWidth ? picture : null);
      mark(canvas, "data-t", eye.look.t);
    },
  };
}

/** Why, in a few words. */
export function reason(last) {
  if (!last) return "";
  if (last.reason) return `${plain(last.reason)} ${last.measured}${last.allowed ? ` (${last.allowed})` : ""}`;
  if (last.outcome === "NO_READ") return say("notInspected");
  return last.part === null ? "" : say("part", { n: last.part });
}

function remarks(eye) {
  const found = [];
  if (eye.pictured) found.push(say(eye.picture === null ? "images" : "shownImages"));
  if (eye.missing) found.push(say("missing", { n: number(eye.missing) }));
  if (eye.look && eye.look.epoch !== "settled") found.push(say(eye.look.epoch === "settling" ? "settling" : "unsure"));
  if (eye.look?.prompt) found.push(eye.look.prompt);
  return found;
}

/** Share of all verdicts; empty where there is none. */
function part(total, outcome) {
  const sum = OUTCOMES.reduce((found, each) => found + (total[each] ?? 0), 0);
  return sum ? percent((total[outcome] ?? 0) / sum) : "";
}

function counters(root, counted) {
  root.replaceChildren(...OUTCOMES.map((outcome) =>
    h("div", { class: `counter ${NAMES[outcome]}` },
      h("span", { class: "label" }, sign(outcome), word(outcome), h("span", { class: "part" }, part(counted.total, outcome))),
      h("span", { class: "count" }, number(counted.total[outcome] ?? 0)))));
}
