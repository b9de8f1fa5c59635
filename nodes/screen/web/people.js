// Who acts: a token and a name, kept as long as the page is open; and the dialogs that ask for something.

import { h, write } from "/web/dom.js";
import { say } from "/web/words.js";

const KEPT = "kensa-person";
const SHELVES = [600, 1800, 3600, 4 * 3600];
const REASONS = ["trial", "known", "maintenance", "changeover"];

let person = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

export const who = () => person;

export function leave() {
  person = null;
  sessionStorage.removeItem(KEPT);
}

function come(found) {
  person = found;
  sessionStorage.setItem(KEPT, JSON.stringify(found));
}

/** A panel may be opened with its token: `/#token=…`; it does not stay in the address. */
export async function fromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  const { status, body } = await post("/who", {}, token);
  if (status === 200) come({ token, name: body.name });
}

/** Ask the screen to do something; what it answers: its status, 0 where there is no answer. */
export async function post(path, body, token = person?.token ?? "") {
  try {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return { status: 0, body: { refused: say("unreachable") } };
  }
}

/** A dialog with a form; gives what was entered, or null. `check` gives what is wrong with it. */
function asked(title, fields, check) {
  return new Promise((resolve) => {
    const wrong = h("p", { class: "wrong", role: "alert" });
    const cancel = h("button", { type: "button", class: "answer", onclick: () => dialog.close() }, say("cancel"));
    const form = h("form", { method: "dialog", onsubmit: submit }, h("h2", {}, title), ...fields, wrong,
      h("div", { class: "buttons" }, h("button", { class: "answer first" }, say("ok")), cancel));
    const dialog = h("dialog", { class: "asking", "aria-label": title, onclose: () => { dialog.remove(); resolve(null); } }, form);
    async function submit(event) {
      event.preventDefault();
      const entered = Object.fromEntries(new FormData(form));
      write(wrong, "");
      const problem = await check(entered);
      if (problem) return write(wrong, problem);
      resolve(entered);
      dialog.close();
    }
    document.body.append(dialog);
    dialog.showModal();
    form.querySelector("input:not([type=radio])")?.focus();
  });
}

const field = (name, label, more = {}) => h("label", {}, label, h("input", { name, autocomplete: "off", spellcheck: "false", maxlength: 64, ...more }));

function choice(name, options, label) {
  return h("fieldset", {}, h("legend", {}, label), h("div", { class: "radios" }, options.map(([value, said], index) =>
    h("label", {}, h("input", { type: "radio", name, value, checked: index === 0 }), h("span", {}, said)))));
}

/** Let somebody say who they are; whether they did. */
export async function signIn() {
  let found = null;
  const entered = await asked(say("signIn"), [field("token", say("token"), { type: "password" })], async ({ token }) => {
    const { status, body } = await post("/who", {}, token.trim());
    if (status !== 200) return status === 401 ? say("wrongToken") : status === 403 ? say("noActions") : body.refused;
    found = { token: token.trim(), name: body.name };
    return "";
  });
  if (!entered || !found) return false;
  if (!found.name) {
    const named = await asked(say("name"), [field("name", say("name"))], ({ name }) => (name.trim() ? "" : say("needName")));
    if (!named) return false;
    found.name = named.name.trim();
  }
  come(found);
  return true;
}

/** For how long, and why; null where nothing is to be done. */
export async function shelving(title) {
  const times = SHELVES.map((seconds) => [seconds, seconds < 3600 ? say("minutes", { n: seconds / 60 }) : say("hours", { n: seconds / 3600 })]);
  const reasons = REASONS.map((reason) => [say(reason), say(reason)]);
  const fields = [choice("seconds", times, say("howLong")), choice("why", [...reasons], say("why")), field("other", say("ownWords"), { maxlength: 200 })];
  const entered = await asked(`${say("shelve")}: ${title}`, fields, () => "");
  return entered && { seconds: Number(entered.seconds), reason: entered.other.trim() || entered.why };
}

/** The name of a batch; null where none is to begin. */
export async function batching() {
  const entered = await asked(say("newBatch"), [field("name", say("batchName"))], ({ name }) => (name.trim() ? "" : say("batchName")));
  return entered && entered.name.trim();
}
