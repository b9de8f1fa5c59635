// Shift or batch: which counts are shown, on every view the same.

import { h, mark, write } from "/web/dom.js";
import { clock, say } from "/web/words.js";

const CHOICES = ["shift", "batch"];
let chosen = "shift";

/** The counts that are shown. */
export const period = (state) => state.counts[chosen];

/** A switch between the two; it follows the state by itself. */
export function periods(app, acts = false) {
  const buttons = CHOICES.map((choice) => h("button", { class: "choice", id: app.id(choice), onclick: () => {
    chosen = choice;
    app.changed("counts");
  } }, h("b"), h("span")));
  const fresh = h("button", { class: "choice action", id: app.id("new-batch"), onclick: () => app.newBatch() });
  app.follow((state) => {
    if (!state.counts) return;
    CHOICES.forEach((choice, index) => {
      const [name, told] = buttons[index].children;
      write(name, say(choice));
      write(told, named(state.counts[choice]));
      mark(buttons[index], "aria-pressed", choice === chosen);
    });
    write(fresh, say("newBatch"));
    mark(fresh, "hidden", state.head?.actions ? null : "");
  });
  return h("div", { class: "choices", role: "group" }, ...buttons, acts ? fresh : "");
}

function named(counted) {
  if (counted.name) return counted.name;
  return counted.begin ? say("since", { t: clock(counted.begin, false) }) : "–";
}
