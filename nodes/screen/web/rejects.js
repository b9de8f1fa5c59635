// The last rejects: a gallery, and one of them large, with what was measured and what is allowed.

import { fill, h } from "/web/dom.js";
import { NAMES, sign, word } from "/web/signs.js";
import { clock, plain, say } from "/web/words.js";

export function gallery(app) {
  const root = h("section", { class: "gallery" });
  return {
    root,
    update(state, dirty) {
      if (!state.rejects || !dirty.has("rejects")) return;
      const shown = state.rejects.filter((each) => each.outcome !== "WARN"); // one that an alarm leads to is no reject
      const key = shown.map((each) => `${each.id}${each.drawn}`).join() + say("PASS");
      fill(root, key, () => shown.length ? shown.map((each) => card(app, each)) : h("p", { class: "empty" }, say("noRejects")));
    },
  };
}

function card(app, reject) {
  const [first] = reject.findings;
  return h("button", { class: `card ${NAMES[reject.outcome]}`, id: `reject-${reject.id}`, onclick: () => app.openReject(reject.id) },
    h("span", { class: "top" }, sign(reject.outcome), h("b", {}, word(reject.outcome)), h("span", {}, clock(reject.t))),
    drawing(reject, "tile"),
    h("b", { class: "reason" }, first ? plain(first.reason) : say("notInspected")),
    h("span", { class: "pale" }, `${reject.camera} · ${about(reject)}`));
}

function drawing(reject, size) {
  if (!reject.drawn) return h("span", { class: "unseen" }, say(reject.outcome === "NO_READ" ? "notSeen" : "notDrawn"));
  return h("img", { src: `/${size}/${reject.id}.svg`, alt: "", loading: "lazy" });
}

/** What a reject is about, in a few words. */
export function about(reject) {
  if (reject.subject === "part") return say("part", { n: reject.part });
  if (reject.subject === "frame") return say("frame", { n: reject.seq });
  return say("gap", { a: reject.first, b: reject.seq });
}

/** The inside of the dialog that shows one. */
export function portrait(reject) {
  if (!reject) return h("p", { class: "empty" }, say(reject === null ? "gone" : "unreachable"));
  return h("div", { class: `portrait ${NAMES[reject.outcome]}` },
    h("div", { class: "picture" }, drawing(reject, "drawn")),
    h("div", { class: "told" },
      h("h2", {}, sign(reject.outcome), word(reject.outcome)),
      h("p", { class: "about" }, `${reject.camera} · ${about(reject)}`),
      reject.findings.length ? reject.findings.map(finding) : h("p", {}, say("notInspected")),
      facts(reject)));
}

function finding(found) {
  return h("div", { class: `finding ${NAMES[found.outcome] ?? ""}` },
    h("b", {}, plain(found.reason)),
    h("span", {}, [found.camera, found.tool, found.measure].filter(Boolean).join(" · ")),
    h("span", { class: "held" },
      h("span", {}, `${say("measured")} `, h("b", {}, found.measured)),
      found.allowed ? h("span", {}, `${say("allowed")} `, h("b", {}, found.allowed)) : ""),
    found.note ? h("span", {}, found.note) : "",
    h("span", { class: "pale" }, `${say("rule")}: ${found.rule}`));
}

function facts(reject) {
  const rows = [["seen", clock(reject.t)], ["decided", reject.rules], ["session", reject.session]];
  return h("dl", {}, rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, say(name)), h("dd", {}, value)]));
}
