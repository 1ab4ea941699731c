// What Markdown becomes however it comes, and that a piece of it costs the same at the end of a long answer as at its beginning.

import assert from "node:assert/strict";
import test from "node:test";
import { Writer, render } from "../../../webui/markdown.js";
import { tree, work } from "./dom.mjs";

const CUT_TEXTS = process.env.LMFILE_PROOF ? 200 : 30;

/** The element in which `text` was written, `size` characters at a time. */
function written(text, size) {
  const root = document.createElement("div");
  const writer = new Writer(root);
  for (let at = 0; at < text.length; at += size) writer.write(text.slice(at, at + size));
  writer.end();
  return root;
}

function whole(text) {
  const root = document.createElement("div");
  render(root, text);
  return root;
}

const shown = (root) => tree(root).slice(2);
const p = (...inside) => ["p", {}, ...inside];
const li = (...inside) => ["li", {}, ...inside];
const ul = (...inside) => ["ul", {}, ...inside];
const ol = (...inside) => ["ol", { start: "1" }, ...inside];
const quote = (...inside) => ["blockquote", {}, ...inside];
const code = (language, ...inside) => ["code-block", language || "text", ...inside];
const span = (name, text) => ["span", { class: name }, text];
const display = (text) => ["div", { class: "math display" }, text];
const table = (head, ...rows) => ["table", {}, ["thead", {}, row("th", head)], ["tbody", {}, ...rows.map((cells) => row("td", cells))]];
const row = (tag, cells) => ["tr", {}, ...cells.map((cell) => [tag, {}, ...(cell ? [cell] : [])])];
const TABLE = "| a | b |\n|---|---|\n";

