/* What happens in the browser alone: arriving on a page, sliders, waiting, printing. */
(() => {
  const same = () => window.dash_clientside.no_update;
  let visited = false;
  let latest = 0;
  let newest = 0; // number of the answer that was asked for last
  let pending = 0; // when an answer was asked for that has not come, or nothing
  let lastMove = 0; // number of the last move of a slider by hand
  const placed = {}; // where sliders were put because their question was answered
  const PAUSE = 60; // milliseconds without a move before other answers follow
  const PATIENCE = 2000; // milliseconds after which an answer is given up

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
      if (!Number.isFinite(number)) return [same(), same(), "unset"];
      placed[moved.field] = number;
      return [same(), number, ""];
    },

    // Other answers follow a slider that somebody moves, not one that follows its own question.
    move() {
      const moved = window.dash_clientside.callback_context.triggered_id;
      const input = window.dash_clientside.callback_context.triggered[0];
      if (!moved || !input || placed[moved.field] === input.value) return same();
      delete placed[moved.field];
      const mine = ++lastMove;
      return new Promise((resolve) => {
        const move = { field: moved.field, value: input.value };
        setTimeout(() => resolve(mine === lastMove ? move : same()), PAUSE);
      });
    },

    // One answer is asked for at a time, for what stands there when the one before has come.
    ask() {
      const mine = ++newest;
      return new Promise((resolve) => {
        const wait = () => {
          if (mine !== newest) resolve(same());
          else if (pending && Date.now() - pending < PATIENCE) setTimeout(wait, 10);
          else {
            pending = Date.now();
            resolve(mine);
          }
        };
        wait();
      });
    },

    receive() {
      pending = 0;
      return same();
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
