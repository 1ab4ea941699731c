// What came back held against its schema; tests/webui/test_schema.py compares the verdicts with another validator's.

import assert from "node:assert/strict";
import test from "node:test";
import { hold, read, readSchema } from "../../../webui/schema.js";

/** What is wrong with a value, line for line. */
function violations(schema, value) {
  try {
    hold(value, schema);
    return [];
  } catch ({ message }) {
    return message.split("\n");
  }
}

test("a violation says where it is and what it breaks", () => {
  const schema = {
    type: "object",
    properties: { name: { type: "string", minLength: 2 }, tags: { type: "array", items: { enum: ["a", "b"] }, maxItems: 2 } },
    required: ["name"],
    additionalProperties: false,
  };
  assert.deepEqual(violations(schema, { name: "Jo", tags: ["a"] }), []);
  assert.deepEqual(violations(schema, { tags: ["a", "c", 5], more: 1 }), [
    'breaks required: ["name"]', "/tags breaks maxItems: 2", '/tags/1 breaks enum: ["a","b"]', '/tags/2 breaks enum: ["a","b"]', "/more Not allowed",
  ]);
  assert.deepEqual(violations({ items: { const: "x".repeat(100) } }, [1]), [`/0 breaks const: "${"x".repeat(59)}`]);
});

test("what is equal does not depend on the order of names", () => {
  const value = { a: [{ b: 1, c: 2 }], d: null };
  assert.deepEqual(violations({ const: value, enum: [value] }, { d: null, a: [{ c: 2, b: 1 }] }), []);
  assert.equal(violations({ const: value, enum: [value] }, { d: null, a: [{ c: 1, b: 2 }] }).length, 2);
});

test("references lead into the schema itself, and into nothing else", () => {
  const tree = { $ref: "#/$defs/tree", $defs: { tree: { type: "object", properties: { left: { $ref: "#" }, value: { type: "integer" } }, required: ["value"] } } };
  assert.deepEqual(violations(tree, { value: 1, left: { value: 2, left: { value: "3" } } }), ['/left/left/value breaks type: "integer"']);
  for (const $ref of ["#/nowhere/at/all", "https://example.org/schema", "#/constructor"]) assert.deepEqual(violations({ $ref }, 1), []);
});

test("work is bounded, and what was not looked at is not called right", () => {
  const loop = { $defs: { a: { allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" };
  assert.throws(() => hold(1, loop), RangeError);
  const many = { anyOf: Array(10).fill({ items: { anyOf: Array(100).fill({ type: "string" }) } }) };
  assert.match(violations(many, Array(1000).fill(1)).at(-1), /too much to check/);
  assert.equal(violations({ items: { type: "string" } }, Array(1000).fill(1)).length, 20);
});

test("what the server may know is passed over", () => {
  assert.deepEqual(violations({ format: "unheard-of", unheardOf: 1 }, "x"), []);
});

test("a character is what a person calls one", () => {
  assert.deepEqual(violations({ pattern: "^.$", maxLength: 1 }, "💧"), []);
});

test("what is read follows a schema, or the error says in lines where not", () => {
  assert.equal(read(" 5 ", { type: "integer" }), 5);
  assert.throws(() => read('["5", 6]', { items: { type: "integer", maximum: 5 } }), { message: '/0 breaks type: "integer"\n/1 breaks maximum: 5' });
  for (const text of ['{"a": 1', "", "x"]) assert.throws(() => read(text, {}), SyntaxError);
});

test("a schema is an object, and an empty text means any object", () => {
  assert.deepEqual(readSchema('{"type": "string"}'), { type: "string" });
  assert.deepEqual(readSchema(" "), { type: "object" });
  assert.throws(() => readSchema('{"a": 1,\n "b" 2}'), /line 2/);
  for (const text of ["true", "null", "[]", "5", '"x"']) assert.throws(() => readSchema(text), /type: "object"/);
});
