// One answer while it is being written: asks the server, gathers what comes into a turn, and tells a listener.

export class Answer {
  /**
   * chat: an async generator like api.js's. node: the turn that grows, {content, thought?, calls?, figures?, problem?}.
   * listener: told `grown({text, thought})` with what is new, `reading({done, total})` of a long prompt, then `ended(error)` once.
   */
  constructor(chat, node, listener) {
    Object.assign(this, { chat, node, listener, abort: new AbortController(), tokens: 0, since: 0 });
  }

  /** End it here; what has been written stays. */
  stop() { this.abort.abort(); }

  /** Tokens of the answer in a second, so far. */
  get speed() { return this.tokens > 1 ? ((this.tokens - 1) * 1000) / (performance.now() - this.since) : 0; }

  /** Resolves when the answer has ended, however it did. */
  async run(body) {
    const { node, listener } = this;
    delete node.problem;
    let failure = null;
    try {
      for await (const chunk of this.chat(body, this.abort.signal)) this.take(chunk);
    } catch (error) {
      if (!this.abort.signal.aborted) {
        failure = error;
        node.problem = error.message;
      }
    }
    listener.ended(failure);
  }

  take(chunk) {
    const { node, listener } = this;
    if (chunk.prompt_progress) listener.reading({ done: chunk.prompt_progress.processed, total: chunk.prompt_progress.total });
    if (chunk.usage) node.figures = { ...chunk.usage, ...chunk.timings };
    if (chunk.model) node.model = chunk.model;
    const [choice] = chunk.choices ?? [];
    if (choice?.finish_reason) node.finish = choice.finish_reason;
    const { content, reasoning_content: thought, tool_calls: calls } = choice?.delta ?? {};
    if (!content && !thought && !calls) return;
    this.since ||= performance.now();
    this.tokens += 1;
    if (content) node.content += content;
    if (thought) node.thought = (node.thought ?? "") + thought;
    for (const call of calls ?? []) this.call(call);
    listener.grown({ text: content ?? "", thought: thought ?? "" });
  }

  call({ index, id, function: { name = "", arguments: piece = "" } = {} }) {
    const calls = (this.node.calls ??= []);
    const call = (calls[index] ??= { id: id ?? `call_${index}`, name: "", arguments: "" });
    call.name += name;
    call.arguments += piece;
  }
}
