// What the page's own files may not hold: inline code, ways to make markup of text, other servers.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../../webui/", import.meta.url);
const files = readdirSync(folder).filter((name) => name !== "README.md").map((name) => [name, readFileSync(new URL(name, folder), "utf8")]);

const SINKS = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|createContextualFragment|DOMParser|setHTML|srcdoc/;

for (const [name, text] of files) {
  test(`${name} makes no markup of text and asks no other server`, () => {
    assert.doesNotMatch(text, SINKS);
    assert.doesNotMatch(text.replaceAll("http://www.w3.org/2000/svg", ""), /["'(]https?:\/\/[a-z0-9]|["'(]\/\//i);
  });
}

test("the document has no inline script, style or handler", () => {
  const [, html] = files.find(([name]) => name === "index.html");
  assert.doesNotMatch(html, /\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|javascript:/i);
  assert.match(html, /<html lang="en">/);
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]*)"/g)) assert.match(address, /^#?[a-z0-9]+(\.[a-z]+)?$/);
});

test("the page stays small", () => {
  const lines = files.reduce((sum, [, text]) => sum + text.trimEnd().split("\n").length, 0);
  const bytes = files.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
  assert.ok(lines <= 3000, `${lines} lines`);
  assert.ok(bytes <= 120 * 1024, `${bytes} bytes`);
});
