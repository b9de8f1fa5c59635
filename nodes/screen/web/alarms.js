// What the line calls people for: with cause, consequence and action, a way to the verdict, and what to answer.

import { fill, h } from "/web/dom.js";
import { clock, plain, say } from "/web/words.js";

const PRIORITIES = ["critical", "high", "medium", "low"];
const AWAITING = ["unacknowledged", "returned_unacknowledged", "latched_unacknowledged"];

/** Alarms that somebody must acknowledge, and that are not set aside. */
export const awaiting = (alarms) => (alarms?.alarms ?? []).filter((one) => AWAITING.includes(one.state));

export function alarmList(app) {
  const root = h("section", { class: "alarms" });
  return {
    root,
    update(state, dirty) {
      if (!state.alarms || !dirty.has("alarms")) return;
      fill(root, JSON.stringify([state.alarms, state.head?.actions, say("PASS")]), () => listed(app, state));
    },
  };
}

function listed(app, { alarms, head }) {
  if (alarms.silent) return h("p", { class: "empty" }, say("silent"));
  if (!alarms.known) return h("p", { class: "empty" }, say("noBook"));
  const rest = alarms.more ? h("p", { class: "pale" }, say("more", { n: alarms.more })) : null;
  const figures = h("p", { class: "pale" }, `${say("perHour", { n: alarms.per_hour })} · ${say("waiting", { n: awaiting(alarms).length })}`);
  if (!alarms.alarms.length) return [h("p", { class: "empty calm" }, say("noAlarms")), figures];
  return [figures, ...alarms.alarms.map((one) => card(app, one, head?.actions)), rest];
}

/** Number, word and colour of a priority. */
export function badge(priority) {
  return h("span", { class: `priority ${priority}` }, h("b", {}, PRIORITIES.indexOf(priority) + 1), say(priority));
}

/** An alarm's name and camera, as words. */
export function title(one) {
  const [name, camera] = one.alarm.split("@");
  return [name.replace(/-/g, " "), camera].filter(Boolean).join(" · ");
}

function card(app, one, actions) {
  const marks = [one.first ? say("first") : "", one.chattering ? say("chattering") : ""].filter(Boolean);
  return h("article", { class: `alarm ${one.priority} ${one.state}` },
    h("header", {}, badge(one.priority), h("h3", {}, title(one)), h("b", { class: "state" }, say(one.state)),
      h("span", { class: "pale" }, [one.since_ns ? say("since", { t: clock(one.since_ns / 1e6) }) : "", ...marks].filter(Boolean).join(" · "))),
    one.text ? h("p", { class: "text" }, plain(one.text)) : null,
    h("dl", {}, ["cause", "consequence", "action"].flatMap((part) => [h("dt", {}, say(part)), h("dd", { class: part }, one[part])])),
    aside(one),
    one.remark ? h("p", { class: "who" }, `${one.remarked_by}: ${one.remark}`) : null,
    h("div", { class: "buttons" }, answers(app, one, actions), shown(app, one)));
}

function aside(one) {
  const said = [one.by ? say("by", { who: one.by }) : "", one.reason, one.until_ns ? say("until", { t: clock(one.until_ns / 1e6) }) : ""].filter(Boolean);
  return said.length ? h("p", { class: "who" }, said.join(" · ")) : null;
}

function answers(app, one, actions) {
  if (!actions) return [];
  const button = (verb, run, kind = "") => h("button", { class: `answer ${kind}`, id: `${verb}-${one.alarm}`, onclick: run }, say(verb));
  const found = [];
  if (AWAITING.includes(one.state)) found.push(button("acknowledge", () => app.act({ verb: "acknowledge", alarm: one.alarm, occurrence: one.occurrence }), "first"));
  if (one.state === "latched") found.push(button("reset", () => app.act({ verb: "reset", alarm: one.alarm }), "first"));
  if (one.state === "shelved") found.push(button("unshelve", () => app.act({ verb: "unshelve", alarm: one.alarm })));
  else if (one.state === one.life) found.push(button("shelve", () => app.shelve(one)));
  return found;
}

function shown(app, one) {
  return one.verdict ? h("button", { class: "answer", id: `show-${one.alarm}`, onclick: () => app.openReject(one.verdict) }, say("show")) : null;
}
