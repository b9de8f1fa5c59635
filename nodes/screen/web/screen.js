// The page: listens to the line, keeps its newest state, and shows one view of it.

import { alarmList, awaiting, badge, title } from "/web/alarms.js";
import { fill, h, mark, write } from "/web/dom.js";
import { overview } from "/web/overview.js";
import * as people from "/web/people.js";
import { gallery, portrait } from "/web/rejects.js";
import { reasons } from "/web/reasons.js";
import { sign } from "/web/signs.js";
import { trend } from "/web/trend.js";
import { LANGUAGES, clock, other, say, speak, spoken, stand } from "/web/words.js";

const SECTIONS = ["head", "live", "counts", "rejects", "trend", "alarms"];
const SILENT_MS = 3000; // after which what stands here is old
const IDLE_MS = 30000; // without a part or a frame, after which the line stands
const VIEWS = { line: overview, rejects: gallery, reasons, trend, alarms: alarmList };
const LANG = "kensa-lang";

const state = { heard: 0 };
const followers = [];
let dirty = new Set(SECTIONS);
let drawing = false;
let stream = null;
let view = "line";
let counter = 0;

const app = {
  id: (name) => `${name}-${++counter}`,
  follow: (update) => followers.push(update),
  changed,
  openReject,
  openLast: (camera) => {
    const last = (state.rejects ?? []).find((each) => each.camera === camera);
    if (last) openReject(last.id);
  },
  act,
  shelve,
  newBatch,
};

const views = Object.fromEntries(Object.entries(VIEWS).map(([name, make]) => [name, make(app)]));
const tabs = Object.keys(VIEWS).map((name, index) =>
  h("button", { class: "tab", role: "tab", id: `tab-${name}`, "aria-controls": "view", "data-name": name, onclick: () => show(name) }, h("kbd", {}, index + 1), h("span"), h("b", { class: "dot" })));
const [heading, place, standing, time, language, person, info, fault, banner, lost, toast] =
  ["h1", "span", "div", "time", "button", "button", "p", "p", "div", "div", "div"].map((tag) => h(tag));
const main = h("main", { id: "view", role: "tabpanel", tabindex: "-1" });

function build() {
  standing.className = "standing";
  place.className = "place";
  info.className = "info";
  fault.className = "fault";
  fault.setAttribute("role", "alert");
  banner.className = "banner";
  banner.setAttribute("role", "status");
  lost.className = "lost";
  lost.setAttribute("role", "alert");
  toast.className = "toast";
  toast.setAttribute("role", "status");
  language.id = "language";
  person.id = "person";
  language.addEventListener("click", () => choose(other()));
  person.addEventListener("click", async () => {
    if (people.who()) people.leave();
    else await people.signIn();
    changed(...SECTIONS);
  });
  document.body.replaceChildren(
    h("header", { class: "head" }, h("div", { class: "titles" }, heading, place), standing, time, h("div", { class: "tools" }, language, person)),
    info, fault, lost, main, banner, h("nav", { role: "tablist" }, ...tabs), toast);
}

/** Something is another one: shown with the next picture. */
function changed(...sections) {
  sections.forEach((section) => dirty.add(section));
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(render);
  }
}

function render() {
  drawing = false;
  const due = dirty;
  dirty = new Set();
  header();
  footer();
  followers.forEach((update) => update(state));
  views[view].update(state, due);
}

function header() {
  const { head } = state;
  if (!head) return;
  write(heading, head.title);
  write(place, head.line);
  write(time, clock(head.now));
  write(language, LANGUAGES[other()]);
  language.lang = other();
  mark(language, "aria-label", `${say("language")}: ${LANGUAGES[other()]}`);
  const known = people.who();
  write(person, !head.actions ? say("readOnly") : known ? `${known.name} ⏏` : say("signIn"));
  person.disabled = !head.actions;
  mark(person, "aria-label", known ? `${say("signOut")}: ${known.name}` : person.textContent);
  const how = stands(head);
  fill(standing, how + say(how), () => [mood(how), h("b", {}, say(how))]);
  mark(standing, "data-how", how);
  write(info, [`${say("rules")}: ${head.rules.join(", ") || "–"}`, head.models.length ? `${say("model")}: ${head.models.map((each) => each.slice(0, 12)).join(", ")}` : "",
    head.pictured.length ? `${say(head.images ? "shownImages" : "images")}: ${head.pictured.join(", ")}` : "",
    ...head.notices.slice(0, 2)].filter(Boolean).join("  ·  "));
  mark(info, "data-grave", head.pictured.length + head.notices.length ? "" : null);
  write(fault, head.faults.slice(0, 3).join("  ·  ") + (head.faults.length > 3 ? `  ·  +${head.faults.length - 3}` : ""));
  mark(fault, "hidden", how === "faulty" ? null : "");
}

/** How the line stands, as people ask: does it run, and does anything come? */
function stands(head) {
  if (!connected()) return "lost";
  if (!head.phase) return "unknown";
  if (head.phase !== "running") return head.phase;
  if (head.faults.length) return "faulty";
  return head.moving === null || head.now - head.moving > IDLE_MS ? "idle" : "running";
}

function mood(how) {
  return sign({ running: "PASS", faulty: "FAIL", lost: "FAIL", unknown: "NO_READ", idle: "WARN" }[how]);
}

const connected = () => performance.now() - state.heard < SILENT_MS;

