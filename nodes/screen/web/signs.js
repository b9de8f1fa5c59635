// The sign of an outcome: colour, word and shape each say it alone. The same shapes as in every drawing.

import { s } from "/web/dom.js";
import { say } from "/web/words.js";

export const OUTCOMES = ["PASS", "WARN", "FAIL", "NO_READ"];
export const NAMES = { PASS: "pass", WARN: "warn", FAIL: "fail", NO_READ: "noread" };

const SHAPES = {
  PASS: () => [s("circle", { cx: 16, cy: 16, r: 15 }), s("path", { class: "in", d: "M9 16.5l5 5.5 9-12" })],
  WARN: () => [s("path", { d: "M16 1l15.5 28H.5z" }), s("path", { class: "in", d: "M16 11v9M16 23.5v2.5" })],
  FAIL: () => [s("path", { d: "M10 1h12l9 9v12l-9 9H10l-9-9V10z" }), s("path", { class: "in", d: "M10 10l12 12M22 10L10 22" })],
  NO_READ: () => [s("path", { d: "M16 0l16 16-16 16L0 16z" }), s("path", { class: "in", d: "M11.5 12a4.5 4.5 0 1 1 6.5 4.2q-2 1-2 3M16 22.5v2" })],
};

/** The sign alone; what it means stands beside it, or is read aloud. */
export function sign(outcome, label = false) {
  const named = label ? { role: "img", "aria-label": word(outcome) } : { "aria-hidden": "true" };
  const body = SHAPES[outcome]?.() ?? [s("circle", { cx: 16, cy: 16, r: 13, class: "ring" })];
  return s("svg", { class: `sign ${NAMES[outcome] ?? "none"}`, viewBox: "0 0 32 32", ...named }, ...body);
}

export const word = (outcome) => say(outcome ?? "none");
