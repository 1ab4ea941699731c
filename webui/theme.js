// Runs before anything is seen: the chosen colours, and no English before another language.

import { recall, remember } from "./kept.js";

const KEPT = "lmfile.theme";
const MORE = matchMedia("(prefers-contrast: more)");
const { dataset, style } = document.documentElement;

/** Empty: as the system. */
export const theme = () => recall(KEPT) ?? "";

export function setTheme(name) {
  remember(KEPT, name);
  paint(name);
}

/** #rrggbb, or empty: ours. */
export function setAccent(colour) {
  style.setProperty("--own", colour);
}

function paint(name = theme()) {
  dataset.theme = name || (MORE.matches ? "contrast" : "");
}

paint();
MORE.addEventListener("change", () => paint());
if (!/^en/i.test(recall("lmfile.language") || navigator.language)) dataset.waits = "for words"; // until i18n.js is done