const CASES = [
  ["one\ntwo\n\nthree", [p("one\ntwo"), p("three")]],
  ["  one\n      two", [p("one\ntwo")]],
  ["# A\n###### B\n#C", [["h1", {}, "A"], ["h6", {}, "B"], p("#C")]],
  ["####### A\n#", [p("####### A"), ["h1", {}]]],
  ["text\n# *A*", [p("text"), ["h1", {}, ["em", {}, "A"]]]],
  ["---\n* * *\n--", [["hr", {}], ["hr", {}], p("--")]],
  ["a\n---\nb", [p("a"), ["hr", {}], p("b")]],
  ["```js\nlet a;\n\n  b\n```\nafter", [code("js", span("k", "let"), " a;\n\n  b"), p("after")]],
  ["```\nstill being writ", [code("", "still being writ")]],
  ["~~~\n```\n~~~", [code("", "```")]],
  ["````\n```\n````", [code("", "```")]],
  ["``` a`b\nc", [p("``` a`b\nc")]],
  ["```\n\ta\n```", [code("", "\ta")]],
  ["- ```py\n  x\n  ```\n- y", [ul(li(code("py", "x")), li(p("y")))]],
  ["1. a\n   ```sh\nb\n   ```\n2. c", [ol(li(p("a"), code("sh", "b")), li(p("c")))]],
  ["> ```\n> a\n\nb", [quote(code("", "a")), p("b")]],
  ["- a\n- b\n  - c\n- d", [ul(li(p("a")), li(p("b"), ul(li(p("c")))), li(p("d")))]],
  ["3. a\n4. b", [["ol", { start: "3" }, li(p("a")), li(p("b"))]]],
  ["1. a\n  - b\n2. c", [ol(li(p("a"), ul(li(p("b")))), li(p("c")))]],
  ["- a\n    - b\n        - c\n- d", [ul(li(p("a"), ul(li(p("b"), ul(li(p("c")))))), li(p("d")))]],
  ["- a\n\n- b\n\n  more\n\nafter", [ul(li(p("a")), li(p("b"), p("more"))), p("after")]],
  ["- a\n  - b\n\n  - c\n- d", [ul(li(p("a"), ul(li(p("b")), li(p("c")))), li(p("d")))]],
  ["- a\nlazy\n\n- b", [ul(li(p("a\nlazy")), li(p("b")))]],
  ["-\n  a\n-\n- b", [ul(li(p("a")), li(p()), li(p("b")))]],
  ["- a\n* b\n1) c\n2. d", [ul(li(p("a")), li(p("b"))), ol(li(p("c")), li(p("d")))]],
  ["It was\n1. a", [p("It was"), ol(li(p("a")))]],
  ["- [ ] a\n- [x] b\n- [y] c", [ul(li(p("☐ a")), li(p("☑ b")), li(p("[y] c")))]],
  ["- # a\n- > b", [ul(li(["h1", {}, "a"]), li(quote(p("b"))))]],
  ["- - a\n  - b", [ul(li(ul(li(p("a")), li(p("b")))))]],
  ["> a\n> > b\n\nc", [quote(p("a"), quote(p("b"))), p("c")]],
  ["> a\nlazy\n>\n> b\n\n> c", [quote(p("a\nlazy"), p("b")), quote(p("c"))]],
  [">a", [quote(p("a"))]],
  ["| a | b |\n|---|:-:|\n| 1 | 2\\|3 |\n| 4 |", [["table", {},
    ["thead", {}, ["tr", {}, ["th", {}, "a"], ["th", { class: "center" }, "b"]]],
    ["tbody", {}, ["tr", {}, ["td", {}, "1"], ["td", { class: "center" }, "2|3"]], ["tr", {}, ["td", {}, "4"]]]]]],
  [`text\n${TABLE}| 1 | 2 | 3 |\n\n*end*`, [p("text"), table(["a", "b"], ["1", "2", "3"]), p(["em", {}, "end"])]],
  ["a | b\n-|-\n1 | 2\n\nend", [table(["a", "b"], ["1", "2"]), p("end")]],
  [`${TABLE}| 1 | 2 |\n- c`, [table(["a", "b"], ["1", "2"]), ul(li(p("c")))]],
  [`- x\n\n  ${TABLE.replaceAll("\n", "\n  ")}| 1 | 2\\`, [ul(li(p("x"), table(["a", "b"], ["1", "2\\"])))]],
  ["a | b\nno table", [p("a | b\nno table")]],
  ["$$\na_b*c\n- d\n$$\nend", [display("$$\na_b*c\n- d\n$$"), p("end")]],
  ["\\[ a\nb \\]\nc", [display("\\[ a\nb \\]"), p("c")]],
  ["$$a$$\nb", [p(["span", { class: "math" }, "$$a$$"], "\nb")]],
  ["$$\na\n\nb", [display("$$\na\n"), p("b")]],
  ["", []],
  ["\n\n \n", []],
  ["\r\n\r\na\r\nb\r\n", [p("a\nb")]],
];

