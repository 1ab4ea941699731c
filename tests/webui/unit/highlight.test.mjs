// Colours of code: what is found in each kind of language, and what is carried from line to line.

import assert from "node:assert/strict";
import test from "node:test";
import { Code, tokens } from "../../../webui/highlight.js";
import { tree, work } from "./dom.mjs";

/** The coloured parts of lines of code, as `class:text`. */
function coloured(language, ...lines) {
  let open = "";
  return lines.flatMap((line) => {
    const found = tokens(language, line, open);
    open = found.open;
    assert.equal(found.parts.map(([, text]) => text).join(""), line);
    return found.parts.filter(([name]) => name).map(([name, text]) => `${name}:${text}`);
  });
}

const CASES = [
  ["python", ['def f(x): # it\'s "x"', "  return '''a", "b''' + 0x1f"], ["k:def", "c:# it's \"x\"", "k:return", "s:'''a", "s:b'''", "n:0x1f"]],
  ["py", ["s = \"a \\\" # b\" if classy else 1.5e3"], ['s:"a \\" # b"', "k:if", "k:else", "n:1.5e3"]],
  ["js", ["const a = `x", "${y} // z` + 'q'; /* c", "d */ let"], ["k:const", "s:`x", "s:${y} // z`", "s:'q'", "c:/* c", "c:d */", "k:let"]],
  ["typescript", ["type A = { b1: 2 } // c"], ["k:type", "n:2", "c:// c"]],
  ["json", ['{"a": [1, true, null]}'], ['s:"a"', "n:1", "k:true", "k:null"]],
  ["c++", ["x = 0b101; char c = '\\'';"], ["n:0b101", "k:char", "s:'\\''"]],
  ["rust", ["fn f(x: u8) -> u8 { 'b' }"], ["k:fn", "s:'b'"]],
  ["go", ["func f() { return nil }"], ["k:func", "k:return", "k:nil"]],
  ["csharp", ["namespace A; // b"], ["k:namespace", "c:// b"]],
  ["java", ["public void f() {}"], ["k:public", "k:void"]],
  ["bash", ["if [ $# -gt 1 ]; then # c", "echo \"a#b\"; fi"], ["k:if", "n:1", "k:then", "c:# c", 's:"a#b"', "k:fi"]],
  ["sql", ["SELECT a FROM b -- c", "where d = 'e'"], ["k:SELECT", "k:FROM", "c:-- c", "k:where", "s:'e'"]],
  ["html", ["<p class=\"a\">it's</p><!-- b", "c -->"], ["k:class", 's:"a"', "c:<!-- b", "c:c -->"]],
  ["css", ["a { color: 'red'; } /* b", "*/ @media"], ["s:'red'", "c:/* b", "c:*/"]],
  ["yaml", ["a-b: true # c", "d: 'e'"], ["k:true", "c:# c", "s:'e'"]],
  ["", ["def 1 'x' // y"], []],
  ["brainfuck", ["if 1"], []],
  ["constructor", ["if 1"], []],
];

for (const [language, lines, expected] of CASES) test(`colours of ${language || "no language"}`, () => assert.deepEqual(coloured(language, ...lines), expected));

test("a block that grows is what it is when it comes at once, and lines that are complete stay", () => {
  const text = `x = '''a\nb''' # c\n${"1 + ".repeat(700)}\n\nend`;
  const write = (size) => {
    const code = new Code("python");
    for (const line of text.split("\n")) {
      code.line();
      for (let at = 0; at < line.length; at += size) {
        code.write(line.slice(at, at + size));
        code.show();
      }
    }
    code.show();
    return tree(code.node);
  };
  assert.deepEqual(write(1), write(9999));
  assert.deepEqual(write(3), write(9999));
  assert.equal(write(5).slice(2).map((part) => (typeof part === "string" ? part : part[2])).join(""), text);
});

test("the work for a piece of code does not depend on what came before", () => {
  const code = new Code("js");
  const counted = [100, 20_000].map((lines) => {
    for (let n = 0; n < lines; n += 1) {
      code.line();
      code.write("let x = 1; // y");
    }
    const before = work.made;
    code.write("z");
    code.show();
    return work.made - before;
  });
  assert.equal(counted[0], counted[1]);
});

for (const [language, piece] of [["js", '"\\"'], ["js", "'\\'"], ["yaml", "a-b."], ["css", "a-"], ["html", "<a b='"], ["sql", "a.b "], ["rust", "'a"], ["py", "'''"], ["js", "1_"], ["sh", " #"]]) {
  test(`a megabyte of ${piece} as ${language} is read in time`, () => {
    const line = piece.repeat(1000 / piece.length);
    const began = performance.now();
    for (let n = 0; n < 1000; n += 1) tokens(language, line);
    assert.ok(performance.now() - began < 5000);
  });
}
