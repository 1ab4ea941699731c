// What counts as functions that a model may call. How calls are shown is tested in a browser.

import assert from "node:assert/strict";
import test from "node:test";
import { readTools } from "../../../webui/tools.js";

const TOOL = { name: "get_weather", description: "The weather now", parameters: { type: "object", properties: {} } };
const offered = (tool) => ({ type: "function", function: tool });
const written = (...tools) => readTools(JSON.stringify(tools));

test("a tool has a name that every server takes, and a schema of its parameters", () => {
  assert.deepEqual(readTools(" "), []);
  assert.deepEqual(written(), []);
  const { description, ...bare } = TOOL;
  assert.deepEqual(written(TOOL, bare), [TOOL, bare].map(offered));
  for (const name of ["a", "get-weather_2", "x".repeat(64)]) assert.deepEqual(written({ ...TOOL, name }), [offered({ ...TOOL, name })]);
  for (const name of ["", "a b", "é", "x".repeat(65), undefined, 5, ["a"]]) assert.throws(() => written(TOOL, { ...TOOL, name }), /^Error: \/1/, String(name));
  for (const parameters of [undefined, null, [], "{}", 5]) assert.throws(() => written({ ...TOOL, parameters }), /parameters/);
  for (const tool of [null, 5, "x", []]) assert.throws(() => written(tool), /type: "object"/);
  for (const text of ["[", JSON.stringify(TOOL)]) assert.throws(() => readTools(text), Error);
});
