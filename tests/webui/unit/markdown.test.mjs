// What Markdown becomes, and what it can never become.

import assert from "node:assert/strict";
import test from "node:test";
import { inline, parse, safe } from "../../../webui/markdown.js";

const nodes = (text) => parse(text).map(({ node }) => node);

const INLINE = [
  ["plain", ["plain"]],
  ["**a** and *b* and ***c***", [["strong", {}, "a"], " and ", ["em", {}, "b"], " and ", ["strong", {}, ["em", {}, "c"]]]],
  ["__a__ _b_ ~~c~~", [["strong", {}, "a"], " ", ["em", {}, "b"], " ", ["del", {}, "c"]]],
  ["*a **b** c*", [["em", {}, "a ", ["strong", {}, "b"], " c"]]],
  ["2 * 3 * 4 and a*b", ["2 * 3 * 4 and a*b"]],
  ["snake_case_name and __init__.py", ["snake_case_name and ", ["strong", {}, "init"], ".py"]],
  ["unfinished **bold", ["unfinished **bold"]],
  ["** a **", ["** a **"]],
  ["****", ["****"]],
  ["`a*b*` and ``c`d``", [["code", {}, "a*b*"], " and ", ["code", {}, "c`d"]]],
  ["unfinished `code", ["unfinished `code"]],
  ["\\*not em\\* \\a", ["*not em* \\a"]],
  ["a  \nb\nc", ["a  ", ["br", {}], "b\nc"]],
  ["[text](https://a.example/x(y)z)", [["a", { href: "https://a.example/x(y)z" }, "text"]]],
  ['[**b** i](https://a.example "title")!', [["a", { href: "https://a.example/" }, ["strong", {}, "b"], " i"], "!"]],
  ["![alt](https://a.example/p.png)", [["a", { href: "https://a.example/p.png" }, "alt"]]],
  ["see https://a.example/b, or (http://c.example).", [
    "see ", ["a", { href: "https://a.example/b" }, "https://a.example/b"], ", or (",
    ["a", { href: "http://c.example/" }, "http://c.example"], ").",
  ]],
  ["xhttps://a.example", ["xhttps://a.example"]],
  ["<b>bold</b> <script>alert(1)</script> &amp;", ["<b>bold</b> <script>alert(1)</script> &amp;"]],
];

for (const [text, expected] of INLINE) test(`inline: ${JSON.stringify(text)}`, () => assert.deepEqual(inline(text), expected));

const BLOCKS = [
  ["one\ntwo\n\nthree", [["p", {}, "one\ntwo"], ["p", {}, "three"]]],
  ["# A\n###### B\n#C", [["h1", {}, "A"], ["h6", {}, "B"], ["p", {}, "#C"]]],
  ["text\n# A", [["p", {}, "text"], ["h1", {}, "A"]]],
  ["---\n* * *\n--", [["hr", {}], ["hr", {}], ["p", {}, "--"]]],
  ["```js\nlet a;\n\n  b\n```\nafter", [["code-block", { language: "js" }, "let a;\n\n  b"], ["p", {}, "after"]]],
  ["```\nstill being writ", [["code-block", { language: "" }, "still being writ"]]],
  ["~~~\n```\n~~~", [["code-block", { language: "" }, "```"]]],
  ["````\n```\n````", [["code-block", { language: "" }, "```"]]],
  ["- ```py\n  x\n  ```", [["ul", {}, ["li", {}, ["code-block", { language: "py" }, "x"]]]]],
  ["- a\n- b\n  - c\n- d", [["ul", {}, ["li", {}, "a"], ["li", {}, "b", ["ul", {}, ["li", {}, "c"]]], ["li", {}, "d"]]]],
  ["3. a\n4. b", [["ol", { start: 3 }, ["li", {}, "a"], ["li", {}, "b"]]]],
  ["1. a\n  - b\n2. c", [["ol", { start: 1 }, ["li", {}, "a", ["ul", {}, ["li", {}, "b"]]], ["li", {}, "c"]]]],
  ["- a\n\n- b\n\n  more\n\nafter", [["ul", {}, ["li", {}, "a"], ["li", {}, "b", ["p", {}, "more"]]], ["p", {}, "after"]]],
  ["-\n- b", [["ul", {}, ["li", {}], ["li", {}, "b"]]]],
  ["> a\n> > b\n\nc", [["blockquote", {}, ["p", {}, "a"], ["blockquote", {}, ["p", {}, "b"]]], ["p", {}, "c"]]],
  ["| a | b |\n|---|:-:|\n| 1 | 2\\|3 |\n| 4 |", [["table", {},
    ["thead", {}, ["tr", {}, ["th", {}, "a"], ["th", { class: "center" }, "b"]]],
    ["tbody", {}, ["tr", {}, ["td", {}, "1"], ["td", { class: "center" }, "2|3"]], ["tr", {}, ["td", {}, "4"]]]]]],
  ["a | b\nno table", [["p", {}, "a | b\nno table"]]],
  ["", []],
  ["\r\n\r\na\tb\r\n", [["p", {}, "a    b"]]],
];

