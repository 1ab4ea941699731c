// What counts as a function that a model may call. How calls are shown is tested in a browser.

import assert from "node:assert/strict";
import test from "node:test";
import { isTool } from "../../../webui/tools.js";

const TOOL = { name: "get_weather", description: "The weather now", parameters: { type: "object", properties: {} } };

test("a tool has a name that every server takes, a description, and a schema of its parameters", () => {
  for (const name of ["a", "get-weather_2", "x".repeat(64)]) assert.ok(isTool({ ...TOOL, name }), name);
  for (const name of ["", "a b", "é", "x".repeat(65), undefined, 5, ["a"]]) assert.ok(!isTool({ ...TOOL, name }), String(name));
  for (const description of [undefined, null, 5]) assert.ok(!isTool({ ...TOOL, description }));
  for (const parameters of [undefined, null, [], "{}", 5]) assert.ok(!isTool({ ...TOOL, parameters }));
  for (const tool of [null, undefined, 5, "x", []]) assert.ok(!isTool(tool));
});
