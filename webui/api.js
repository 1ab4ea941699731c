// Asks the server for facts and streams; its errors are sentences for a person.

import { number, t } from "./i18n.js";

const KEY = "lmfile.key";

/** `status`: of HTTP, or 0; `models`: how far each is loaded. */
export class ApiError extends Error {
  constructor(message, status = 0, models = []) {
    super(message);
    Object.assign(this, { status, models });
  }
}

/** A key lasts as long as its tab, and is in no address. */
export const setKey = (key) => sessionStorage.setItem(KEY, key);

export const get = async (path) => (await send(path)).json();

/** Throws ApiError, or AbortError after `signal`. */
export const post = async (path, body, signal) => (await send(path, body, signal)).json();

export const count = async (text) => (await post("tokenize", { content: text })).tokens.length;

export const chat = (body, signal) =>
  chunks("v1/chat/completions", { ...body, stream_options: { include_usage: true }, return_progress: true }, signal);

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

/** Yields each event's data, however the bytes are cut. */
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
  // A page that leaves cannot wait for its last word.
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

export function understandable({ code, message, type, models, n_prompt_tokens: tokens, n_ctx: context }) {
  let told = message;
  if (type === "authentication_error") told = t("This server asks for a key.");
  else if (message === "Loading model") told = t("The model is loading. Try again soon.");
  else if (type === "exceed_context_size_error") told = t("This chat is too long: {0} tokens, {1} fit.", number(tokens), number(context));
  return new ApiError(told, code, models);
}