for (const [text, expected] of BLOCKS) test(`blocks: ${JSON.stringify(text)}`, () => assert.deepEqual(nodes(text), expected));

const FORBIDDEN = [
  "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "blob:x", "about:blank", "//a.example", "/relative",
  "#fragment", "https:", "http://", "", "javascript&colon;alert(1)", "&#106;avascript:alert(1)", "%6aavascript:alert(1)", "ftp://a.example", "tel:1",
];

for (const href of FORBIDDEN) {
  test(`no link to ${JSON.stringify(href)}`, () => {
    assert.equal(safe(href), null);
    for (const text of [`[x](${href})`, `![x](${href})`, `<${href}>`, href, `[x][y]\n\n[y]: ${href}`]) {
      assert.ok(!JSON.stringify(nodes(text)).includes('["a",'), text);
    }
  });
}

const TAGS = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "ul", "ol", "li", "blockquote", "table", "thead", "tbody",
  "tr", "th", "td", "code", "code-block", "strong", "em", "del", "a"]);
const ATTRIBUTES = new Set(["href", "class", "start", "language"]);

function check(node) {
  if (typeof node === "string") return;
  const [tag, attributes, ...children] = node;
  assert.ok(TAGS.has(tag), tag);
  for (const [name, value] of Object.entries(attributes)) {
    assert.ok(ATTRIBUTES.has(name), name);
    if (name === "href") assert.match(value, /^(https?|mailto):/);
  }
  children.forEach(check);
}

/** A generator of the same numbers every time. */
function* random(seed) {
  for (let state = seed; ; ) yield (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

const MARKS = ["*", "**", "_", "`", "~~", ">", "> ", "- ", "1. ", "# ", "|", "|-|", "\n", "\n\n", " ", "  ", "\\", "\t", "---", '"', "é", "word", "👋"];
const RISKS = ["```", "[", "](", ")", "![", "<", "https://a.b", "javascript:x", "<script>", "&lt;", "constructor", "__proto__"];

function* texts(pieces, rounds) {
  const next = random(7);
  for (let round = 0; round < rounds; round += 1) {
    let text = "";
    for (let n = 0; n < 30; n += 1) text += pieces[Math.floor(next.next().value * pieces.length)];
    yield text;
  }
}

test("whatever comes in, only known tags, attributes and schemes come out", () => {
  for (const text of texts([...MARKS, ...RISKS], 3000)) nodes(text).forEach(check);
});

test("no word is lost", () => {
  const words = (text) => text.match(/word|👋/g)?.length ?? 0;
  const shown = (node) => (typeof node === "string" ? node : node.slice(2).map(shown).join(""));
  const unhidden = MARKS.filter((mark) => mark !== "`" && mark !== "~~"); // three of them would begin code, with a hidden line
  for (const text of texts(unhidden, 3000)) assert.equal(words(nodes(text).map(shown).join(" ")), words(text), JSON.stringify(text));
});

const BOMBS = {
  brackets: "[", quotes: ">", "quotes and spaces": "> ", stars: "*a ", "bold stars": "**a", ticks: "`a ``b ", "many ticks": "`", underscores: "_a",
  links: "[a](", addresses: "https://", items: "- a\n", fences: "```\n", backslashes: "\\", lines: "\n", "table cells": "| - ", headings: "# # ", "mixed marks": "*_`[~",
  spaces: "# ".padEnd(100), "bare lines": "-\n", entities: "&#x5b;", tildes: "~~a ",
};

for (const [name, piece] of Object.entries(BOMBS)) {
  test(`half a megabyte of ${name} is read in time`, () => {
    const text = piece.repeat(Math.ceil(500_000 / piece.length));
    const began = performance.now();
    parse(text);
    parse(`a | b\n${text}`);
    assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
  });
}

test("deep nesting ends", () => {
  parse(Array.from({ length: 2000 }, (_, depth) => " ".repeat(depth * 2) + "- x").join("\n"));
  parse("*a **b ".repeat(5000) + "** c*".repeat(5000));
});

test("every prefix of a text can be read, and finished blocks stay what they are", () => {
  const text = "# A\n\nSome **bold** `code`.\n\n- a\n- b\n\n```js\nx\n```\n\n| a |\n|---|\n| 1 |\n\nend";
  const final = parse(text);
  for (let end = 0; end <= text.length; end += 1) {
    const blocks = parse(text.slice(0, end));
    blocks.slice(0, -1).forEach((block, at) => assert.equal(block.source.trim(), final[at].source.trim()));
  }
});
