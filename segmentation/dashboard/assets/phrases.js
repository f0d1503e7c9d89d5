/* Phrases as segmentation/wording/phrases.py makes them: tests/test_phrases.py compares both. */
window.phrases = {
  /* Halves round to the even neighbour, as Python's formats do. */
  formatPercent(share) {
    if (share > 0 && share <= 0.005) return "under 1%";
    if (share >= 0.995 && share < 1) return "over 99%";
    const rounded = Math.round(share * 100);
    const isOddHalf = rounded - share * 100 === 0.5 && rounded % 2;
    return `${isOddHalf ? rounded - 1 : rounded}%`;
  },

  countNoun(n, noun) {
    return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
  },
};
