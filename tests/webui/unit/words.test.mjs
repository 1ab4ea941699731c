// The table of words against everything that the page says: no text without a row, no row without a text, no row half done.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SHORTCUTS } from "../../../webui/shortcuts.js";
import { LANGUAGES, WORDS } from "../../../webui/words.js";

const PAGE = join(import.meta.dirname, "../../../webui");
const TRANSLATED = ["aria-label", "placeholder"];
const NAMES = ["lmfile", "?", "☰", "✕", "{…}"]; // the same in every language
const LITERAL = /"((?:[^"\\\n]|\\.)*)"/g;
const CALL = /\bt\(\s*"((?:[^"\\\n]|\\.)*)"/g;

const read = (name) => readFileSync(join(PAGE, name), "utf8");
const scripts = readdirSync(PAGE).filter((name) => name.endsWith(".js") && name !== "words.js").map(read).join("\n");
const literals = (pattern) => [...scripts.matchAll(pattern)].map(([, text]) => text.replace(/\\(.)/g, "$1"));

/** Each text and each translated attribute of the page's HTML. */
function* ofHtml() {
  const html = read("index.html").replace(/^[^]*<body/, "<body").replace(/<!--[^]*?-->/g, "");
  for (const [, text] of html.matchAll(/>([^<]*)/g)) yield text;
  for (const name of TRANSLATED) for (const [, text] of html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, "g"))) yield text;
}

const entities = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"' };
const written = [...ofHtml()].map((text) => text.trim().replace(/&\w+;/g, (one) => entities[one] ?? one));
const said = new Set([...written.filter((text) => text && !NAMES.includes(text)), ...literals(CALL), ...SHORTCUTS.map(([, , label]) => label)]);

test("every text of the page has a row", () => {
  assert.ok(said.size > 50);
  assert.deepEqual([...said].filter((text) => !Object.hasOwn(WORDS, text)), []);
});

test("every row has a text of the page", () => {
  const somewhere = new Set([...said, ...literals(LITERAL), ...SHORTCUTS.flatMap(([, keys]) => keys.split("+"))]);
  assert.deepEqual(Object.keys(WORDS).filter((key) => !somewhere.has(key)), []);
});

test("no text is said past the table", () => {
  const past = /\b(?:button|notice|ask)\("[A-Z]|"(?:aria-label|placeholder|title)"?[:,] "[A-Z]|textContent = "[A-Z]/;
  assert.deepEqual(scripts.split("\n").filter((line) => past.test(line)), []);
});

test("each row says the same in all languages", () => {
  for (const [english, row] of Object.entries(WORDS)) {
    assert.equal(row.length, Object.keys(LANGUAGES).length - 1, english);
    for (const [n, text] of row.entries()) {
      const where = `${english} -> ${text}`;
      assert.ok(text && text === text.trim() && !/ {2}|[\t\n]/.test(text), where);
      assert.deepEqual(placeholders(text), placeholders(english), where);
      assert.equal(ending(text), ending(english), where);
      assert.ok(balanced(text), where);
      assert.ok(!text.includes("..."), where);
      if (n === 0) assert.ok(!/\b([Dd]u|[Dd]ein\w*|[Ss]ie|[Ii]hr\w*)\b/.test(text), `addresses somebody: ${where}`);
      if (n === 1) assert.ok(!/[^\s\u00a0\u202f][?!;]|[^\s\u00a0\u202f\d{]:(?!\/)/.test(text), `no space before the sign: ${where}`);
      if (n === 2) assert.equal(text.endsWith("?"), text.includes("¿"), where);
      if (n > 2) assert.ok(!/[\u3040-\u30ff\u4e00-\u9fff][,.:;?!]/.test(text), `a Latin sign: ${where}`);
    }
  }
});

const placeholders = (text) => (text.match(/\{\d\}/g) ?? []).sort();

/** The kind of sign at the end: a sentence stays a sentence, an ellipsis an ellipsis. */
function ending(text) {
  const kinds = [["…"], [".", "。"], ["?", "？"], [":", "："], ["!", "！"]];
  return kinds.findIndex((kind) => kind.includes(text.at(-1)));
}

function balanced(text) {
  const open = [];
  const pairs = { ")": "(", "）": "（", "”": "“", "»": "«", "“": "„", "」": "「", "]": "[" };
  for (const sign of text) {
    if (open.length && open.at(-1) === pairs[sign]) open.pop();
    else if (/[(（„“«「[]/.test(sign)) open.push(sign);
    else if (sign in pairs) return false;
  }
  return open.length === 0;
}
