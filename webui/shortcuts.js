// What the keyboard can do: one table, from which keys are understood and the help sheet is made.

import { recall, remember, t } from "./i18n.js";
import { $, element, on } from "./view.js";

const KEPT = "lmfile.single-keys";
const MAC = /Mac|iP(hone|ad|od)/.test(globalThis.navigator?.platform ?? "");
const SIGNS = { ArrowUp: "↑", ArrowDown: "↓", ...(MAC && { Ctrl: "⌘", Alt: "⌥", Shift: "⇧" }) };
const SINGLE = "?"; // the one key that works alone, outside of fields, and can be switched off
const FIELD = "textarea, select, input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=file])";

/**
 * An action, its keys (Ctrl is ⌘ on a Mac), and what it does, in English. None is a key that browsers keep for themselves.
 * "free": not in a field that holds something, where the same keys move the cursor.
 */
export const SHORTCUTS = [
  ["newChat", "Ctrl+Shift+O", "New chat"],
  ["search", "Ctrl+K", "Search conversations"],
  ["previous", "Alt+ArrowUp", "Previous conversation", "free"],
  ["next", "Alt+ArrowDown", "Next conversation", "free"],
  ["list", "Ctrl+B", "Show or hide the conversations"],
  ["settings", "Ctrl+;", "Show or hide the settings"],
  ["message", "Ctrl+I", "Go to the message"],
  ["stop", "Escape", "Stop the answer"],
  ["close", "Escape", "Close what is open"],
  ["regenerate", "Ctrl+Shift+Enter", "Regenerate the answer"],
  ["edit", "Ctrl+ArrowUp", "Edit the last message", "free"],
  ["copy", "Ctrl+Shift+L", "Copy the last answer"],
  ["theme", "Ctrl+Shift+X", "Next theme"],
  ["help", "Ctrl+/ ?", "Keyboard shortcuts"],
];

/** From now on keys call these actions. One that returns false did nothing, and the next with the same keys is asked. */
export function shortcuts(actions) {
  const known = { ...actions, help: () => show(SHORTCUTS.filter(([name]) => name in known)) };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat || document.querySelector("dialog[open]")) return;
    const [typed, field] = [pressed(event), event.target.matches?.(FIELD) && event.target];
    if (typed === SINGLE && (field || !$("single-keys").checked)) return;
    const meant = SHORTCUTS.filter(([name, keys, , when]) => name in known && keys.split(" ").includes(typed) && !(when && field?.value));
    if (meant.some(([name]) => known[name]() !== false)) event.preventDefault();
  });
  on("help", "click", known.help);
  $("single-keys").checked = recall(KEPT, ["on", "off"]) === "on";
  $("single-keys").addEventListener("change", ({ target }) => remember(KEPT, target.checked ? "on" : "off"));
}

/** The keys of an event, written as in the table, on any keyboard: Shift is not named where it makes a sign, as "/" on many. */
export function pressed({ key = "", code, altKey, ctrlKey, metaKey, shiftKey }, mac = MAC) {
  const typed = key > "~" && /^Key[A-Z]$/.test(code) ? code.slice(3) : key; // the Latin letter in the place of another one
  const isSign = typed.length === 1 && typed.toLowerCase() === typed.toUpperCase();
  const [control, other] = mac ? [metaKey, ctrlKey] : [ctrlKey, metaKey];
  const held = [other && "Other", control && "Ctrl", altKey && "Alt", shiftKey && !isSign && "Shift"].filter(Boolean);
  return [...held, typed.length === 1 ? typed.toUpperCase() : typed].join("+");
}

/** The sheet of the shortcuts in `rows`. */
function show(rows) {
  $("keys").replaceChildren(...rows.map(([, keys, label]) => element("div", {}, element("dt", {}, t(label)), ...keys.split(" ").map(signs))));
  $("shortcuts").showModal();
}

function signs(keys) {
  return element("dd", {}, ...keys.split("+").map((key) => element("kbd", {}, SIGNS[key] ?? t(key))));
}
