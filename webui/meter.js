// The line below the message field: how fast the model reads and writes, and what room its context has left.

import { number, t } from "./i18n.js";
import { $ } from "./view.js";

export class Meter {
  context = 0; // tokens that fit; 0: not known yet
  used = 0;

  get room() { return this.context - this.used; }

  /** A prompt is being read. */
  reading({ done, total }) {
    if (done < total) $("speed").textContent = t("Reading: {0} of {1} tokens", number(done), number(total));
  }

  /** An answer is being written, at so many tokens a second. */
  writing(speed) {
    $("speed").textContent = speed ? t("{0} tokens/s", number(Math.round(speed))) : "";
  }

  /** What an answer has cost; undefined: none yet. */
  show(figures) {
    const { predicted_per_second: writes, prompt_per_second: reads, cache_n: cached } = figures ?? {};
    this.used = figures?.total_tokens ?? 0;
    const parts = [
      writes && t("{0} tokens/s", number(Math.round(writes))),
      reads && t("read at {0}/s", number(Math.round(reads))),
      cached && t("{0} cached", number(cached)),
      figures && this.context && t("{0} of {1} left", number(Math.max(0, this.room)), number(this.context)),
    ];
    $("speed").textContent = parts.filter(Boolean).join(" · ");
    $("context").hidden = !figures || !this.context;
    $("context").max = this.context || 1;
    $("context").value = this.used;
  }
}
