// The keyboard: one table for the keys and the help sheet.

import { t } from "./i18n.js";
import { $, element, on } from "./view.js";

const MAC = /^(Mac|iP)/.test(globalThis.navigator?.platform);
const SIGNS = MAC ? { Ctrl: "⌘", Shift: "⇧" } : {};

export const SHORTCUTS = [
  ["newChat", "Ctrl+Shift+O", "New chat"],
  ["search", "Ctrl+K", "Search"],
  ["list", "Ctrl+B", "Conversations"],
  ["settings", "Ctrl+;", "Settings"],
  ["message", "Ctrl+I", "Message"],
  ["regenerate", "Ctrl+Shift+Enter", "Regenerate"],
  ["stop", "Escape", "Stop"],
  ["close", "Escape", "Close"],
  ["help", "Ctrl+/", "Keyboard shortcuts"],
];

/** One that returns false leaves its keys to the next. */
export function shortcuts(actions) {
  const known = { ...actions, help: () => $("shortcuts").showModal() };
  $("keys").append(...SHORTCUTS.map(row));
  on("help", "click", known.help);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat || document.querySelector("dialog[open]")) return;
    const meant = SHORTCUTS.filter(([, keys]) => keys === pressed(event));
    if (meant.some(([name]) => known[name]() !== false)) event.preventDefault();
  });
}

/** In every script; without Shift where it makes a sign, as "/". */
export function pressed({ key = "", code, altKey, ctrlKey, metaKey, shiftKey }, mac = MAC) {
  const typed = (key > "~" && /^Key.$/.test(code) ? code.at(3) : key).replace(/^.$/, (sign) => sign.toUpperCase());
  const isSign = typed.length === 1 && typed.toLowerCase() === typed;
  const held = { Other: mac ? ctrlKey : metaKey, Ctrl: mac ? metaKey : ctrlKey, Alt: altKey, Shift: shiftKey && !isSign };
  return [...Object.keys(held).filter((name) => held[name]), typed].join("+");
}

function row([, keys, label]) {
  const signs = keys.split("+").flatMap((key) => [element("kbd", {}, SIGNS[key] ?? t(key)), " "]);
  return element("div", {}, element("dt", {}, t(label)), element("dd", {}, ...signs));
}
