// The stream of an answer, however the network cuts it, and what a person is told when it fails.

import assert from "node:assert/strict";
import test from "node:test";

const kept = new Map();
globalThis.sessionStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
const { ApiError, chat, completion, count, events, get, post, setKey, understandable } = await import("../../../webui/api.js");

const bytes = (text) => new TextEncoder().encode(text);

function stream(pieces, ending = (controller) => controller.close()) {
  return new ReadableStream({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(piece));
      ending(controller);
    },
  });
}

async function all(iterable) {
  const found = [];
  for await (const one of iterable) found.push(one);
  return found;
}

/** Answer the next requests with `response`; returns what was asked. */
function serve(response) {
  const asked = [];
  globalThis.fetch = async (path, options) => {
    asked.push({ path, ...options });
    if (response instanceof Error) throw response;
    return response();
  };
  return asked;
}

const sse = (...pieces) => () => new Response(stream(pieces.map(bytes)), { status: 200 });
const refusal = (status, error) => () => new Response(JSON.stringify({ error: { code: status, ...error } }), { status });

test("events are the same wherever the bytes are cut", async () => {
  const whole = bytes(': waiting\n\ndata: {"a":"é👋"}\n\ndata: second\r\n\r\nevent: x\ndata: third\n\ndata: [DONE]\n\n');
  const expected = ['{"a":"é👋"}', "second", "third", "[DONE]"];
  for (let at = 0; at <= whole.length; at += 1) {
    assert.deepEqual(await all(events(stream([whole.slice(0, at), whole.slice(at)]))), expected);
  }
  assert.deepEqual(await all(events(stream([...whole].map((byte) => Uint8Array.of(byte))))), expected);
});

test("an unfinished line is no event", async () => {
  assert.deepEqual(await all(events(stream([bytes("data: a\n\ndata: b")]))), ["a"]);
});

test("a chat yields its chunks and asks for the counts", async () => {
  const asked = serve(sse('data: {"choices":[1]}\n\ndata: {"cho', 'ices":[2]}\n\ndata: [DONE]\n\n'));
  assert.deepEqual(await all(chat({ messages: [], temperature: 0 })), [{ choices: [1] }, { choices: [2] }]);
  assert.equal(asked[0].path, "v1/chat/completions");
  assert.equal(asked[0].headers["Content-Type"], "application/json");
  assert.equal(asked[0].headers.Authorization, undefined);
  assert.deepEqual(JSON.parse(asked[0].body), { messages: [], temperature: 0, stream: true, stream_options: { include_usage: true }, return_progress: true });
});

test("a key is sent with every request", async () => {
  setKey("secret");
  const asked = serve(() => new Response("{}"));
  await get("props");
  assert.equal(asked[0].headers.Authorization, "Bearer secret");
  kept.clear();
});

test("a stream that breaks off is told", async () => {
  serve(sse('data: {"choices":[1]}\n\n'));
  await assert.rejects(all(chat({})), { message: "The answer was cut off: the connection ended." });
});

test("a stream that fails is told", async () => {
  serve(() => new Response(stream([bytes("data: {}\n\n")], (controller) => controller.error(new TypeError("network")))));
  await assert.rejects(all(chat({})), { message: "The program does not answer. Is it running?" });
});

test("an error event is told", async () => {
  serve(sse('data: {"error":{"code":503,"message":"The engine ended.","type":"unavailable_error"}}\n\n'));
  await assert.rejects(all(chat({})), { message: "The engine ended.", status: 503 });
});

test("no server is told", async () => {
  serve(new TypeError("Failed to fetch"));
  await assert.rejects(get("props"), { name: "Error", message: "The program does not answer. Is it running?", status: 0 });
});

test("a stop is not an error of the server", async () => {
  serve(new DOMException("stopped", "AbortError"));
  await assert.rejects(all(chat({})), { name: "AbortError" });
});

test("a refusal is told in its own words, or in ours", async () => {
  serve(refusal(503, { message: "Loading model", type: "unavailable_error" }));
  await assert.rejects(get("props"), { message: "The model is loading. Try again soon.", status: 503 });
  serve(() => new Response("<html>bad gateway</html>", { status: 502 }));
  await assert.rejects(get("props"), { message: "The server answered 502.", status: 502 });
  const long = understandable({ code: 400, type: "exceed_context_size_error", message: "x", n_prompt_tokens: 5012, n_ctx: 4096 });
  assert.ok(long instanceof ApiError);
  assert.equal(long.message, "This chat is too long: 5,012 tokens, 4,096 fit.");
  assert.match(understandable({ code: 401, type: "authentication_error", message: "Invalid API Key" }).message, /key/);
});

test("a text goes on until its last piece says so", async () => {
  const asked = serve(sse('data: {"content":"a","stop":false}\n\ndata: {"content":"","stop":true}\n\n'));
  assert.deepEqual((await all(completion({ prompt: "x" }))).map(({ content }) => content), ["a", ""]);
  assert.deepEqual([asked[0].path, asked[0].method, JSON.parse(asked[0].body)], ["completion", "POST", { prompt: "x", stream: true }]);
});

test("a text's tokens are counted by the server", async () => {
  const asked = serve(() => new Response('{"tokens":[1,2,3]}'));
  assert.equal(await count("one two three"), 3);
  assert.deepEqual(JSON.parse(asked[0].body), { content: "one two three" });
  assert.deepEqual(await post("tokenize", {}), { tokens: [1, 2, 3] });
});

test("how far the model is comes with the refusal", async () => {
  const models = [{ name: "x", state: "loading", progress: 0.25 }];
  serve(() => new Response(JSON.stringify({ error: { code: 503, message: "Loading model" }, models }), { status: 503 }));
  await assert.rejects(get("health"), { status: 503, models });
  serve(new TypeError("Failed to fetch"));
  await assert.rejects(get("health"), { status: 0, models: [] });
});
