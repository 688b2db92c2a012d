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

document.addEventListener("DOMContentLoaded", () => {
  letDrawersBeOpened();
  document.fonts.ready.then(letScrollersBeReached);
  addEventListener("resize", letScrollersBeReached);
});
