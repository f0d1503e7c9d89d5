/* What the page Score a file says of lines of orders: sentences only. Where they stand, and how a
   file is sent, is in file.js. */
(() => {
  const countLines = (n) => window.phrases.countNoun(n, "line");
  const formatTime = (time) => time.replace("T", " ").replace(/:\d\d$/, "");

  window.orders = {
    /* Of a preview, which looks at the first lines, and of the answer. */
    describeLines(orders, isWhole) {
      const lines = isWhole ? countLines(orders.n_lines) : `The first ${countLines(orders.n_lines)}`;
      const verb = orders.n_lines === 1 ? "becomes" : "become";
      return `${lines} of orders ${verb} ${window.phrases.countNoun(orders.n_customers, "customer")}.`;
    },

    describeRecency(orders) {
      const source = orders.as_of_given ? "the day that was chosen" : "the last order of the file";
      return `Recency is counted to ${formatTime(orders.as_of)}, ${source}.`;
    },

    describeLeftOut(orders) {
      const n = orders.n_lines - orders.n_kept;
      return `${countLines(n)} ${n === 1 ? "is" : "are"} left out, as in training:`;
    },

    listLeftOut(orders) {
      const reasons = orders.left_out.map(({ message, n_lines: n, first_lines: first }) => {
        const noun = n === 1 ? "line" : "lines";
        return `${n.toLocaleString("en")} ${message} (${noun} ${first.join(", ")}${n > first.length ? " …" : ""})`;
      });
      const alone = `${countLines(orders.n_alone)} out of these limits stand alone in time, half a year from all others: are their dates right?`;
      return orders.n_alone ? [...reasons, alone] : reasons;
    },
  };
})();
