// Runs first, before anything is seen: the colours that were chosen, and no English where another language is on its way.

import { recall, remember } from "./kept.js";

const KEPT = "lmfile.theme";
const MORE = matchMedia("(prefers-contrast: more)");
const { dataset, style } = document.documentElement;

/** What was chosen: light, dark or contrast; else empty, and the page follows the system. */
export const theme = () => recall(KEPT) ?? "";

export function setTheme(name) {
  remember(KEPT, name);
  paint(name);
}

/** Let the assistant's colour (#rrggbb, or empty: ours) mark what stands out; style.css makes a shade of it that can be read. */
export function setAccent(colour) {
  style.setProperty("--own", colour);
}

function paint(name = theme()) {
  dataset.theme = name || (MORE.matches ? "contrast" : "");
}

paint();
MORE.addEventListener("change", () => paint());
if (!/^en/i.test(recall("lmfile.language") || navigator.language)) dataset.waits = "for words"; // until i18n.js has put them in
