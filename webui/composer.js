// The field in which a message is written: it grows with its text, and Enter sends.

import { t } from "./i18n.js";
import { $, on } from "./view.js";

export class Composer {
  /** send(text): whether the message was taken; stop(): end the running answer; busy(): whether there is one. */
  constructor({ send, stop, busy }) {
    Object.assign(this, { busy });
    on("composer", "submit", () => (busy() ? stop() : this.submit(send)));
    on("input", "keydown", () => this.submit(send), (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing);
    $("input").addEventListener("input", grow);
  }

  submit(send) {
    if (this.busy() || $("send").disabled || !send($("input").value.trim())) return;
    this.fill("");
  }

  /** Put a text into the field. */
  fill(text) {
    $("input").value = text;
    grow();
  }

  /** Show whether the button sends or stops. */
  update() {
    $("send").setAttribute("aria-label", this.busy() ? t("Stop") : t("Send"));
    document.body.classList.toggle("busy", this.busy());
  }
}

/** For browsers without `field-sizing`. */
function grow() {
  $("input").style.height = "auto";
  $("input").style.height = $("input").value && `${$("input").scrollHeight}px`;
}
