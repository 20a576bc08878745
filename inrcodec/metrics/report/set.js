"use strict";
(() => {
  const metric = document.getElementById("chart-metric");
  const show = () => {
    for (const chart of document.querySelectorAll("[data-chart]")) chart.hidden = chart.dataset.chart !== metric.value;
  };
  metric.addEventListener("change", show);
  show();
})();
