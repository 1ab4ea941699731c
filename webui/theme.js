// Chooses the colours: light, dark or high contrast, and the publisher's own accent where it can be read.

import { recall, remember } from "./i18n.js";

export const THEMES = ["auto", "light", "dark", "contrast"];

const KEPT = "lmfile.theme";
const LEAST = { contrast: 7 }; // the contrast of text in WCAG, level AAA
const USUAL = 4.5; // level AA
const SYSTEM = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"];

let chosen = recall(KEPT, THEMES);
let publisher = null; // the assistant's colour, as #rrggbb

/** What was chosen; "auto" follows the system. */
export const theme = () => chosen;

/** Show the page in a theme from now on. */
export function setTheme(name) {
  chosen = remember(KEPT, name);
  paint();
}

/** Show the page in another theme than it has now. */
export function nextTheme() {
  const looks = chosen === "auto" ? (matchMedia(SYSTEM[0]).matches ? "dark" : "light") : chosen;
  setTheme(THEMES[(THEMES.indexOf(looks) % (THEMES.length - 1)) + 1]);
}

/** Use the assistant's colour, #rrggbb, for what stands out, made darker or lighter where it could not be read. */
export function setAccent(colour) {
  if (/^#[0-9a-f]{6}$/i.test(colour ?? "")) publisher = colour;
  paint();
}

/** `colour` ([r, g, b]), or its nearest shade whose contrast with `paper` is at least `least`. */
export function readable(colour, paper, least = USUAL) {
  const pole = contrast(paper, [0, 0, 0]) > contrast(paper, [255, 255, 255]) ? 0 : 255;
  for (let share = 0; share < 1; share += 0.02) {
    const shade = colour.map((channel) => Math.round(channel + (pole - channel) * share));
    if (contrast(shade, paper) >= least) return shade;
  }
  return [pole, pole, pole];
}

/** The contrast of two colours as WCAG defines it: 1 to 21. */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function paint() {
  const { dataset, style } = document.documentElement;
  dataset.theme = chosen === "auto" && matchMedia(SYSTEM[1]).matches ? "contrast" : chosen;
  const paper = getComputedStyle(document.body).backgroundColor;
  document.querySelector("meta[name=theme-color]")?.setAttribute("content", paper);
  if (!publisher) return;
  const channels = [1, 3, 5].map((at) => parseInt(publisher.slice(at, at + 2), 16));
  const shade = readable(channels, paper.match(/\d+/g).slice(0, 3).map(Number), LEAST[dataset.theme]);
  style.setProperty("--accent", `rgb(${shade})`);
  style.setProperty("--on-accent", paper);
}

function luminance(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// On the page it begins by itself: nothing else may be painted before.
if (globalThis.document) {
  for (const query of SYSTEM) matchMedia(query).addEventListener("change", paint);
  paint();
}
