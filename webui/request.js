// A conversation as the messages of a request.

export function messages(path, system) {
  const turns = path.filter(({ role, content, calls }) => role !== "assistant" || content || calls);
  return [...(system ? [{ role: "system", content: system }] : []), ...turns.map(message)];
}

function message({ role, content, thought, calls, call, files }) {
  if (role === "tool") return { role, tool_call_id: call, content };
  if (role === "user") return { role, content: withFiles(content, files ?? []) };
  if (!calls?.length) return { role, content };
  const asked = calls.map(({ id, name, arguments: given }) => ({ id, type: "function", function: { name, arguments: given } }));
  return { role, content, tool_calls: asked, ...(thought && { reasoning_content: thought }) };
}

function withFiles(content, files) {
  const texts = files.filter(({ text }) => text !== undefined).map(({ name, text }) => fenced(name, text));
  const whole = [...texts, content].join("\n\n");
  const pictures = files.filter(({ url }) => url).map(({ url }) => ({ type: "image_url", image_url: { url } }));
  return pictures.length ? [...pictures, { type: "text", text: whole }] : whole;
}

function fenced(name, text) {
  const longest = Math.max(2, ...[...text.matchAll(/^`{3,}/gm)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${name}:\n${fence}\n${text.replace(/\n$/, "")}\n${fence}`;
}
