// The choice of a model, and of adapters with their weights: for this person's requests, not for the server's others.

import { number } from "./i18n.js";
import { chats, settings } from "./settings.js";
import { $, element } from "./view.js";

const MOST = 64; // adapters that one request may name

/** Show what can be chosen among the rows of `settings.server`. */
export function offer() {
  const { models, adapters = [] } = settings.server;
  const names = chats(models).map(({ id }) => id);
  const at = Math.max(0, names.indexOf(settings.value.model));
  $("model-choice").replaceChildren(...names.map((name, place) => element("option", { value: place ? name : "", translate: "no" }, name)));
  $("model-choice").selectedIndex = at;
  $("model-row").hidden = names.length < 2;
  $("adapters").hidden = at > 0 || !adapters.length; // they are the main model's
  $("adapter-list").replaceChildren(...adapters.slice(0, MOST).map(row));
  $("model-group").hidden = $("model-row").hidden && $("adapters").hidden;
}

function row({ name, scale }, index) {
  const weight = settings.value.adapters[name] ?? scale;
  const box = element("input", { type: "checkbox" });
  const slider = element("input", { type: "range", min: "0", max: "2", step: "0.05", "aria-labelledby": `adapter-${index}` });
  const shown = element("output", {}, number(weight));
  box.checked = weight !== 0;
  slider.value = weight || 1;
  slider.disabled = !box.checked;
  const change = () => {
    const chosen = box.checked ? Number(slider.value) : 0;
    settings.set(`adapters.${name}`, chosen);
    shown.textContent = number(chosen);
    slider.disabled = !box.checked;
  };
  for (const field of [box, slider]) field.addEventListener("input", change);
  const label = element("label", { class: "check" }, box, element("span", { id: `adapter-${index}`, translate: "no" }, name));
  return element("div", { class: "adapter" }, label, slider, shown);
}
