// Texts and numbers in the user's language.

import { recall, remember } from "./kept.js";
import { LANGUAGES, WORDS } from "./words.js";

const KEPT = "lmfile.language";
const CODES = Object.keys(LANGUAGES);

const chosen = CODES.find((code) => code === recall(KEPT));
const wanted = globalThis.navigator?.languages ?? [];
const locale = wanted.find((tag) => (chosen ? [chosen] : CODES).includes(base(tag))) ?? chosen ?? "en"; // as de-CH
const column = CODES.indexOf(base(locale)) - 1; // English is the key
const numbers = new Intl.NumberFormat(locale);

/** Replaces {0}, {1}…; without a row: English. */
export function t(english, ...values) {
  const text = WORDS[english]?.[column] ?? english;
  return values.length ? text.replace(/\{(\d)\}/g, (_, at) => values[at]) : text;
}

export const number = (value) => numbers.format(value);

export const language = () => base(locale);

/** Empty: as the browser wishes. */
export const choice = () => chosen ?? "";

export function setLanguage(code) {
  remember(KEPT, code);
  location.reload();
}

function translate() {
  const texts = "body//text() | body//@aria-label | body//@placeholder";
  const found = document.evaluate(texts, document.documentElement, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
  for (let at = 0; at < found.snapshotLength; at += 1) {
    const node = found.snapshotItem(at);
    node.nodeValue = node.nodeValue.replace(/\S(.*\S)?/, (words) => t(words));
  }
  document.documentElement.lang = language();
  delete document.documentElement.dataset.waits; // see early.js
}

function base(tag) {
  return tag.split("-")[0].toLowerCase();
}

if (globalThis.document) translate();
