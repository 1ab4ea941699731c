// The reader of PDFs: files of five programs (tests/webui/data/make.py), parts by hand, and files that are damaged.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { textOf } from "../../../webui/pdf.js";

const DATA = join(import.meta.dirname, "../data");
const REFUSED = /^((Type|Range)Error\b|Error: It needs a password\.$)/;
const LIMIT_MS = 60_000;

const file = (name) => new Uint8Array(readFileSync(join(DATA, name)));
const bytes = (text) => Uint8Array.from(text, (one) => one.charCodeAt());
const fromFile = async (name) => (await textOf(file(name))).split(/\n+/);

test("a file by reportlab: two pages in their order", async () => {
  const lines = ["The quick brown fox — “jumps” over the lazy dog.", "Zürich, façade, naïve, café: 12,50 €", "Office, waffle, (efficient)."];
  assert.deepEqual(await fromFile("reportlab.pdf"), [...lines, "Page 1 of two", ...lines, "Page 2 of two"]);
});

test("a file by MuPDF: objects inside of streams", async () => {
  assert.deepEqual(await fromFile("mupdf.pdf"), ["Zürich, façade, naïve, café: 12,50 EUR", "Office, waffle, (efficient)."]);
});

test("a file by Chromium: codes of two bytes, words without spaces between them", async () => {
  const lines = ["Report on “Zürich”", "The quick brown fox — jumps.", "Alpha 17", "Beta 4", "Second page."];
  assert.deepEqual(await fromFile("chromium.pdf"), lines);
});

for (const name of ["groff.pdf", "ghostscript.pdf"]) {
  test(`${name}: characters by their names, ligatures, lines that are justified`, async () => {
    const words = "Report on Zürich The quick brown fox jumps over the lazy dog — office, waffle, efficient. A second paragraph.";
    assert.deepEqual((await textOf(file(name))).split(/\s+/), words.split(" "));
  });
}

test("a picture of a page has no text", async () => assert.equal(await textOf(file("scanned.pdf")), ""));
test("a password", () => assert.rejects(textOf(file("locked.pdf")), /needs a password/));

/** A file whose only page shows `content` in a font with these fields. */
const made = (content, font = "/Encoding /WinAnsiEncoding", more = "") => bytes(`%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Resources << /Font << /F 5 0 R >> >> >> endobj
3 0 obj << /Type /Page /Contents 4 0 R >> endobj
4 0 obj << /Length ${content.length} >> stream
${content}
endstream endobj
5 0 obj << /Type /Font ${font} >> endobj
${more}`);
const shows = async (expected, ...parts) => assert.equal(await textOf(made(...parts)), expected);

test("the operators that show text", async () => {
  await shows("a\nb\nc\nd", "BT /F 10 Tf 12 TL 50 90 Td (a) Tj (b) ' T* (c) Tj T* [(d)] TJ ET");
  await shows("a b\nc", "BT /F 10 Tf 1 0 0 1 50 90 Tm (a) Tj 30 0 Td (b) Tj -30 -12 TD (c) Tj ET");
  await shows("one two", "BT /F 10 Tf [(o) 10 (ne) -300 (tw) -20 (o)] TJ ET");
  await shows("up\ndown", "q 1 0 0 1 0 90 cm BT /F 10 Tf (up) Tj ET Q BT /F 10 Tf (down) Tj ET");
  await shows("sideways\nbelow", "BT /F 10 Tf 0 1 -1 0 50 50 Tm (side) Tj (ways) Tj 0 -12 Td (below) Tj ET");
});

test("strings", async () => {
  await shows("a(b)c\\Aé", "BT /F 10 Tf (a\\(b\\)c\\\\\\101\\351) Tj ET");
  await shows("Hi", "BT /F 10 Tf <4 8> Tj <69> Tj ET");
  await shows("p", "BT /F 10 Tf <70> Tj ET % a comment (that is not text)");
});

