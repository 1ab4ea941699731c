// Makes what is seen of a conversation. Text only ever becomes text nodes.

import { parse } from "./markdown.js";

const shown = new WeakMap(); // element -> the sources of the blocks it shows

/** An element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function button(label, action, name = "") {
  const made = element("button", { type: "button", class: name }, label);
  made.addEventListener("click", action);
  return made;
}

/** A button that copies what `text` returns, and says so. */
export function copyButton(text) {
  return button("Copy", async ({ target }) => {
    const copied = await navigator.clipboard.writeText(text()).then(() => true, () => false);
    target.textContent = copied ? "Copied" : "Not allowed here";
    setTimeout(() => (target.textContent = "Copy"), 1500);
  });
}

/** One turn of the conversation: `{root, text}`. */
export function turn(role, name) {
  const text = element("div", { class: "text" });
  return { text, root: element("article", { class: `turn ${role}`, "aria-label": name }, text) };
}

/** Show Markdown in `target`; blocks that are the same as before stay untouched, also their selection. */
export function show(target, markdown) {
  const before = shown.get(target) ?? [];
  const blocks = parse(markdown);
  const same = blocks.findIndex(({ source }, at) => source !== before[at]);
  const kept = same < 0 ? blocks.length : same;
  while (target.childNodes.length > kept) target.lastChild.remove();
  target.append(...blocks.slice(kept).map(({ node }) => fromTree(node)));
  shown.set(target, blocks.map(({ source }) => source));
}

function fromTree(node) {
  if (typeof node === "string") return node;
  const [tag, attributes, ...children] = node;
  if (tag === "code-block") return codeBlock(attributes.language, children[0]);
  if (tag === "a") return element(tag, { ...attributes, rel: "noopener noreferrer", target: "_blank" }, ...children.map(fromTree));
  const made = element(tag, attributes, ...children.map(fromTree));
  return tag === "table" ? element("div", { class: "wide" }, made) : made;
}

function codeBlock(language, text) {
  const bar = element("div", { class: "bar" }, element("span", {}, language || "text"), copyButton(() => text));
  return element("div", { class: "code" }, bar, element("pre", { tabindex: "0" }, element("code", {}, text)));
}
