// What a file's bytes are taken for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { textFrom } from "../../../webui/attach.js";

const bytes = (...parts) => Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...new TextEncoder().encode(part)] : part)));
const utf16 = (text) => bytes(...[...`\ufeff${text}`].map((one) => [one.charCodeAt() & 255, one.charCodeAt() >> 8]));

test("UTF-8, with its mark or without", () => {
  assert.equal(textFrom(bytes("Zürich 日本 🦄\n\ttab\x1b[1m")), "Zürich 日本 🦄\n\ttab\x1b[1m");
  assert.equal(textFrom(bytes([0xef, 0xbb, 0xbf], "marked")), "marked");
  assert.equal(textFrom(bytes()), "");
});

test("UTF-16 with its mark", () => assert.equal(textFrom(utf16("Zürich 日本")), "Zürich 日本"));

test("Latin-1 where it looks like words", () => {
  assert.equal(textFrom(bytes("Z", [0xfc], "rich, caf", [0xe9], ", 5 ", [0x80])), "Zürich, café, 5 €");
});

test("what is no text", () => {
  for (const binary of [[0], [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0], [0xc3, 0x28, 0x01]]) {
    assert.throws(() => textFrom(bytes("text ", binary)), TypeError, String(binary));
  }
});
