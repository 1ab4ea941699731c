// What a person chose: what is kept of it, what comes back after a reload, and which fields of a request it makes.

import assert from "node:assert/strict";
import test from "node:test";

const NOTHING = { on: false, text: "" };
const NONE = { sampling: {}, schema: NOTHING, tools: NOTHING, adapters: {}, model: "", reasoning: "" };
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

const props = (params, chat_template = "") => ({ chat_template, default_generation_settings: { params } });

test("nothing chosen: nothing is asked", async () => {
  const { settings, fields, sampling } = await load();
  assert.deepEqual(settings.value, NONE);
  assert.deepEqual([fields(), sampling()], [{}, {}]);
});

test("a choice is kept, and there after a reload", async () => {
  const { settings, store } = await load();
  settings.value.sampling = { temperature: 0.5, top_p: undefined };
  settings.value.adapters["poet.v1.2"] = 1.5;
  settings.value.schema.on = true;
  settings.keep();
  const expected = { ...NONE, sampling: { temperature: 0.5 }, adapters: { "poet.v1.2": 1.5 }, schema: { on: true, text: "" } };
  assert.deepEqual((await load(store.get(KEPT))).settings.value, expected);
});

test("storage that is switched off, or holds something else, does no harm", async () => {
  const foreign = { sampling: 5, tools: { on: 1, text: ["a"] }, schema: null, adapters: "x", model: {}, reasoning: [], more: true };
  for (const text of ["", "{", "null", "5", '"x"', "[]", "[[]]", '{"constructor": 1}', JSON.stringify(foreign)]) {
    assert.deepEqual((await load(text)).settings.value, NONE, text);
  }
  const off = await load("{}", true);
  off.settings.value.model = "a";
  off.settings.keep();
  assert.equal(off.settings.value.model, "a");
});

test("of foreign numbers only those of a request are asked for, and only as the server takes them", async () => {
  const stored = { sampling: { temperature: 1e9, top_k: "5", top_p: null, min_p: 0.1, seed: -1, n: 3, toString: 4 }, adapters: { a: 1, c: "1", d: null } };
  const { settings, fields } = await load(JSON.stringify(stored));
  assert.deepEqual(settings.value.adapters, { a: 1 });
  assert.deepEqual(fields(), { min_p: 0.1, seed: -1 });
});

test("only numbers that the server takes are asked for, and none that are its own", async () => {
  const { settings, fields, NUMBERS } = await load();
  for (const [name, [least, most]] of Object.entries(NUMBERS)) {
    for (const [number, isRight] of [[least, true], [most, true], [least - 1, false], [most + 1, false], [NaN, false], [undefined, false]]) {
      settings.value.sampling = { [name]: number };
      assert.deepEqual(fields(), isRight ? { [name]: number } : {}, `${name} ${number}`);
    }
  }
  settings.value.sampling = { temperature: 0.8, top_k: 5 };
  settings.server = { props: props({ temperature: 0.8, top_k: 40 }) };
  assert.deepEqual(fields(), { top_k: 5 });
});

test("a schema is asked for as it is written; none means any object, and what is no schema is left out", async () => {
  const { settings, fields, sampling } = await load();
  settings.value.schema.text = '{"type": "object", "properties": {"b": {}, "a": {}}}';
  assert.deepEqual(fields(), {});
  settings.value.schema.on = true;
  const { type, json_schema } = fields().response_format;
  assert.deepEqual([type, json_schema.strict, typeof json_schema.name], ["json_schema", true, "string"]);
  assert.equal(JSON.stringify(json_schema.schema), '{"type":"object","properties":{"b":{},"a":{}}}');
  assert.deepEqual(sampling(), {});
  settings.value.schema.text = " ";
  assert.deepEqual(fields().response_format.json_schema.schema, { type: "object" });
  for (const text of ["{", "[]", "true", "null"]) {
    settings.value.schema.text = text;
    assert.deepEqual(fields(), {}, text);
  }
});

test("tools are offered where the switch is on and there are some", async () => {
  const { settings, fields } = await load();
  settings.value.tools.on = true;
  assert.deepEqual(fields(), {});
  settings.value.tools.text = JSON.stringify([TOOL]);
  assert.deepEqual(fields(), { tools: [{ type: "function", function: TOOL }] });
  for (const text of ["[]", "[", JSON.stringify(TOOL), JSON.stringify([{ ...TOOL, name: "a b" }])]) {
    settings.value.tools.text = text;
    assert.deepEqual(fields(), {}, text);
  }
});

test("a model is told how to think only where its template can be", async () => {
  const { settings, fields, thinks } = await load();
  const on = { reasoning_effort: "high", chat_template_kwargs: { enable_thinking: true } };
  for (const [template, can] of [["{% if enable_thinking %}", true], ["{{ reasoning_effort }}", true], ["{{ messages }}", false]]) {
    settings.server = { props: props({}, template) };
    assert.equal(thinks(), can);
    for (const [way, expected] of [["", {}], ["off", { reasoning_effort: "none" }], ["on", on], ["nonsense", {}]]) {
      settings.value.reasoning = way;
      assert.deepEqual(fields(), can ? expected : {}, `${template} ${way}`);
    }
  }
});

test("adapters are asked for by name, all that have a weight, if one is not as the server has it", async () => {
  const { settings, sampling } = await load();
  settings.server = { adapters: [{ id: 0, name: "poet", scale: 1 }, { id: 1, name: "coder", scale: 0 }] };
  settings.value.adapters = { gone: 1 };
  assert.deepEqual(sampling(), {});
  settings.value.adapters = { poet: 1 };
  assert.deepEqual(sampling(), {});
  settings.value.adapters = { coder: 0.5 };
  assert.deepEqual(sampling(), { lora: [{ name: "poet", scale: 1 }, { name: "coder", scale: 0.5 }] });
  settings.value.adapters = { poet: 0 };
  assert.deepEqual(sampling(), { lora: [] });
});

test("a model is asked for by name if it is another than the main one, and then without the main one's adapters", async () => {
  const { settings, sampling, chats } = await load();
  const row = (id, more) => ({ id, role: "chat", status: { value: "loaded" }, ...more });
  const models = [row("vectors", { role: "embed" }), row("main"), row("poet", { parent: "main" }), row("broken", { status: { value: "failed" } }), row("small", { status: { value: "unloaded" } })];
  assert.deepEqual(chats(), []);
  settings.server = { models, adapters: [{ name: "poet", scale: 1 }] };
  assert.deepEqual(chats(), ["main", "small"]);
  settings.value.adapters = { poet: 0.5 };
  const lora = [{ name: "poet", scale: 0.5 }];
  for (const [model, expected] of [["main", { lora }], ["small", { model: "small" }], ["poet", { lora }], ["gone", { lora }]]) {
    settings.value.model = model;
    assert.deepEqual(sampling(), expected, model);
  }
});
