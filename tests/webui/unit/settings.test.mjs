// What a person chose: what is kept of it, what comes back after a reload, and which fields of a request it makes.

import assert from "node:assert/strict";
import test from "node:test";

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
  assert.deepEqual(settings.value, {});
  assert.deepEqual([fields(), sampling()], [{}, {}]);
});

test("a choice is kept, and there after a reload", async () => {
  const { settings, store } = await load();
  settings.set("temperature", "0.5");
  settings.set("top_p", "1");
  settings.set("top_p", undefined);
  settings.set("adapter.poet.v1.2", 1.5);
  settings.set("schema.on", true);
  const again = await load(store.get(KEPT));
  assert.deepEqual(again.settings.value, { temperature: "0.5", "adapter.poet.v1.2": 1.5, "schema.on": true });
});

test("storage that is switched off, or holds something else, does no harm", async () => {
  const foreign = { top_k: {}, temperature: "hot", seed: [], n: 3, toString: 4, "schema.on": 1, "schema.text": 5, "tools.on": true, "tools.text": ["a"], "adapter.poet": "x", model: {}, reasoning: null, stream: false };
  for (const text of ["", "{", "null", "5", '"x"', "[]", "[[]]", '{"constructor": 1, "__proto__": {"top_k": 1}}', JSON.stringify(foreign)]) {
    const { settings, fields } = await load(text);
    settings.server = { adapters: [{ name: "poet", scale: 1 }], models: [], props: props({}) };
    assert.deepEqual(fields(), {}, text);
  }
  const off = await load("{}", true);
  off.settings.set("top_k", "5");
  assert.deepEqual(off.fields(), { top_k: 5 });
});

test("only numbers that the server takes are asked for, and none that are its own", async () => {
  const { settings, fields, NUMBERS } = await load();
  for (const [name, { type, minimum, maximum }] of Object.entries(NUMBERS)) {
    const wrong = [minimum - 1, maximum + 1, "", " ", "x", "1,5", NaN, null, undefined];
    for (const given of [minimum, maximum, String(maximum), 0.5, ".5", ...wrong]) {
      settings.value = { [name]: given };
      const isRight = !wrong.includes(given) && (type === "number" || Number.isInteger(Number(given)));
      assert.deepEqual(fields(), isRight ? { [name]: Number(given) } : {}, `${name} ${given}`);
    }
  }
  settings.value = { temperature: "0.8", top_k: "5" };
  settings.server = { props: props({ temperature: 0.8, top_k: 40 }) };
  assert.deepEqual(fields(), { top_k: 5 });
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
  for (const none of [" ", undefined]) {
    settings.set("schema.text", none);
    assert.deepEqual(fields().response_format.json_schema.schema, { type: "object" });
  }
  for (const text of ["{", "[]", "true", "null"]) {
    settings.set("schema.text", text);
    assert.deepEqual(fields(), {}, text);
  }
});

test("tools are offered where the switch is on", async () => {
  const { settings, fields } = await load();
  settings.set("tools.text", JSON.stringify([TOOL]));
  assert.deepEqual(fields(), {});
  settings.set("tools.on", true);
  assert.deepEqual(fields(), { tools: [{ type: "function", function: TOOL }] });
  for (const text of ["[", JSON.stringify(TOOL), JSON.stringify([{ ...TOOL, name: "a b" }])]) {
    settings.set("tools.text", text);
    assert.deepEqual(fields(), {}, text);
  }
});

test("a model is told how to think only where its template can be", async () => {
  const { settings, fields, thinks } = await load();
  for (const [template, can] of [["{% if enable_thinking %}", true], ["{{ reasoning_effort }}", true], ["{{ messages }}", false]]) {
    settings.server = { props: props({}, template) };
    assert.equal(thinks(), can);
    for (const way of ["", "off", "on"]) {
      settings.set("reasoning", way);
      assert.deepEqual(fields(), can && way ? { chat_template_kwargs: { enable_thinking: way === "on" } } : {}, `${template} ${way}`);
    }
  }
});

test("adapters are asked for by name, all that have a weight, if one is not as the server has it", async () => {
  const { settings, sampling } = await load();
  settings.server = { adapters: [{ id: 0, name: "poet", scale: 1 }, { id: 1, name: "coder", scale: 0 }] };
  const [poet, coder] = [{ name: "poet", scale: 1 }, { name: "coder", scale: 0.5 }];
  for (const [chosen, expected] of [
    [{ "adapter.gone": 1 }, {}], [{ "adapter.poet": 1 }, {}], [{ "adapter.coder": 0.5 }, { lora: [poet, coder] }], [{ "adapter.poet": 0 }, { lora: [] }],
  ]) {
    settings.value = chosen;
    assert.deepEqual(sampling(), expected);
  }
});

test("a model is asked for by name if it is another than the main one, and then without the main one's adapters", async () => {
  const { settings, sampling, chats } = await load();
  const row = (id, more) => ({ id, role: "chat", status: { value: "loaded" }, ...more });
  const models = [row("vectors", { role: "embed" }), row("main"), row("poet", { parent: "main" }), row("broken", { status: { value: "failed" } }), row("small", { status: { value: "unloaded" } })];
  assert.deepEqual(chats(), []);
  settings.server = { models, adapters: [{ name: "poet", scale: 1 }] };
  assert.deepEqual(chats(), ["main", "small"]);
  settings.set("adapter.poet", 0.5);
  const lora = [{ name: "poet", scale: 0.5 }];
  for (const [model, expected] of [["main", { lora }], ["small", { model: "small" }], ["poet", { lora }], ["gone", { lora }]]) {
    settings.set("model", model);
    assert.deepEqual(sampling(), expected, model);
  }
});
