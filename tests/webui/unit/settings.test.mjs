// What a person chose: what is kept of it, what comes back after a reload, and which fields of a request it makes.

import assert from "node:assert/strict";
import test from "node:test";

const NONE = { sampling: {}, stop: "", schema: { on: false, text: "" }, tools: { on: false, list: [] }, adapters: {}, model: "", reasoning: "" };
const KEPT = "lmfile.settings";
const TOOL = { name: "get_weather", description: "", parameters: { type: "object", properties: {} } };

/** The module as a page loads it, with this in the browser's storage. */
async function load(text, broken = false) {
  const store = new Map(text === undefined ? [] : [[KEPT, text]]);
  const fail = () => {
    throw new DOMException("switched off", "SecurityError");
  };
  const storage = { getItem: (name) => store.get(name) ?? null, setItem: (name, value) => store.set(name, value) };
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get: broken ? fail : () => storage });
  const module = await import(`../../../webui/settings.js?${Math.random()}`);
  return { ...module, store };
}

const PROPS = { default_generation_settings: { params: {} } };
const caps = (supports_reasoning_effort) => ({ supports_reasoning_effort });

test("nothing chosen: nothing is asked", async () => {
  const { settings, fields, sampling } = await load();
  assert.deepEqual(settings.value, NONE);
  assert.deepEqual([fields(), sampling()], [{}, {}]);
});

test("a choice is kept, and there after a reload", async () => {
  const { settings, store } = await load();
  settings.set("sampling.temperature", 0.5);
  settings.set("adapters.poet.v1.2", 1.5);
  settings.set("schema.on", true);
  settings.set("tools.list", [TOOL]);
  const expected = { ...NONE, sampling: { temperature: 0.5 }, adapters: { "poet.v1.2": 1.5 }, schema: { on: true, text: "" }, tools: { on: false, list: [TOOL] } };
  assert.deepEqual(settings.value, expected);
  assert.deepEqual((await load(store.get(KEPT))).settings.value, expected);
  settings.set("sampling.temperature", undefined);
  assert.deepEqual(settings.value.sampling, {});
});

test("storage that is switched off, or holds something else, does no harm", async () => {
  for (const text of ["", "{", "null", "5", '"x"', "[]", "[[]]", '{"sampling": 5, "stop": ["a"], "tools": {"list": {"length": 9}}, "schema": null, "adapters": "x", "model": {}}']) {
    assert.deepEqual((await load(text)).settings.value, NONE, text);
  }
  const off = await load("{}", true);
  off.settings.set("model", "a");
  assert.equal(off.settings.value.model, "a");
});

test("of what is stored only what is valid stays", async () => {
  const stored = {
    sampling: { temperature: 1e9, top_k: 1.5, top_p: "0.5", min_p: 0.1, seed: -1, evil: 3, toString: 4 },
    adapters: { a: 1, b: 1e9, c: "1", d: null },
    tools: { on: 1, list: [TOOL, null, { ...TOOL, name: "a b" }, { ...TOOL, parameters: [] }, { name: "x" }] },
    more: true,
  };
  const { settings } = await load(JSON.stringify(stored));
  assert.deepEqual(settings.value, { ...NONE, sampling: { min_p: 0.1, seed: -1 }, adapters: { a: 1 }, tools: { on: false, list: [TOOL] } });
});

test("only numbers that the server takes are asked for, and none that are its own", async () => {
  const { settings, fields, NUMBERS } = await load();
  for (const [name, [least, most, step]] of Object.entries(NUMBERS)) {
    for (const [number, isRight] of [[least, true], [most, true], [least - 1, false], [most + 1, false], [0.5, step < 1], [NaN, false], [Infinity, false], ["1", false]]) {
      const fits = isRight && number >= least && number <= most;
      settings.set(`sampling.${name}`, number);
      assert.deepEqual(fields(), fits ? { [name]: number } : {}, `${name} ${number}`);
      settings.set("sampling", {});
    }
  }
  settings.set("sampling", { temperature: 0.8, top_k: 5 });
  const props = { default_generation_settings: { params: { temperature: 0.8, top_k: 40 } } };
  assert.deepEqual(fields(settings.value, { props }), { top_k: 5 });
});