test("fonts", async () => {
  await shows("’é…", "BT /F 10 Tf (\x92\xe9\x85) Tj ET");
  await shows("Affi…–€x", "BT /F 10 Tf (\x01\x02\x03\x04\x80x) Tj ET", "/Encoding << /Differences [1 /A /ffi /uni2026 /endash 128 /Unknown] >>");
  const table = "6 0 obj << >> stream\n1 beginbfchar <01> <D83DDE00> endbfchar 2 beginbfrange <02> <03> <0041> <04> <05> [<0058> <0059>] endbfrange\nendstream endobj";
  await shows("😀ABXY", "BT /F 10 Tf (\x01\x02\x03\x04\x05) Tj ET", "/ToUnicode 6 0 R", table);
  await shows("", "BT /F 10 Tf <00010002> Tj ET", "/Encoding /Identity-H /DescendantFonts [<< >>]");
});

test("a later object with the same number is the one that counts; a tree that bites its tail", async () => {
  await shows("new", "BT /F 10 Tf (old) Tj ET", "", "4 0 obj << /Length 26 >> stream\nBT /F 10 Tf (new) Tj ET\nendstream endobj");
  const tree = "2 0 obj << /Type /Pages /Kids [2 0 R 3 0 R 3 0 R] /Resources << /Font << /F 5 0 R >> >> >> endobj";
  await assert.rejects(textOf(made("BT /F 10 Tf (x) Tj ET", "", tree)), REFUSED);
});

test("what is no PDF", async () => {
  await assert.rejects(textOf(new Uint8Array()), REFUSED);
  await assert.rejects(textOf(bytes("%PDF-1.7\n".repeat(9))), REFUSED);
});

test("a file that would not end is refused", { timeout: LIMIT_MS }, async () => {
  const zeros = new Uint8Array(await new Response(new Blob([new Uint8Array(110 << 20)]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer());
  const head = "1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj 2 0 obj << /Contents 3 0 R >> endobj 3 0 obj << /Filter /FlateDecode >> stream\n";
  const bomb = new Uint8Array([...bytes(head), ...zeros, ...bytes("\nendstream endobj")]);
  await assert.rejects(textOf(bomb), REFUSED);
  const range = "6 0 obj << >> stream\n9 beginbfrange " + "<0000> <FFFF> <0041> ".repeat(50) + "endbfrange\nendstream endobj";
  await assert.rejects(textOf(made("BT /F 10 Tf (x) Tj ET", "/ToUnicode 6 0 R", range)), REFUSED);
});

test("content that asks for more work than its length", { timeout: LIMIT_MS }, async () => {
  const repeated = "3 0 obj << /Type /Page /Contents [" + "4 0 R ".repeat(9000) + "] >> endobj";
  await assert.rejects(textOf(made(`% ${"x".repeat(30_000)}`, "", repeated)), REFUSED);
});

test("deep nesting, long runs of what begins and never ends", { timeout: LIMIT_MS }, async () => {
  for (const part of ["[", "<<", "(", "<", "\\", "%", "1 ", " ", "1 0 obj ", "1 0 obj << /Length 9 >> stream\n", "((\\", "BT ", "trailer "]) {
    const before = performance.now();
    await textOf(bytes(`%PDF-1.4 1 0 obj ${part.repeat(300_000 / part.length)}`)).catch((error) => assert.match(String(error), REFUSED));
    assert.ok(performance.now() - before < LIMIT_MS / 2, part);
  }
});

test("300 files with a few bytes changed, cut or doubled: a text or a sentence", { timeout: 60_000 }, async () => {
  const files = readdirSync(DATA).filter((name) => name.endsWith(".pdf")).map(file);
  let seed = 20_240;
  const random = (below) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % below;
  let texts = 0;
  for (let round = 0; round < 300; round += 1) {
    const changed = Uint8Array.from(files[round % files.length]);
    for (let count = 1 + random(20); count > 0; count -= 1) changed[random(changed.length)] = random(3) ? 32 + random(95) : random(256);
    const cut = random(4) ? changed.length : random(changed.length);
    const mutated = random(5) ? changed.subarray(0, cut) : new Uint8Array([...changed.subarray(cut / 2), ...changed]);
    await textOf(mutated).then((text) => (texts += typeof text === "string"), (error) => assert.match(String(error), REFUSED));
  }
  assert.ok(texts > 30, `${texts} could be read`);
});
