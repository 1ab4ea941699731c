// OpenAI's own client for JavaScript, unmodified, against the executable.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const options = { apiKey: "none", maxRetries: 0, timeout: 120_000 };
const client = new OpenAI({ baseURL: `${process.env.LMFILE_URL}/v1`, ...options });
const embedder = new OpenAI({ baseURL: `${process.env.LMFILE_EMBEDDING_URL}/v1`, ...options });

const model = "any";
const capital = [{ role: "user", content: "What is the capital city of France? Answer in one sentence." }];
const weather = [{ role: "user", content: "What is the weather in Paris?" }];
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tells the weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const named = { type: "function", function: { name: "get_weather" } };

test("a chat, whole and streamed", async () => {
  const asked = { model, messages: capital, temperature: 0, max_completion_tokens: 40 };
  const whole = await client.chat.completions.create(asked);
  assert.match(whole.choices[0].message.content, /Paris/);
  const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the stream helper", async () => {
  const stream = client.chat.completions.stream({ model, messages: capital, temperature: 0, max_tokens: 40 });
  assert.match(await stream.finalContent(), /Paris/);
});

test("tools, whole and streamed", async () => {
  const asked = { model, messages: weather, tools: [tool], tool_choice: named, temperature: 0 };
  const answer = await client.chat.completions.create(asked);
  const [call] = answer.choices[0].message.tool_calls;
  assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
  const final = await client.chat.completions.stream(asked).finalChatCompletion();
  assert.equal(final.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  assert.equal(final.choices[0].finish_reason, "tool_calls");
});

test("tools that the client runs", async () => {
  const runner = client.chat.completions.runTools({
    model,
    messages: weather,
    temperature: 0,
    max_tokens: 60,
    tool_choice: named,
    tools: [
      {
        type: "function",
        function: { ...tool.function, function: ({ city }) => `It rains in ${city}.`, parse: JSON.parse },
      },
    ],
  });
  await runner.done();
  assert.ok(runner.messages.some((message) => message.role === "tool" && message.content.includes("rains")));
});

test("structured output", async () => {
  const City = z.object({ country: z.string(), capital: z.enum(["Paris", "Madrid"]) });
  const parsed = await client.chat.completions.parse({
    model,
    messages: capital,
    temperature: 0,
    response_format: zodResponseFormat(City, "city"),
  });
  assert.equal(parsed.choices[0].message.parsed.capital, "Paris");
  const Weather = z.object({ city: z.string() });
  const called = await client.chat.completions.parse({
    model,
    messages: weather,
    temperature: 0,
    tools: [zodFunction({ name: "get_weather", parameters: Weather })],
    tool_choice: named,
  });
  assert.equal(typeof called.choices[0].message.tool_calls[0].function.parsed_arguments.city, "string");
});

test("responses", async () => {
  const asked = { model, input: capital[0].content, temperature: 0, max_output_tokens: 40 };
  const first = await client.responses.create(asked);
  assert.match(first.output_text, /Paris/);
  const second = await client.responses.create({ ...asked, input: "And of Spain?", previous_response_id: first.id });
  assert.match(second.output_text, /Madrid/);
  const streamed = await client.responses.stream(asked).finalResponse();
  assert.equal(streamed.output_text, first.output_text);
});

test("completions and models", async () => {
  const answer = await client.completions.create({ model, prompt: "The capital of France is", temperature: 0, max_tokens: 8 });
  assert.match(answer.choices[0].text, /Paris/);
  const listed = await client.models.list();
  assert.equal((await client.models.retrieve(listed.data[0].id)).id, listed.data[0].id);
});

test("vectors", async () => {
  const found = await embedder.embeddings.create({ model: "minilm", input: ["a cat", "a dog"] });
  assert.deepEqual(
    found.data.map((one) => one.embedding.length),
    [384, 384],
  );
});

test("refusals", async () => {
  await assert.rejects(client.chat.completions.create({ model, messages: capital, temperature: -1 }), OpenAI.BadRequestError);
  await assert.rejects(client.models.retrieve("no-such-model"), OpenAI.NotFoundError);
});