test("stop words stand in lines of their own", async () => {
  const { settings, sampling } = await load();
  settings.set("stop", "END\n\n\\n\\n\n");
  assert.deepEqual(sampling(), { stop: ["END", "\n\n"] });
});

test("a schema is asked for as it is written; none means any object, and what is no schema is left out", async () => {
  const { settings, fields, sampling } = await load();
  settings.set("schema.text", '{"type": "object", "properties": {"b": {}, "a": {}}}');
  assert.deepEqual(fields(), {});
  settings.set("schema.on", true);
  const { type, json_schema } = fields().response_format;
  assert.deepEqual([type, json_schema.strict, typeof json_schema.name], ["json_schema", true, "string"]);
  assert.equal(JSON.stringify(json_schema.schema), '{"type":"object","properties":{"b":{},"a":{}}}');
  assert.deepEqual(sampling(), {});
  settings.set("schema.text", " ");
  assert.deepEqual(fields(), { response_format: { type: "json_object" } });
  for (const text of ["{", "[]", "true", "null"]) {
    settings.set("schema.text", text);
    assert.deepEqual(fields(), {}, text);
  }
});

test("tools are offered where the switch is on and there are some", async () => {
  const { settings, fields } = await load();
  settings.set("tools.on", true);
  assert.deepEqual(fields(), {});
  settings.set("tools.list", [TOOL]);
  assert.deepEqual(fields(), { tools: [{ type: "function", function: TOOL }] });
  settings.set("tools.on", false);
  assert.deepEqual(fields(), {});
});

test("a model is told how to think only where its template can be", async () => {
  const { settings, fields, ways } = await load();
  const thinks = { ...PROPS, chat_template: "{% if enable_thinking %}", chat_template_caps: caps(false) };
  const tries = { ...PROPS, chat_template: "{{ reasoning_effort }}", chat_template_caps: caps(true) };
  assert.deepEqual([ways(undefined), ways({ chat_template: "{{ messages }}" }), ways(thinks), ways(tries)], [[], [], ["off", "on"], ["low", "medium", "high"]]);
  const cases = [
    ["", thinks, {}], ["off", thinks, { reasoning_effort: "none" }], ["on", thinks, { chat_template_kwargs: { enable_thinking: true } }],
    ["low", thinks, {}], ["low", tries, { reasoning_effort: "low" }], ["off", tries, {}], ["nonsense", tries, {}],
  ];
  for (const [way, props, expected] of cases) {
    settings.set("reasoning", way);
    assert.deepEqual(fields(settings.value, { props }), expected, way);
  }
});

test("adapters are asked for by name, all that have a weight, if one is not as the server has it", async () => {
  const { settings, sampling } = await load();
  settings.server = { adapters: [{ id: 0, name: "poet", scale: 1 }, { id: 1, name: "coder", scale: 0 }] };
  settings.set("adapters", { gone: 1 });
  assert.deepEqual(sampling(), {});
  settings.set("adapters.poet", 1);
  assert.deepEqual(sampling(), {});
  settings.set("adapters.coder", 0.5);
  assert.deepEqual(sampling(), { lora: [{ name: "poet", scale: 1 }, { name: "coder", scale: 0.5 }] });
  settings.set("adapters", { poet: 0 });
  assert.deepEqual(sampling(), { lora: [] });
});

test("a model is asked for by name if it is another than the main one, and then without the main one's adapters", async () => {
  const { settings, sampling, chats } = await load();
  const row = (id, more) => ({ id, role: "chat", status: { value: "loaded" }, ...more });
  const models = [row("vectors", { role: "embed" }), row("main"), row("poet", { parent: "main" }), row("broken", { status: { value: "failed" } }), row("small", { status: { value: "unloaded" } })];
  assert.deepEqual(chats(models).map(({ id }) => id), ["main", "small"]);
  settings.server = { models, adapters: [{ name: "poet", scale: 1 }] };
  settings.set("adapters.poet", 0.5);
  for (const [model, expected] of [["main", { lora: [{ name: "poet", scale: 0.5 }] }], ["small", { model: "small" }], ["poet", { lora: [{ name: "poet", scale: 0.5 }] }], ["gone", { lora: [{ name: "poet", scale: 0.5 }] }]]) {
    settings.set("model", model);
    assert.deepEqual(sampling(), expected, model);
  }
});
