/* Figures that move. The numbers were made by Python (docs/figures/moving.py); here one state of them is picked. */

function show(figure, state) {
  for (const [name, values] of Object.entries(state.set)) {
    const element = figure.querySelector(`[data-name="${name}"]`);
    for (const [key, value] of Object.entries(values)) {
      if (key === "text") element.textContent = value;
      else element.setAttribute(key, value);
    }
  }
}

function letMove(figure) {
  const { label, start, states } = JSON.parse(figure.querySelector("script").textContent);
  const controls = document.createElement("div"), slider = document.createElement("input"), said = document.createElement("output");
  controls.className = "moving-controls";
  slider.type = "range";
  slider.min = 0;
  slider.max = states.length - 1;
  slider.value = start;
  slider.setAttribute("aria-label", label);
  const pick = () => {
    const state = states[slider.value];
    show(figure, state);
    said.textContent = state.says;
    slider.setAttribute("aria-valuetext", state.says);
  };
  const button = (name, text, move) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", name);
    made.addEventListener("click", () => { move(); pick(); });
    return made;
  };
  slider.addEventListener("input", pick);
  controls.append(
    button("to the first", "|◀", () => { slider.value = slider.min; }),
    button("back", "◀", () => slider.stepDown()),
    slider,
    button("on", "▶", () => slider.stepUp()),
    said,
  );
  figure.append(controls);
  pick();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".moving").forEach(letMove));
