// Which language is spoken, and how values are written in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LANGUAGES, WORDS } from "../../../webui/words.js";

let loads = 0;

/** A fresh i18n.js in a browser that prefers `languages` and keeps `kept`. */
async function speaking(languages, kept = {}) {
  const storage = new Map(Object.entries(kept));
  Object.defineProperty(globalThis, "navigator", { value: { languages }, configurable: true });
  const localStorage = { getItem: (name) => storage.get(name) ?? null, setItem: (name, value) => storage.set(name, value) };
  Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true });
  return Object.assign({ storage }, await import(`../../../webui/i18n.js?${(loads += 1)}`));
}

test("the first of the user's languages that we have is spoken, and English where there is none", async () => {
  for (const [wanted, spoken] of [
    [["de-CH", "en"], "de"], [["pt-BR", "fr-CA", "de"], "fr"], [["es-419"], "es"], [["zh-Hans-CN"], "zh"], [["ja"], "ja"],
    [["EN-gb", "de"], "en"], [["nl", "pl"], "en"], [[], "en"], [undefined, "en"], [["constructor"], "en"],
  ]) {
    const { language, choice } = await speaking(wanted);
    assert.deepEqual([language(), choice()], [spoken, ""], String(wanted));
  }
});

test("a language that was chosen is spoken, whatever the browser prefers; something foreign is not", async () => {
  assert.equal((await speaking(["de"], { "lmfile.language": "ja" })).language(), "ja");
  assert.equal((await speaking(["de"], { "lmfile.language": "en" })).language(), "en");
  for (const foreign of ["", "auto", "xx", "__proto__", '{"a":1}']) {
    const { language, choice } = await speaking(["de"], { "lmfile.language": foreign });
    assert.deepEqual([language(), choice()], ["de", ""], foreign);
  }
});

test("a text is found in each language, its values are put in, and a text without a row stays English", async () => {
  for (const [n, code] of Object.keys(LANGUAGES).entries()) {
    const { t } = await speaking([code]);
    assert.equal(t("New chat"), n ? WORDS["New chat"][n - 1] : "New chat");
    assert.equal(t("{0} of {1} left", "7", "9").replace(/\D/g, "").length, 2);
    for (const missing of ["No such text", "constructor", "__proto__", "toString"]) assert.equal(t(missing), missing);
  }
  const { t } = await speaking(["de"]);
  assert.equal(t("{0} of {1} left", "$&", "{0}"), "$& von {0} frei", "a value is text, whatever it looks like");
});

/** Without the kinds of spaces and apostrophes, in which versions of Unicode's data differ. */
const plain = (text) => text.replace(/\s+/g, " ").replaceAll("’", "'");

test("numbers are written the user's way", async () => {
  for (const [tag, number] of [
    ["en-US", "1,234,567.5"], ["en-GB", "1,234,567.5"], ["de-DE", "1.234.567,5"], ["de-CH", "1'234'567.5"], ["fr-FR", "1 234 567,5"], ["ja", "1,234,567.5"],
  ]) {
    assert.equal(plain((await speaking([tag])).number(1234567.5)), number, tag);
  }
});

test("where the browser keeps nothing, nothing fails", async () => {
  const { recall, remember } = await import("../../../webui/kept.js");
  const refused = () => { throw new DOMException("no", "SecurityError"); };
  Object.defineProperty(globalThis, "localStorage", { get: refused, configurable: true });
  remember("a", "two");
  assert.equal(recall("a"), null);
});
