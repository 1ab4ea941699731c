// Speaks with the server: health, facts, and a chat as a stream of chunks.

const KEY = "lmfile.key";
const LOST = "lmfile does not answer. Is it still running?";

/** A refusal or a failure; `message` is a sentence for a person, `status` is HTTP's or 0. */
export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** Keep a key until the tab is closed; it never travels in an address. */
export const setKey = (key) => sessionStorage.setItem(KEY, key);

/** The answer to a GET, as JSON. Throws ApiError. */
export async function get(path) {
  return (await ask(path)).json();
}

/** Yield the chunks of an answer. Throws ApiError, or an AbortError when `signal` says so. */
export async function* chat(body, signal) {
  const sent = JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } });
  const response = await ask("v1/chat/completions", { method: "POST", body: sent, signal });
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw understandable(chunk.error);
    yield chunk;
  }
  throw new ApiError("The answer was cut off: the connection to lmfile ended.");
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

async function ask(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...options, headers }).catch(fail);
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw understandable(error ?? { code: response.status, message: `The server answered ${response.status}.` });
}

function fail(error) {
  throw error.name === "AbortError" ? error : new ApiError(LOST);
}

/** The server's error object as an error for somebody who chats. */
export function understandable({ code, message, type, n_prompt_tokens: tokens, n_ctx: context }) {
  if (type === "authentication_error") return new ApiError("The server asks for a key, and this is not the right one.", code);
  if (type !== "exceed_context_size_error") return new ApiError(message, code);
  const counts = `it has ${count(tokens)} tokens, and ${count(context)} fit`;
  return new ApiError(`This chat has grown too long for the model: ${counts}. Start a new chat, or ask for less.`, code);
}

export const count = (number) => Number(number).toLocaleString("en");
