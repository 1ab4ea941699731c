// Speaks with the server: facts, and answers as streams of chunks. Its errors are sentences for a person.

import { number, t } from "./i18n.js";

const KEY = "lmfile.key";

/** A refusal or a failure; `status` is HTTP's or 0, `models` how far they are loaded. */
export class ApiError extends Error {
  constructor(message, status = 0, models = []) {
    super(message);
    Object.assign(this, { status, models });
  }
}

/** Keep a key until the tab is closed; it never travels in an address. */
export const setKey = (key) => sessionStorage.setItem(KEY, key);

/** The answer to a GET, as JSON. Throws ApiError. */
export const get = async (path) => (await send(path)).json();

/** The answer to a POST, as JSON. Throws ApiError, or an AbortError when `signal` says so. */
export const post = async (path, body, signal) => (await send(path, body, signal)).json();

/** How many tokens a text has. */
export const count = async (text) => (await post("tokenize", { content: text })).tokens.length;

/** Yield the chunks of a chat's answer. Throws as `post` does. */
export const chat = (body, signal) =>
  chunks("v1/chat/completions", { ...body, stream_options: { include_usage: true }, return_progress: true }, signal);

/** Yield the pieces of a text that goes on. Throws as `post` does. */
export const completion = (body, signal) => chunks("completion", body, signal);

async function* chunks(path, body, signal) {
  const response = await send(path, { ...body, stream: true }, signal);
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw understandable(chunk.error);
    yield chunk;
    if (chunk.stop === true) return;
  }
  throw new ApiError(t("The answer was cut off: the connection ended."));
}

/** Yield the data of each server-sent event of a byte stream, however it was cut. */
export async function* events(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(fail);
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
  }
}

async function send(path, body, signal) {
  const key = sessionStorage.getItem(KEY);
  const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
  // A page that is leaving has no time to wait for its last word to be sent.
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), signal, keepalive: path === "presence" };
  const response = await fetch(path, { ...options, headers }).catch(fail);
  if (response.ok) return response;
  const { error, models } = await response.json().catch(() => ({}));
  throw understandable({ code: response.status, message: t("The server answered {0}.", response.status), ...error, models });
}

function fail(error) {
  throw error.name === "AbortError" ? error : new ApiError(lost());
}

const lost = () => t("The program does not answer. Is it running?");

/** The server's error object as an error for somebody who chats. */
export function understandable({ code, message, type, models, n_prompt_tokens: tokens, n_ctx: context }) {
  let told = message;
  if (type === "authentication_error") told = t("This server asks for a key.");
  else if (message === "Loading model") told = t("The model is loading. Try again soon.");
  else if (type === "exceed_context_size_error") told = t("This chat is too long: {0} tokens, {1} fit.", number(tokens), number(context));
  return new ApiError(told, code, models);
}
