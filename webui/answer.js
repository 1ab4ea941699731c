// Gathers the chunks of an answer in its turn.

export function gather(node, { usage, timings, choices: [choice] = [] }) {
  if (usage) node.figures = { ...usage, ...timings };
  const { content, reasoning_content: thinks, tool_calls: calls } = choice?.delta ?? {};
  const [text, thought] = [content ?? "", thinks ?? ""];
  node.content += text;
  if (thought) node.thought = (node.thought ?? "") + thought;
  for (const call of calls ?? []) gatherCall((node.calls ??= []), call);
  return { text, thought };
}

function gatherCall(calls, { index, id, function: { name = "", arguments: piece = "" } = {} }) {
  const call = (calls[index] ??= { id: id ?? `call_${index}`, name: "", arguments: "" });
  call.name += name;
  call.arguments += piece;
}
