// Vercel's AI SDK, unmodified, by its provider for servers that speak OpenAI's dialect.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, embedMany, generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const provider = createOpenAICompatible({
  name: "lmfile",
  baseURL: `${process.env.LMFILE_URL}/v1`,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const embedder = createOpenAICompatible({ name: "lmfile", baseURL: `${process.env.LMFILE_EMBEDDING_URL}/v1` });

const common = { model: provider("any"), temperature: 0, maxRetries: 0, maxOutputTokens: 100 };
const capital = "What is the capital city of France? Answer in one sentence.";
const get_weather = tool({
  description: "Tells the weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `It rains in ${city}.`,
});
const City = z.object({ country: z.string(), capital: z.enum(["Paris", "Madrid"]) });

test("generateText and streamText", async () => {
  const whole = await generateText({ ...common, prompt: capital });
  assert.match(whole.text, /Paris/);
  assert.equal(whole.finishReason, "stop");
  assert.ok(whole.usage.outputTokens > 0);
  const streamed = streamText({ ...common, prompt: capital });
  let text = "";
  for await (const piece of streamed.textStream) text += piece;
  assert.equal(text, whole.text);
  assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);
});

test("a turn of several messages", async () => {
  const messages = [
    { role: "user", content: capital },
    { role: "assistant", content: "The capital city of France is Paris." },
    { role: "user", content: [{ type: "text", text: "And of Spain?" }] },
  ];
  assert.match((await generateText({ ...common, messages })).text, /Madrid/);
});

test("tools", async () => {
  const asked = { ...common, prompt: "What is the weather in Paris?", tools: { get_weather } };
  const called = await generateText({ ...asked, toolChoice: { type: "tool", toolName: "get_weather" } });
  assert.equal(called.finishReason, "tool-calls");
  assert.equal(called.toolCalls[0].toolName, "get_weather");
  assert.match(called.toolResults[0].output, /It rains in/);
  const streamed = streamText({
    ...asked,
    toolChoice: { type: "tool", toolName: "get_weather" },
    stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => (stepNumber > 0 ? { toolChoice: "none" } : {}),
  });
  const steps = await streamed.steps;
  assert.equal(steps.length, 2);
  assert.deepEqual(steps[0].toolCalls[0].input, called.toolCalls[0].input);
  assert.ok(steps[1].text);
});

test("generateObject, streamObject and what takes their place", async () => {
  const asked = { ...common, schema: City, prompt: capital };
  const output = Output.object({ schema: City });
  assert.equal((await generateText({ ...common, prompt: capital, output })).output.capital, "Paris");
  assert.equal((await generateObject(asked)).object.capital, "Paris");
  const { partialObjectStream, object } = streamObject(asked);
  let parts = 0;
  for await (const _ of partialObjectStream) parts += 1;
  assert.ok(parts > 1);
  assert.equal((await object).capital, "Paris");
});

test("completions", async () => {
  const answer = await generateText({ ...common, model: provider.completionModel("any"), prompt: "The capital of France is", maxOutputTokens: 8 });
  assert.ok(answer.text);
});

test("vectors", async () => {
  const model = embedder.embeddingModel("minilm");
  assert.equal((await embed({ model, value: "a cat" })).embedding.length, 384);
  assert.equal((await embedMany({ model, values: ["a cat", "a dog"] })).embeddings.length, 2);
});
