/* What only a mouse would reach. Without JavaScript the pages are the same, and whole. */

/* What scrolls can be scrolled with the arrow keys. */
function letScrollersBeReached() {
  for (const box of document.querySelectorAll(".katex-display, .highlight pre, .table-wrapper, .sidebar-scroll, .toc-scroll")) {
    if (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

/* The theme's two switches are labels of hidden boxes, which a keyboard does not reach: put a button into each. */
function letDrawersBeOpened() {
  for (const [id, drawer, name] of [["__navigation", ".sidebar-drawer", "Pages"], ["__toc", ".toc-drawer", "On this page"]]) {
    const box = document.getElementById(id);
    for (const label of document.querySelectorAll(`label.toc-overlay-icon[for="${id}"], label.nav-overlay-icon[for="${id}"]`)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "drawer-button";
      button.setAttribute("aria-label", name);
      button.append(...label.childNodes);
      label.append(button);
      const show = (open) => {
        box.checked = open;
        (open ? document.querySelector(`${drawer} a, ${drawer} input`) : button).focus();
      };
      button.addEventListener("click", () => show(!box.checked));
      addEventListener("keydown", (event) => {
        if (event.key === "Escape" && box.checked && button.offsetParent) show(false);
      });
    }
  }
}

/* Whoever points at (3.4), or comes to it with the keyboard, sees the equation. */
function letEquationsBeSeen() {
  const view = document.createElement("div");
  view.id = "equation-view";
  view.role = "tooltip";
  view.hidden = true;
  document.body.append(view);
  let timer;

  const hide = () => { view.hidden = true; };
  const hideSoon = () => { timer = setTimeout(hide, 150); };
  const show = (link, anchor) => {
    clearTimeout(timer);
    const kept = document.querySelector(`template[data-equation="${anchor}"]`);
    const formula = kept ? kept.content : document.querySelector(`#${anchor} .katex-display`);
    view.replaceChildren(formula.cloneNode(true));
    view.hidden = false;
    const at = link.getBoundingClientRect(), room = document.documentElement.clientWidth - view.offsetWidth - 8;
    const above = at.top - view.offsetHeight - 6;
    view.style.left = `${scrollX + Math.max(8, Math.min(at.left, room))}px`;
    view.style.top = `${scrollY + (above > 60 ? above : at.bottom + 6)}px`;
  };

  for (const link of document.querySelectorAll('article a[href*="#eq-"]')) {
    const anchor = link.hash.slice(1);
    if (!/^eq-\d+-\d+[a-z]?$/.test(anchor) || link.closest(`#${anchor}`)) continue;
    link.setAttribute("aria-describedby", view.id);
    link.addEventListener("mouseenter", () => show(link, anchor));
    link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(link, anchor); });
    link.addEventListener("mouseleave", hideSoon);
    link.addEventListener("blur", hide);
  }
  view.addEventListener("mouseenter", () => clearTimeout(timer));
  view.addEventListener("mouseleave", hideSoon);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}

document.addEventListener("DOMContentLoaded", () => {
  letDrawersBeOpened();
  letEquationsBeSeen();
  document.fonts.ready.then(letScrollersBeReached);
  addEventListener("resize", letScrollersBeReached);
});
