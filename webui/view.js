// Makes the page's elements. Text only ever becomes text nodes.

import { t } from "./i18n.js";

const TOLD_MS = 1500;

export const $ = (id) => document.getElementById(id);

/** Leaves out empty children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter(Boolean));
  return made;
}

export function button(label, action, name = "") {
  const made = element("button", { type: "button", class: name }, label);
  made.addEventListener("click", action);
  return made;
}

export function copyButton(text) {
  return button(t("Copy"), async ({ target }) => {
    const copied = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    target.textContent = copied ? t("Copied") : t("Not allowed");
    setTimeout(() => (target.textContent = t("Copy")), TOLD_MS);
  }, "copy");
}

/** In place of the browser's own action. */
export function on(id, type, action, when = () => true) {
  $(id).addEventListener(type, (event) => {
    if (!when(event)) return;
    event.preventDefault();
    action(event);
  });
}

/** "" removes it. */
export function notice(text) {
  $("notice").textContent = text;
}

/** Resolves to whether to do it. */
export function ask(sentence, verb) {
  const dialog = $("question");
  $("asked").textContent = sentence;
  $("yes").textContent = verb;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), TOLD_MS);
}
