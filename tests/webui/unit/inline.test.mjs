// What the text of a paragraph becomes, and what it can never become.

import assert from "node:assert/strict";
import test from "node:test";
import { Run, safe } from "../../../webui/inline.js";
import { tree } from "./dom.mjs";

/** The children of an element in which `text` was written, `size` characters at a time. */
function inline(text, size = text.length || 1) {
  const run = new Run(document.createElement("p"));
  for (let at = 0; at < text.length; at += size) {
    run.write(text.slice(at, at + size));
    run.show();
  }
  run.show();
  return tree(run.node).slice(2);
}

const a = (href, ...text) => ["a", { href }, ...text];
const em = (...inside) => ["em", {}, ...inside];
const strong = (...inside) => ["strong", {}, ...inside];
const code = (text) => ["code", {}, text];
const math = (text) => ["span", { class: "math" }, text];
const del = (text) => ["del", {}, text];

const CASES = [
  ["plain, with h words that have http in mind", ["plain, with h words that have http in mind"]],
  ["**a** and *b* and ***c***", [strong("a"), " and ", em("b"), " and ", em(strong("c"))]],
  ["__a__ _b_ ~~c~~", [strong("a"), " ", em("b"), " ", del("c")]],
  ["*a **b** c*", [em("a ", strong("b"), " c")]],
  ["**a *b***", [strong("a ", em("b"))]],
  ["***a** b*", [em(strong("a"), " b")]],
  ["*a `*` b*", [em("a ", code("*"), " b")]],
  ["2 * 3 * 4", ["2 * 3 * 4"]],
  ["a*b*c", ["a", em("b"), "c"]],
  ["*.py and *.js", ["*.py and *.js"]],
  ["snake_case_name and __init__.py", ["snake_case_name and ", strong("init"), ".py"]],
  ["**文字。**文字", [strong("文字。"), "文字"]],
  ["unfinished **bold", ["unfinished **bold"]],
  ["*a **b*", ["*a *", em("b")]],
  ["** a **", ["** a **"]],
  ["**** ~5 ~~~", ["**** ~5 ~~~"]],
  ["`a*b*` and ``c`d`` and `` ` ``", [code("a*b*"), " and ", code("c`d"), " and ", code("`")]],
  ["`a\nb`", [code("a b")]],
  ["unfinished `code", ["unfinished `code"]],
  ["\\*not em\\* \\a \\", ["*not em* \\a \\"]],
  ["a  \nb\\\nc\nd", ["a  \nb\nc\nd"]],
  ["a<br>b", ["a<br>b"]],
  ["[text](https://a.example/x(y)z)", [a("https://a.example/x(y)z", "text")]],
  ['[**b** i](https://a.example "title")!', [a("https://a.example/", strong("b"), " i"), "!"]],
  ["[a [b] c](https://a.example/x)", [a("https://a.example/x", "a [b] c")]],
  ["[](https://a.example)", [a("https://a.example/", "https://a.example/")]],
  ["[x](https://a.example/*b*) *c*", [a("https://a.example/*b*", "x"), " ", em("c")]],
  ["[x](#a) [y] [z](/b)", ["[x](#a) [y] [z](/b)"]],
  ["![alt](https://a.example/p.png)!", [a("https://a.example/p.png", "alt"), "!"]],
  ["[![alt](https://a.example/p.png)](https://b.example)", [a("https://b.example/", "alt")]],
  ["see https://a.example/b, or (http://c.example).", ["see ", a("https://a.example/b", "https://a.example/b"), ", or (",
    a("http://c.example/", "http://c.example"), ")."]],
  ["**https://a.example**", [strong(a("https://a.example/", "https://a.example"))]],
  ["https://a.example/_(b) https://a.example。", [a("https://a.example/_(b)", "https://a.example/_(b)"), " ", a("https://a.example/", "https://a.example"), "。"]],
  ["<https://a.example> <mailto:a@b.example>", [a("https://a.example/", "https://a.example"), " ", a("mailto:a@b.example", "mailto:a@b.example")]],
  ["xhttps://a.example http://", ["xhttps://a.example http://"]],
  ["<b>bold</b> <script>alert(1)</script>", ["<b>bold</b> <script>alert(1)</script>"]],
  ["&lt;b&gt; &", ["&lt;b&gt; &"]],
  ["$a_b$ and $x*y*z$", [math("$a_b$"), " and ", math("$x*y*z$")]],
  ["$5 and $10, a $ b, US$5, $x_1$", ["$5 and $10, a $ b, US$5, ", math("$x_1$")]],
  ["$$a_b_$$ \\(c_d_\\) \\[e\\]", [math("$$a_b_$$"), " ", math("\\(c_d_\\)"), " ", math("\\[e\\]")]],
  ["\\(a \\[b", ["(a [b"]],
];

for (const [text, expected] of CASES) {
  test(`inline: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(inline(text), expected);
    for (let size = 1; size < text.length; size += 1) assert.deepEqual(inline(text, size), expected, `${size} characters at a time`);
  });
}

const FORBIDDEN = [
  "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "blob:x", "about:blank", "//a.example", "/relative",
  "#fragment", "https:", "http://", "", "javascript&colon;alert(1)", "&#106;avascript:alert(1)", "%6aavascript:alert(1)", "ftp://a.example", "tel:1",
];

for (const href of FORBIDDEN) {
  test(`no link to ${JSON.stringify(href)}`, () => {
    assert.equal(safe(href), null);
    for (const text of [`[x](${href})`, `![x](${href})`, `[x](<${href}>)`, `<${href}>`, href, `[x][y]\n\n[y]: ${href}`]) {
      assert.ok(!JSON.stringify(inline(text)).includes('["a",'), text);
    }
  });
}

test("text nodes stay short, and no character is divided", () => {
  for (const text of ["👋".repeat(9000), `a${"👋".repeat(9000)}`]) {
    const nodes = inline(text, 7);
    assert.deepEqual(nodes, inline(text));
    assert.equal(nodes.join(""), text);
    assert.ok(nodes.length > 3 && nodes.every((node) => node.length <= 3000 && node.isWellFormed()));
  }
});

test("what is settled is not touched again", () => {
  const run = new Run(document.createElement("p"));
  run.write("One **two** three [four](https://a.example), and *five");
  run.show();
  const before = [...run.node.childNodes].slice(0, 4);
  for (let n = 0; n < 50; n += 1) {
    run.write(" word");
    run.show();
  }
  assert.deepEqual(run.node.childNodes.slice(0, 4), before);
  assert.match(run.node.textContent, /^One two three four, and \*five( word){50}$/);
});
