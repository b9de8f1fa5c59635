// What rejects are for, the most frequent first (Pareto), and which camera rejects how much.

import { fill, h } from "/web/dom.js";
import { rate } from "/web/overview.js";
import { period, periods } from "/web/periods.js";
import { NAMES, OUTCOMES, sign } from "/web/signs.js";
import { number, percent, plain, say } from "/web/words.js";

const SHOWN = 8; // reasons; the rest stands together in the last row

export function reasons(app) {
  const pareto = h("div", { class: "pareto" });
  const cameras = h("div", { class: "pareto" });
  const root = h("section", { class: "reasons" }, periods(app, true), h("div", { class: "pair" }, pareto, cameras));
  return {
    root,
    update(state, dirty) {
      if (!state.counts || !dirty.has("counts")) return;
      const counted = period(state);
      const key = JSON.stringify([counted.outcomes, counted.reasons, say("PASS")]);
      fill(pareto, key, () => ranked(tally(counted.reasons)));
      fill(cameras, key, () => byCamera(counted));
    },
  };
}

/** Reasons of all cameras, the most frequent first; those that have no row of their own are added up. */
export function tally(byCamera) {
  const sums = new Map();
  for (const mine of Object.values(byCamera)) {
    for (const [outcome, reasons] of Object.entries(mine)) {
      for (const [name, count] of Object.entries(reasons)) {
        const known = sums.get(`${outcome} ${name}`) ?? { name, outcome, count: 0 };
        sums.set(`${outcome} ${name}`, { ...known, count: known.count + count });
      }
    }
  }
  const all = [...sums.values()].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  if (all.length <= SHOWN) return all;
  const rest = all.slice(SHOWN - 1);
  return [...all.slice(0, SHOWN - 1), { name: null, outcome: null, count: rest.reduce((sum, { count }) => sum + count, 0), others: rest.length }];
}

function ranked(found) {
  const sum = found.reduce((total, { count }) => total + count, 0);
  if (!sum) return [h("h2", {}, say("reasons")), h("p", { class: "empty" }, say("noReasons"))];
  let past = 0;
  return [h("h2", {}, say("reasons")), found.map(({ name, outcome, count, others }) => {
    past += count;
    const said = name === null ? say("more", { n: others }) : name ? plain(name) : say("notInspected");
    return bar(said, count / Math.max(...found.map((each) => each.count)), number(count), `Σ ${percent(past / sum)}`, outcome);
  })];
}

function byCamera(counted) {
  const found = Object.entries(counted.outcomes).sort(([, a], [, b]) => (rate(b) ?? -1) - (rate(a) ?? -1));
  const most = Math.max(...found.map(([, counts]) => rate(counts) ?? 0), 1e-9);
  return [h("h2", {}, say("perCamera")), found.map(([camera, counts]) =>
    h("div", { class: "camera" },
      bar(camera, (rate(counts) ?? 0) / most, rate(counts) === null ? "–" : percent(rate(counts)), "", "FAIL"),
      h("span", { class: "small" }, OUTCOMES.map((outcome) =>
        h("span", { class: NAMES[outcome] }, sign(outcome, true), number(counts[outcome] ?? 0))))))];
}

function bar(name, share, count, more, outcome) {
  const filled = h("span", { class: `filled ${NAMES[outcome] ?? "none"}` });
  filled.style.width = `${Math.max(0.5, 100 * share)}%`;
  return h("div", { class: "bar" }, h("b", { class: NAMES[outcome] ?? "none" }, sign(outcome, true), h("span", {}, name)), h("span", { class: "track" }, filled), h("b", { class: "count" }, count), h("span", { class: "sum" }, more));
}