function footer() {
  const calling = awaiting(state.alarms);
  tabs.forEach((tab) => {
    const { name } = tab.dataset;
    write(tab.children[1], say(name));
    write(tab.children[2], name === "alarms" && calling.length ? String(calling.length) : "");
    mark(tab, "aria-selected", name === view);
    tab.tabIndex = name === view ? 0 : -1;
  });
  const gone = state.heard > 0 && !connected();
  mark(lost, "hidden", gone ? null : "");
  if (gone) write(lost, `${say("lost")}. ${say("lostSince", { t: clock(state.head?.now ?? Date.now()) })}`);
  mark(document.body, "data-lost", gone ? "" : null);
  const [first] = calling;
  mark(banner, "hidden", first && view !== "alarms" ? null : "");
  if (first) fill(banner, JSON.stringify([first.alarm, first.occurrence, first.state, calling.length, state.head?.actions, say("PASS")]), () => call(first, calling.length));
}

function call(one, many) {
  const open = h("button", { class: `call ${one.priority}`, onclick: () => show("alarms") }, badge(one.priority),
    h("span", { class: "what" }, h("b", {}, title(one)), h("span", {}, one.action)),
    many > 1 ? h("b", { class: "many" }, `+${many - 1}`) : "");
  if (!state.head?.actions) return open;
  return [open, h("button", { class: "answer first", id: "acknowledge-first", onclick: () => act({ verb: "acknowledge", alarm: one.alarm, occurrence: one.occurrence }) }, say("acknowledge"))];
}

function show(name) {
  view = name;
  main.replaceChildren(views[name].root);
  mark(main, "aria-labelledby", `tab-${name}`);
  mark(document.body, "data-view", name);
  changed(...SECTIONS);
}

function choose(lang) {
  localStorage.setItem(LANG, lang);
  speak(lang);
  changed(...SECTIONS);
}

async function openReject(id) {
  const known = (state.rejects ?? []).filter((each) => each.outcome !== "WARN");
  const found = known.findIndex((each) => each.id === id);
  const reject = known[found] ?? (await fetched(id));
  document.querySelector("dialog.reject")?.remove();
  const step = (by) => (known[found + by] && found >= 0 ? () => openReject(known[found + by].id) : null);
  const button = (word, run) => h("button", { class: "answer", disabled: !run, onclick: run ?? (() => {}) }, say(word));
  const dialog = h("dialog", { class: "reject", "aria-label": say("rejects"), onclose: () => dialog.remove() },
    portrait(reject),
    h("div", { class: "buttons" }, button("previous", step(1)), button("next", step(-1)), h("button", { class: "answer first", autofocus: true, onclick: () => dialog.close() }, say("close"))));
  document.body.append(dialog);
  dialog.showModal();
}

/** A verdict that this page was not told of: null where the screen has it no more, undefined where it does not answer. */
async function fetched(id) {
  try {
    return await (await fetch(`/told/${id}`)).json();
  } catch {
    return undefined;
  }
}

async function known() {
  return people.who() || (await people.signIn());
}

async function act(order) {
  if (!(await known())) return;
  told(await people.post("/act", { ...order, by: people.who().name }));
}

async function shelve(one) {
  if (!(await known())) return;
  const entered = await people.shelving(title(one));
  if (entered) await act({ verb: "shelve", alarm: one.alarm, ...entered });
}

async function newBatch() {
  if (!(await known())) return;
  const name = await people.batching();
  if (name) told(await people.post("/batch", { name, by: people.who().name }));
}

function told({ status, body }) {
  if (status === 401) people.leave();
  if (status === 200) return;
  write(toast, say("failed", { why: body.refused }));
  toast.dataset.shown = "";
  setTimeout(() => delete toast.dataset.shown, 8000);
  changed("head");
}

function listen() {
  stream?.close();
  stream = new EventSource("/events");
  for (const section of SECTIONS) {
    stream.addEventListener(section, (event) => {
      state[section] = JSON.parse(event.data);
      state.heard = performance.now();
      if (section === "head") stand(state.head.zone, state.head.now);
      changed(section);
    });
  }
}

function begin() {
  const { head } = state;
  if (!head) return setTimeout(begin, 50);
  if (!localStorage.getItem(LANG)) speak(head.lang);
  changed(...SECTIONS);
  const [, wanted] = location.pathname.match(/^\/verdict\/([0-9a-f]{32})$/) ?? [];
  if (wanted) setTimeout(() => openReject(wanted), 100);
}

function keyed(event) {
  if (event.target.closest("input, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const names = Object.keys(VIEWS);
  const at = names.indexOf(view);
  if (event.key >= "1" && event.key <= String(names.length)) show(names[event.key - 1]);
  else if (event.key.toLowerCase() === "l") choose(other());
  else if (event.key.toLowerCase() === "s" && state.head?.actions) person.click();
  else if (event.target.closest("nav") && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
    show(names[(at + (event.key === "ArrowRight" ? 1 : names.length - 1)) % names.length]);
    document.getElementById(`tab-${view}`).focus();
  }
}

build();
speak(localStorage.getItem(LANG) ?? "en");
show("line");
listen();
begin();
people.fromAddress().then(() => changed("head"));
document.addEventListener("keydown", keyed);
setInterval(() => {
  if (!connected() && (stream.readyState === EventSource.CLOSED || performance.now() - state.heard > 4 * SILENT_MS)) listen();
  changed("head");
}, 1000);
addEventListener("resize", () => changed("live"));
