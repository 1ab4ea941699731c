// What came back held against its schema; tests/webui/test_schema.py compares the verdicts with another validator's.

import assert from "node:assert/strict";
import test from "node:test";
import { check, verdict, violations } from "../../../webui/schema.js";

const paths = (schema, value) => violations(schema, value).map(({ path, message }) => `${path} ${message}`);

test("a violation says where it is and what it breaks", () => {
  const schema = {
    type: "object",
    properties: { name: { type: "string", minLength: 2 }, tags: { type: "array", items: { enum: ["a", "b"] }, maxItems: 2 } },
    required: ["name"],
    additionalProperties: false,
  };
  assert.deepEqual(paths(schema, { name: "Jo", tags: ["a"] }), []);
  assert.deepEqual(paths(schema, { tags: ["a", "c", 5], more: 1 }), [
    '$ breaks required: ["name"]', "$/tags breaks maxItems: 2", '$/tags/1 breaks enum: ["a","b"]', '$/tags/2 breaks enum: ["a","b"]', "$/more not allowed",
  ]);
  assert.deepEqual(paths({ items: { const: "x".repeat(100) } }, [1]), [`$/0 breaks const: "${"x".repeat(59)}…`]);
});

test("what is equal does not depend on the order of names", () => {
  const value = { a: [{ b: 1, c: 2 }], d: null };
  assert.deepEqual(paths({ const: value, enum: [value] }, { d: null, a: [{ c: 2, b: 1 }] }), []);
  assert.equal(paths({ const: value, enum: [value] }, { d: null, a: [{ c: 1, b: 2 }] }).length, 2);
  assert.equal(paths({ uniqueItems: true }, [{ a: 1, b: 2 }, { b: 2, a: 1 }]).length, 1);
  assert.deepEqual(paths({ uniqueItems: true }, [1, "1", [1], { 0: 1 }, true]), []);
});

test("references lead into the schema itself, and into nothing else", () => {
  const tree = { $ref: "#/$defs/tree", $defs: { tree: { type: "object", properties: { left: { $ref: "#" }, value: { type: "integer" } }, required: ["value"] }, "a/b~c": { type: "string" } } };
  assert.deepEqual(paths(tree, { value: 1, left: { value: 2, left: { value: "3" } } }), ['$/left/left/value breaks type: "integer"']);
  assert.deepEqual(paths({ ...tree, $ref: "#/$defs/a~1b~0c" }, 1), ['$ breaks type: "string"']);
  for (const $ref of ["#/nowhere/at/all", "https://example.org/schema", "#/constructor"]) assert.deepEqual(paths({ $ref }, 1), []);
});

test("work is bounded, and what was not looked at is not called right", () => {
  const loop = { $defs: { a: { allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" };
  assert.deepEqual(paths(loop, 1), ["$ too much to check"]);
  const many = { anyOf: Array(10).fill({ items: { anyOf: Array(100).fill({ type: "string" }) } }) };
  assert.match(paths(many, Array(1000).fill(1)).at(-1), /too much to check/);
  assert.equal(violations({ items: { type: "string" } }, Array(1000).fill(1)).length, 20);
  let deep = 1;
  for (let level = 0; level < 3000; level += 1) deep = [deep];
  assert.match(paths({ items: { $ref: "#" } }, deep).at(-1), /too much to check/);
});

test("a pattern that only the server knows, and a text too long for one, are passed over", () => {
  assert.deepEqual(paths({ pattern: "(?P<year>x" }, "y"), []);
  assert.deepEqual(paths({ pattern: "^(a+)+$" }, `${"a".repeat(5000)}b`), []);
  assert.deepEqual(paths({ pattern: "^.$" }, "💧"), []);
  assert.deepEqual(paths({ maxLength: 1 }, "💧"), []);
});

test("formats", () => {
  const right = {
    date: ["2024-02-29", "1999-12-31"], time: ["23:59:59Z", "00:00:00.5+01:00"], "date-time": ["2024-02-29T12:00:00Z"],
    email: ["a.b@c.de"], uuid: ["123e4567-e89b-12d3-a456-426614174000"], ipv4: ["0.0.0.0", "255.1.20.99"], int32: ["anything"],
  };
  const wrong = {
    date: ["2023-02-29", "2024-13-01", "2024-1-1", "+02024-01-01", "2024-01-01T"], time: ["24:00:00Z", "12:00:00", "12:60:00Z"], "date-time": ["2024-02-29 12:00:00Z", "2024-02-30T12:00:00Z"],
    email: ["a", "a@", "@b", "a b@c"], uuid: ["123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000"], ipv4: ["1.2.3", "256.1.1.1", "1.2.3.4.", "01.2.3.4"],
  };
  for (const [format, texts] of Object.entries(right)) for (const text of texts) assert.deepEqual(paths({ format }, text), [], `${format} ${text}`);
  for (const [format, texts] of Object.entries(wrong)) for (const text of texts) assert.equal(paths({ format }, text).length, 1, `${format} ${text}`);
});

test("a verdict says what is not JSON, the answer or the schema", () => {
  assert.deepEqual(verdict('{"type": "integer"}', " 5 "), { ok: true, problems: [] });
  assert.deepEqual(verdict('{"type": "integer"}', '"5"'), { ok: false, problems: ['$: breaks type: "integer"'] });
  assert.deepEqual(verdict("", "{}"), { ok: true, problems: [] });
  assert.equal(verdict("", "[]").ok, false);
  for (const [schema, answer] of [["{", "{}"], ["{}", '{"a": 1'], ["{}", ""], ["[]", "{}"], ['{"enum": 5}', "{}"]]) {
    const { ok, problems } = verdict(schema, answer);
    assert.deepEqual([ok, problems.length], [false, 1], schema + answer);
  }
});

test("a schema is an object, and an error says where it is no JSON", () => {
  assert.deepEqual(check('{"type": "string"}'), { type: "string" });
  assert.throws(() => check('{"a": 1,\n "b" 2}'), /line 2/);
  for (const text of ["true", "null", "[]", "5", '"x"', ""]) assert.throws(() => check(text), Error);
});
