// One conversation: its messages and the answer that is being written. Knows no page.

export class Conversation {
  /**
   * chat: an async generator like api.js's. listener: told `begun()`, any number of
   * `grown(text)`, then `ended({error, figures})`; nothing more after `clear`.
   */
  constructor(chat, listener) {
    this.chat = chat;
    this.listener = listener;
    this.messages = [];
    this.running = null;
  }

  get busy() { return this.running !== null; }

  /** Ask something; resolves when the answer has ended. */
  send(text, settings) {
    this.messages.push({ role: "user", content: text });
    return this.answer(settings);
  }

  /** Replace the last answer by a new one. */
  regenerate(settings) {
    if (this.messages.at(-1)?.role === "assistant") this.messages.pop();
    return this.answer(settings);
  }

  /** End the answer here; what has been written stays. */
  stop() { this.running?.abort(); }

  clear() {
    this.stop();
    this.running = null;
    this.messages = [];
  }

  async answer({ system, ...chosen }) {
    const running = (this.running = new AbortController());
    const { messages } = this;
    const body = { ...chosen, messages: system ? [{ role: "system", content: system }, ...messages] : [...messages] };
    const ending = { error: null, figures: null };
    let content = "";
    this.listener.begun();
    try {
      for await (const chunk of this.chat(body, running.signal)) {
        content += chunk.choices[0]?.delta.content ?? "";
        if (chunk.usage) ending.figures = { ...chunk.usage, ...chunk.timings };
        if (this.running === running) this.listener.grown(content);
      }
    } catch (error) {
      if (!running.signal.aborted) ending.error = error;
    }
    if (content) messages.push({ role: "assistant", content });
    if (this.running !== running) return;
    this.running = null;
    this.listener.ended(ending);
  }
}
