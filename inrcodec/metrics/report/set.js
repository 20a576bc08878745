"use strict";
(() => {
  const metric = document.getElementById("chart-metric");
  const show = () => {
    for (const chart of document.querySelectorAll("[data-chart]")) chart.hidden = chart.dataset.chart !== metric.value;
  };
  metric.addEventListener("change", show);
  show();

  // A click on the head of a column sorts by it, another one the other way round.
  const number = (row, column) => {
    const text = row.cells[column].dataset.value;
    return text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
  };
  const compare = (a, b, column) =>
    column === 0 ? a.cells[0].textContent.localeCompare(b.cells[0].textContent, undefined, { numeric: true })
      : number(a, column) - number(b, column) || 0;
  for (const head of document.querySelectorAll(".sortable thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent || "Image";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      const body = head.closest("table").tBodies[0];
      const rows = [...body.rows].sort((a, b) => way * compare(a, b, head.cellIndex));
      body.append(...rows);
    });
  }
})();
