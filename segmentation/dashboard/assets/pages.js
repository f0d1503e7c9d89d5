/* What happens in the browser alone: arriving on a page, sliders, waiting, printing. */
(() => {
  const same = () => window.dash_clientside.no_update;
  let visited = false;
  let latest = 0;

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.pages = {
    // A page that came without a load: its title is the window's, and reading begins there.
    arrive() {
      requestAnimationFrame(() => {
        const heading = document.querySelector("main h1");
        if (!heading) return;
        const study = document.querySelector("#studies [aria-current]");
        const parts = [heading.textContent, study ? study.textContent : "", "Segmentation"];
        document.title = [...new Set(parts.filter(Boolean))].join(" · ");
        if (visited) {
          window.scrollTo(0, 0);
          heading.focus({ preventScroll: true });
        }
        visited = true;
      });
      return same();
    },

    // A slider and its question say the same; one that nobody touched has no answer.
    tie(answer, place) {
      const moved = window.dash_clientside.callback_context.triggered_id;
      if (!moved) return [same(), same(), same()];
      if (moved.type === "slider") return [place, same(), ""];
      const number = typeof answer === "number" ? answer : parseFloat(answer);
      return Number.isFinite(number) ? [same(), number, ""] : [same(), same(), "unset"];
    },

    // Explanations take longer than answers, so they wait until nothing has moved for a moment.
    settle() {
      const mine = ++latest;
      return new Promise((resolve) => {
        setTimeout(() => resolve(mine === latest ? mine : same()), 350);
      });
    },
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("#print")) window.print();
  });
})();
