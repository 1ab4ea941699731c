// Chooses the colours: light, dark or high contrast, and the publisher's own accent where it can be read.

import { recall, remember } from "./i18n.js";

export const THEMES = ["auto", "light", "dark", "contrast"];

const KEPT = "lmfile.theme";
const [DARK, MORE] = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"];
const LEAST = { contrast: 7 }; // contrast of text; 4.5 in the other themes

let chosen = recall(KEPT, THEMES);
let publisher = ""; // the assistant's colour

/** What was chosen; "auto" follows the system. */
export const theme = () => chosen;

export function setTheme(name) {
  chosen = remember(KEPT, name);
  paint();
}

/** Another theme than the page has now. */
export function nextTheme() {
  const now = chosen === "auto" ? Number(matchMedia(DARK).matches) : THEMES.indexOf(chosen) - 1;
  setTheme(THEMES[((now + 1) % 3) + 1]);
}

/** Let the assistant's colour (#rrggbb, or empty: ours) mark what stands out, in a shade that can be read. */
export function setAccent(colour) {
  publisher = colour;
  paint();
}

/** `colour` ([r, g, b]) as it is, or as much darker or lighter as it takes to be read on `paper`. */
export function readable(colour, paper, least = 4.5) {
  const pole = contrast(paper, [0, 0, 0]) > contrast(paper, [255, 255, 255]) ? 0 : 255;
  const shade = (share) => colour.map((channel) => Math.round(channel + (pole - channel) * share));
  let share = 0;
  while (share < 1 && contrast(shade(share), paper) < least) share += 1 / 64;
  return shade(share);
}

/** The contrast of two colours as WCAG defines it: 1 to 21. */
export function contrast(...colours) {
  const [dark, light] = colours.map(luminance).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour) {
  const [red, green, blue] = colour.map((byte) => (byte > 10 ? ((byte / 255 + 0.055) / 1.055) ** 2.4 : byte / 255 / 12.92));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function paint() {
  const { dataset, style } = document.documentElement;
  dataset.theme = chosen === "auto" && matchMedia(MORE).matches ? "contrast" : chosen;
  const paper = getComputedStyle(document.body).backgroundColor;
  document.querySelector("meta[name=theme-color]").content = paper;
  if (!publisher) return;
  const bytes = publisher.match(/[0-9a-f]{2}/gi).map((byte) => parseInt(byte, 16));
  style.setProperty("--accent", `rgb(${readable(bytes, paper.match(/\d+/g).map(Number), LEAST[dataset.theme])})`);
  style.setProperty("--on-accent", paper);
}

// On the page it begins by itself, before anything is seen.
if (globalThis.document) {
  for (const query of [DARK, MORE]) matchMedia(query).addEventListener("change", paint);
  paint();
}
