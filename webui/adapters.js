// The choice of a model, and of adapters with their weights: for this person's requests, not for the server's others.

import { number } from "./i18n.js";
import { chats, settings } from "./settings.js";
import { $, element } from "./view.js";

const MOST = 64; // adapters that one request may name

/** Show what can be chosen of what the server offers. */
export function offer() {
  const { models, adapters = [] } = settings.server;
  const names = chats(models).map(({ id }) => id);
  const at = Math.max(0, names.indexOf(settings.value.model));
  $("model-choice").replaceChildren(...names.map((name, place) => element("option", { value: place ? name : "", translate: "no" }, name)));
  $("model-choice").selectedIndex = at;
  $("model-row").hidden = names.length < 2;
  $("adapters").hidden = at > 0 || !adapters.length; // they are the main model's
  $("model-group").hidden = $("model-row").hidden && $("adapters").hidden;
  $("adapters").replaceChildren($("adapters").firstElementChild, ...adapters.slice(0, MOST).map(row));
}

function row({ name, scale }) {
  const weight = settings.value.adapters[name] ?? scale;
  const box = element("input", { type: "checkbox" });
  const slider = element("input", { type: "range", min: "0", max: "2", step: "0.05", "aria-label": name });
  const shown = element("output", {}, number(weight));
  box.checked = weight !== 0;
  slider.value = weight || 1;
  slider.disabled = !box.checked;
  const made = element("div", { class: "adapter", translate: "no" }, element("label", { class: "check" }, box, name), slider, shown);
  made.addEventListener("input", () => {
    const chosen = box.checked ? Number(slider.value) : 0;
    settings.set(`adapters.${name}`, chosen);
    shown.value = number(chosen);
    slider.disabled = !box.checked;
  });
  return made;
}
