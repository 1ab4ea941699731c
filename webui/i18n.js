// Says everything in the user's language: looks up the one table of words, and writes numbers and dates the local way.

import { LANGUAGES, WORDS } from "./words.js";

const KEPT = "lmfile.language";
const COLUMNS = Object.keys(LANGUAGES).slice(1); // English is the key of each row
const ATTRIBUTES = ["aria-label", "placeholder", "title", "alt"];

let chosen = recall(KEPT, ["auto", ...Object.keys(LANGUAGES)]);
let spoken = speakable(chosen);
let shown = "en"; // the language that the page's own HTML is in now

/** The text in the user's language, with {0}, {1}… replaced; English where the table has no such row. */
export function t(english, ...values) {
  const text = WORDS[english]?.[COLUMNS.indexOf(spoken)] ?? english;
  return values.length ? text.replace(/\{(\d)\}/g, (_, at) => values[at]) : text;
}

/** Put what `root` says into the user's language; what stands under `translate="no"` is a person's or a model's. */
export function translate(root = document.body) {
  const english = new Map(Object.entries(WORDS).map(([key, row]) => [row[COLUMNS.indexOf(shown)] ?? key, key]));
  const say = (text) => {
    const words = text.trim().replace(/\s+/g, " ");
    const key = english.get(words) ?? words;
    return Object.hasOwn(WORDS, key) ? text.replace(/\S(?:[^]*\S)?/, () => t(key)) : text;
  };
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.parentElement?.translate === false) continue;
    if (node.nodeType !== Node.TEXT_NODE) for (const name of ATTRIBUTES) swap(node, name, say);
    else if (node.data.trim()) change(node, say(node.data));
  }
  if (root !== document.body) return;
  document.documentElement.lang = shown = spoken;
}

/** What was chosen: a code of LANGUAGES, or "auto". */
export const choice = () => chosen;

/** The code of the language that is spoken now; never "auto". */
export const language = () => spoken;

/** Speak another language from now on, also on the page as it stands; parts that show values redraw at the document's event "language". */
export function setLanguage(code) {
  chosen = remember(KEPT, code);
  spoken = speakable(code);
  translate();
  document.dispatchEvent(new Event("language"));
}

export const number = (value, options) => new Intl.NumberFormat(locale(), options).format(value);
export const percent = (share) => number(share, { style: "percent", maximumFractionDigits: 1 });
export const date = (ms) => new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(ms);

/** What this browser keeps under a name, if it is one of `allowed`; else the first of them. */
export function recall(name, allowed) {
  try {
    const value = localStorage.getItem(name);
    return allowed.includes(value) ? value : allowed[0];
  } catch {
    return allowed[0]; // storage is switched off
  }
}

/** Keep a value in this browser where it lets us, and return it. */
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is full or switched off: it holds until the page is closed.
  }
  return value;
}

function swap(element, name, say) {
  const text = element.getAttribute(name);
  if (text && say(text) !== text) element.setAttribute(name, say(text));
}

function change(node, text) {
  if (node.data !== text) node.data = text;
}

function speakable(code) {
  if (code !== "auto") return code;
  return wanted().map(base).find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";
}

/** The user's own kind of the language that is spoken, such as de-CH. */
function locale() {
  return wanted().find((tag) => base(tag) === spoken) ?? spoken;
}

function wanted() {
  return globalThis.navigator?.languages ?? [];
}

function base(tag) {
  return tag.split("-")[0].toLowerCase();
}

// On the page it begins by itself, before anything is seen.
if (globalThis.document) translate();
