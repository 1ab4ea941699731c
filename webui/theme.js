// Chooses the colours; early.js has put in place what was chosen before.

import { recall, remember } from "./kept.js";

const KEPT = "lmfile.theme";
const MORE = matchMedia("(prefers-contrast: more)");
const { dataset, style } = document.documentElement;

/** Empty: as the system. */
export const theme = () => recall(KEPT) ?? "";

export function setTheme(name) {
  remember(KEPT, name);
  dataset.theme = name || (MORE.matches ? "contrast" : "");
}

MORE.addEventListener("change", () => setTheme(theme()));

/** #rrggbb, or empty: ours. */
export function setAccent(colour) {
  style.setProperty("--own", colour);
}
