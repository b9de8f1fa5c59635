// Elements without HTML: every text is set as text, so nothing that a line says can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("button", {class: "tab", onclick: f}, "text", child)`. */
export function h(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function s(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Set a text only where it is another one: what is unchanged costs no layout. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove an attribute only where it differs. */
export function mark(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Fill a parent again, unless it shows the same already; what had the focus has it again. */
export function fill(parent, key, make) {
  if (parent.dataset.key === key) return;
  parent.dataset.key = key;
  const held = parent.contains(document.activeElement) ? document.activeElement.id : "";
  parent.replaceChildren(...[make()].flat(2).filter(Boolean));
  if (held) document.getElementById(held)?.focus();
}
