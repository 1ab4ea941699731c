// What the keyboard can do: one table, from which keys are understood and the help sheet is made.

import { recall, remember, t } from "./i18n.js";
import { $, element, on } from "./view.js";

const KEPT = "lmfile.single-keys";
const MAC = /^(Mac|iP)/.test(globalThis.navigator?.platform);
const SIGNS = { ArrowUp: "↑", ArrowDown: "↓", ...(MAC && { Ctrl: "⌘", Alt: "⌥", Shift: "⇧" }) };
const SINGLE = "?"; // the one sign that works alone, where nothing can be written, and can be switched off
const FIELD = "textarea, select, input:not([type=checkbox], [type=range])";

/** Action, keys (Ctrl is ⌘ on a Mac) and name; "free": not in a field that holds something, where these keys move the cursor. */
export const SHORTCUTS = [
  ["newChat", "Ctrl+Shift+O", "New chat"],
  ["search", "Ctrl+K", "Search conversations"],
  ["previous", "Alt+ArrowUp", "Previous conversation", "free"],
  ["next", "Alt+ArrowDown", "Next conversation", "free"],
  ["list", "Ctrl+B", "Conversations"],
  ["settings", "Ctrl+;", "Settings"],
  ["message", "Ctrl+I", "Message"],
  ["stop", "Escape", "Stop"],
  ["close", "Escape", "Close"],
  ["regenerate", "Ctrl+Shift+Enter", "Regenerate"],
  ["edit", "Ctrl+ArrowUp", "Edit the last message", "free"],
  ["copy", "Ctrl+Shift+L", "Copy the last answer"],
  ["theme", "Ctrl+Shift+X", "Theme"],
  ["help", "Ctrl+/ ?", "Keyboard shortcuts"],
];

/** From now on keys call these actions. One that returns false did nothing, and the next with the same keys is asked. */
export function shortcuts(actions) {
  const known = { ...actions, help: () => show(known) };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat || document.querySelector("dialog[open]")) return;
    const [typed, field] = [pressed(event), event.target.closest(FIELD)];
    if (typed === SINGLE && (field || !$("single-keys").checked)) return;
    const meant = SHORTCUTS.filter(([name, keys, , when]) => known[name] && keys.split(" ").includes(typed) && !(when && field?.value));
    if (meant.some(([name]) => known[name]() !== false)) event.preventDefault();
  });
  on("help", "click", known.help);
  $("single-keys").checked = recall(KEPT, ["on", "off"]) === "on";
  on("single-keys", "change", ({ target }) => remember(KEPT, target.checked ? "on" : "off"));
}

/** The keys of an event as the table writes them, in every script; without Shift where it makes a sign, as "/" on many keyboards. */
export function pressed({ key = "", code, altKey, ctrlKey, metaKey, shiftKey }, mac = MAC) {
  const typed = key > "~" && /^Key.$/.test(code) ? code.at(3) : key;
  const isSign = typed.length === 1 && typed.toLowerCase() === typed.toUpperCase();
  const held = { Other: mac ? ctrlKey : metaKey, Ctrl: mac ? metaKey : ctrlKey, Alt: altKey, Shift: shiftKey && !isSign };
  return [...Object.keys(held).filter((name) => held[name]), typed.length === 1 ? typed.toUpperCase() : typed].join("+");
}

function show(known) {
  const signs = (keys) => element("dd", {}, ...keys.split("+").flatMap((key) => [element("kbd", {}, SIGNS[key] ?? t(key)), " "]));
  const row = ([, keys, label]) => element("div", {}, element("dt", {}, t(label)), ...keys.split(" ").map(signs));
  $("keys").replaceChildren(...SHORTCUTS.filter(([name]) => known[name]).map(row));
  $("shortcuts").showModal();
}
