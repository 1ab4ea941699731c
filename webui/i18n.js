// Says everything in the user's language: finds texts in the one table of words, and writes numbers and dates the local way.

import { LANGUAGES, WORDS } from "./words.js";

const KEPT = "lmfile.language";
const CODES = Object.keys(LANGUAGES);
const ATTRIBUTES = ["aria-label", "placeholder", "title", "alt"];

let chosen = recall(KEPT, ["auto", ...CODES]);
let spoken = speakable();
let shown = "en"; // the language that the page is in as it stands

/** The text in the user's language, with {0}, {1}… replaced; English where the table has no such row. */
export function t(english, ...values) {
  const text = WORDS[english]?.[column(spoken)] ?? english;
  return values.length ? text.replace(/\{(\d)\}/g, (_, at) => values[at]) : text;
}

/** Put what `root` says into the user's language, but for what stands below `translate="no"`: that is a person's or a model's. */
export function translate(root = document.body) {
  const english = new Map(Object.entries(WORDS).map(([key, row]) => [row[column(shown)] ?? key, key]));
  const say = (text) => text.replace(/\S(?:[^]*\S)?/, (words) => t(english.get(words.replace(/\s+/g, " ")) ?? words));
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.parentElement?.translate === false) continue;
    for (const one of node.attributes ? ATTRIBUTES.map((name) => node.attributes[name]) : [node]) {
      if (one && say(one.nodeValue) !== one.nodeValue) one.nodeValue = say(one.nodeValue);
    }
  }
}

/** What was chosen: a code of LANGUAGES, or "auto". */
export const choice = () => chosen;

/** The code of the language that is spoken now. */
export const language = () => spoken;

/** Speak another language, also on the page as it stands; parts that show values redraw at the document's event "language". */
export function setLanguage(code) {
  chosen = remember(KEPT, code);
  spoken = speakable();
  speak();
  document.dispatchEvent(new Event("language"));
}

export const number = (value) => new Intl.NumberFormat(locale()).format(value);
export const date = (ms) => new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(ms);

/** What this browser keeps under a name, if it is one of `allowed`; else the first of them. */
export function recall(name, allowed) {
  try {
    return allowed.find((one) => one === localStorage.getItem(name)) ?? allowed[0];
  } catch {
    return allowed[0]; // storage is switched off
  }
}

/** Keep a value in this browser, and return it. */
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is full or switched off: it holds until the page is closed.
  }
  return value;
}

function speak() {
  translate();
  document.documentElement.lang = shown = spoken;
}

function column(code) {
  return CODES.indexOf(code) - 1; // English is the key of each row
}

function speakable() {
  return chosen === "auto" ? (wanted().map(base).find((code) => CODES.includes(code)) ?? "en") : chosen;
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
if (globalThis.document) speak();