for (const [text, expected] of CASES) {
  test(`blocks: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(shown(whole(text)), expected);
    for (let size = 1; size <= text.length; size += 1) assert.deepEqual(shown(written(text, size)), expected, `${size} characters at a time`);
  });
}

const TAGS = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "ul", "ol", "li", "blockquote", "table", "thead", "tbody",
  "tr", "th", "td", "code", "code-block", "strong", "em", "del", "a", "span", "div"]);
const ATTRIBUTES = new Set(["href", "class", "start"]);

function check(node) {
  if (typeof node === "string") return;
  const [tag, attributes, ...children] = node;
  assert.ok(TAGS.has(tag), tag);
  if (tag === "code-block") return;
  for (const [name, value] of Object.entries(attributes)) {
    assert.ok(ATTRIBUTES.has(name), name);
    if (name === "href") assert.match(value, /^(https?|mailto):/);
    if (name === "class") assert.match(value, /^(center|right|math|math display)$/);
  }
  children.forEach(check);
}

/** A generator of the same numbers every time. */
function* random(seed) {
  for (let state = seed; ; ) yield (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

const MARKS = ["*", "**", "***", "_", "~~", ">", "> ", "- ", "+ ", "1. ", "2) ", "# ", " #", "|", "|-|", "| a |\n|--:|\n", "\n", "\n\n", " ", "  ", "    ",
  "\t", "---", '"', "é", "word", "👋", "文。", "[ ] ", "!", "\r\n"];
const RISKS = ["`", "```", "```js\n", "\n```\n", "[", "](", ")", "![", "<", "<br>", "https://a.b", "http", "javascript:x", "<script>", "&lt;", "&", "\\", "$", "$$",
  "\\(", "\\)", "\\[", "\\]", "constructor", "__proto__", "/*", "*/", '"""', "h", "[x](https://e.f)", "*".repeat(120), "`".repeat(120), "a ".repeat(700)];

function* texts(pieces, rounds) {
  const next = random(7);
  for (let round = 0; round < rounds; round += 1) {
    let text = "";
    for (let n = 0; n < 30; n += 1) text += pieces[Math.floor(next.next().value * pieces.length)];
    yield text;
  }
}

test("whatever comes in, only known tags, attributes and schemes come out", () => {
  for (const text of texts([...MARKS, ...RISKS], 500)) shown(whole(text)).forEach(check);
});

test("however it is cut, the same comes out", () => {
  for (const text of texts([...MARKS, ...RISKS], CUT_TEXTS)) {
    const expected = shown(whole(text));
    for (const size of [1, 5]) assert.deepEqual(shown(written(text, size)), expected, `${size}: ${JSON.stringify(text)}`);
  }
});

test("no word is lost", () => {
  const words = (text) => text.match(/word|👋/g)?.length ?? 0;
  const unhidden = MARKS.filter((mark) => mark !== "~~"); // three of them would begin code, with a hidden line
  for (const text of texts(unhidden, 1000)) assert.equal(words(whole(text).textContent), words(text), JSON.stringify(text));
});

test("text that comes is seen at once", () => {
  for (const [text, seen] of [["Hel", "Hel"], ["- *a", "*a"], ["```js\nle", "jsCopyle"], [`${TABLE}| y`, "aby"], ["# T", "T"], ["> - q", "q"]]) {
    const root = document.createElement("div");
    new Writer(root).write(text);
    assert.equal(root.textContent, seen);
  }
});

const LONG = {
  paragraph: ["", "Some words, with **bold** `code` and *more*. "],
  "paragraph that opens everything": ["", "some *words [and `many $marks "],
  "lines of a paragraph": ["", "a line\n"],
  list: ["", "- an item of a list\n"],
  "loose list": ["", "1. an item\n\n"],
  "one item": ["- a\n\n", "  more words\n\n"],
  quote: ["", "> quoted words\n"],
  "code block": ["```js\n", "let x = 'string'; // why\n"],
  "line of code": ["```js\n", "let x = 'string'; "],
  table: [TABLE, "| one | two |\n"],
  "table row": [`${TABLE}| a `, "| more "],
  formula: ["$$\n", "a_b\n"],
  chapters: ["", "# Title\n\nText\n\n- a\n\n```\nx\n```\n\n"],
};

/** How much is done to the document in the next 100 pieces, when `size` characters have been written. */
function cost(begin, piece, size) {
  const root = document.createElement("div");
  const writer = new Writer(root);
  writer.write(begin + piece.repeat(Math.ceil(size / piece.length)));
  const more = piece.repeat(Math.ceil(400 / piece.length));
  const before = { ...work };
  for (let at = 0; at < 400; at += 4) writer.write(more.slice(at, at + 4));
  return work.made - before.made + work.moved - before.moved + (work.written - before.written) / 100;
}

for (const [name, [begin, piece]] of Object.entries(LONG)) {
  test(`a piece costs the same after 4,000 and after 400,000 characters: ${name}`, () => {
    const [early, late] = [cost(begin, piece, 4_000), cost(begin, piece, 400_000)];
    assert.ok(late <= 4 * early + 100, `${early} early, ${late} late`);
  });
}

const MORE_MS = 400;
const repeat = (piece) => (size) => piece.repeat(Math.ceil(size / piece.length));
const BOMBS = {
  brackets: repeat("["), "many brackets": repeat("[a[b]"), quotes: repeat(">"), "quotes and spaces": repeat("> "), "deep quotes": repeat(`${">".repeat(10_000)}a\n`),
  "links in a bracket": repeat(`[a ${"[x](https://e.f) ".repeat(40)}`), "code with a space": repeat(`\` ${"x ".repeat(400)}x\` `), "ticks that end nothing": repeat("a\\``"), "dots of addresses": repeat(`https://a${".".repeat(800)}a `),
  stars: repeat("*a "), "bold stars": repeat("**a"), "mixed stars": repeat("*a**a"), "a row of stars": (size) => `a${"*".repeat(size)}`,
  ticks: repeat("`a ``b "), "a row of ticks": (size) => `a${"`".repeat(size)}`, underscores: repeat("_a "), links: repeat("[a]("), pictures: repeat("![a]("),
  addresses: repeat("https://"), items: repeat("- a\n"), "items in one line": repeat("- "), fences: repeat("```\n"), "an open fence": (size) => `\`\`\`js\n${"'/* ".repeat(size / 4)}`,
  backslashes: repeat("\\"), lines: repeat("\n"), "table cells": repeat("| - "), "a wide row": (size) => `${TABLE}${"|".repeat(size)}`, rows: (size) => TABLE + "|\n".repeat(size / 2),
  "rows of a wide table": (size) => `${"|a".repeat(400)}|\n${"|-".repeat(400)}|\n${"|\n".repeat(size / 2)}`, headings: repeat("# # "), "mixed marks": repeat("*_`[~"), spaces: repeat("# ".padEnd(100)), "a row of spaces": (size) => `a${" ".repeat(size)}b`, "bare lines": repeat("-\n"),
  entities: repeat("&#x5b;"), ampersands: repeat("&"), tildes: repeat("~~a "), dollars: repeat("$a "), formulas: repeat("\\(a"), "less-than": repeat("<a"), "one word": repeat("a"),
  "two spaces": repeat("a  \n"), nesting: (size) => Array.from({ length: size / 200 }, (_, n) => `${" ".repeat((n % 100) * 2)}- x`.padEnd(199)).join("\n"),
  "ticks of growing lengths": (size) => `a${Array.from({ length: Math.sqrt(size * 2) }, (_, n) => "`".repeat(n)).join(" ")}`,
};

/** The work of the processor, in ms. */
function time(action) {
  const before = process.threadCpuUsage();
  action();
  return process.threadCpuUsage(before).user / 1000;
}

/** Fails when `long` takes more than four times as long as `short` and `MORE_MS`, twice; what takes less than that needs no comparison. */
function compare(action, short, long) {
  let wrong;
  for (let n = 0; n < 2; n += 1) {
    const twice = time(() => action(long));
    if (twice < MORE_MS) return;
    const once = time(() => action(short));
    if (twice < 4 * once + MORE_MS) return;
    wrong = `${once} and ${twice} ms`;
  }
  assert.fail(wrong);
}

for (const [name, make] of Object.entries(BOMBS)) {
  test(`${name}: twice as much takes no more than four times as long`, () => {
    const [short, long] = [make(25_000), make(50_000)];
    compare(whole, short, long);
    compare((text) => written(text.slice(0, text.length / 12), 4), short, long);
  });
}

test("nesting ends at a depth", () => {
  const depth = (node) => (typeof node === "string" ? 0 : 1 + Math.max(0, ...node.slice(2).map(depth)));
  const deepest = (text) => Math.max(...shown(whole(text)).map(depth));
  assert.equal(deepest(">".repeat(10_000)), 33);
  assert.ok(deepest(repeat("- ")(1001).concat("a")) <= 66);
  assert.ok(deepest(`${"- ".repeat(300)}a`) <= 66);
  assert.ok(deepest("*a **b ".repeat(5000) + "** c*".repeat(5000)) <= 34);
});
