"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const chosen = (name) => document.querySelector(`[name=${name}]:checked`).value;
  const stage = byId("stage"), clip = byId("clip"), map = byId("map"), handle = byId("handle");
  const below = byId("below"), above = byId("above"), split = byId("split"), version = byId("version");
  const sources = [];
  for (const image of document.querySelectorAll("[data-source]")) sources[image.dataset.source] = image;
  const view = { across: 0.5, down: 0.5, width: 1, height: 1 };  // the point in the middle, and the size
  const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

  // Place the layers: one scale and one offset for all, in pixels of the page.
  function place() {
    const width = sources[0].naturalWidth, height = sources[0].naturalHeight;
    const room = stage.clientWidth, most = Math.max(240, 0.8 * innerHeight);
    const fit = Math.min(room / width, most / height);
    const whole = fit < 1 ? fit : Math.max(1, Math.floor(fit));
    const scale = Number(chosen("zoom")) || whole, high = Math.round(height * whole);
    const w = view.width = width * scale, h = view.height = height * scale;
    stage.style.height = `${high}px`;
    const centred = (share, size, frame) => size <= frame ? 0.5 : clamp(share, frame / 2 / size, 1 - frame / 2 / size);
    view.across = centred(view.across, w, room);
    view.down = centred(view.down, h, high);
    const left = Math.round(room / 2 - view.across * w), top = Math.round(high / 2 - view.down * h);
    for (const layer of [below, above, map]) {
      layer.style.width = `${w}px`;
      layer.style.height = `${h}px`;
      layer.style.transform = `translate(${left}px, ${top}px)`;
    }
    stage.classList.toggle("zoomed", w > room + 1 || h > high + 1);
    stage.classList.toggle("pixels", scale > 1);
    const start = clamp(left, 0, room), end = clamp(left + w, 0, room);
    const at = start + (end - start) * split.value / 100;
    clip.style.clipPath = `inset(0 0 0 ${at}px)`;
    handle.style.left = `${at}px`;
    split.setAttribute("aria-valuetext", `${split.value} % reference`);
  }

  // Colours of the error map, dark to bright; the legend shows the same stops.
  const stops = [[0, 0, 4], [51, 13, 94], [120, 28, 109], [187, 55, 84], [237, 105, 37], [252, 180, 25], [252, 255, 164]];
  const palette = Array.from({ length: 256 }, (_, level) => {
    const at = level / 255 * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
    return stops[i].map((from, c) => Math.round(from + (stops[i + 1][c] - from) * (at - i)));
  });
  byId("colours").style.background = `linear-gradient(90deg, ${stops.map((s) => `rgb(${s})`)})`;

  // The samples of an image over mid-gray, as the metrics see it.
  function samples(image, width, height) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "rgb(128 128 128)";
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  function drawMap() {
    const gain = Number(byId("gain").value), width = sources[0].naturalWidth, height = sources[0].naturalHeight;
    const a = samples(sources[0], width, height), b = samples(sources[version.value], width, height);
    for (let i = 0; i < a.data.length; i += 4) {
      const error = Math.max(Math.abs(a.data[i] - b.data[i]), Math.abs(a.data[i + 1] - b.data[i + 1]), Math.abs(a.data[i + 2] - b.data[i + 2]));
      a.data.set(palette[Math.min(255, gain * error)], i);
      a.data[i + 3] = 255;
    }
    Object.assign(map, { width, height });
    map.getContext("2d").putImageData(a, 0, 0);
    byId("middle").textContent = (127.5 / gain).toFixed(0);
    byId("end").textContent = `≥ ${(255 / gain).toFixed(0)} levels`;
  }

  function update() {
    const number = Number(version.value), errors = chosen("view") === "error";
    const name = version.selectedOptions[0].textContent;
    above.src = sources[number].src;
    above.alt = name;
    byId("corner-left").textContent = errors ? `error × ${byId("gain").value}` : "reference";
    byId("corner-right").textContent = name;
    for (const facts of document.querySelectorAll("[data-facts]")) facts.hidden = Number(facts.dataset.facts) !== number;
    for (const part of [clip, handle, byId("slider")]) part.hidden = errors;
    map.hidden = byId("legend").hidden = !errors;
    if (errors) drawMap();
    place();
  }

  // Dragging: the divider, or the image itself where it is zoomed.
  stage.addEventListener("pointerdown", (down) => {
    if (down.button) return;
    const pan = stage.classList.contains("zoomed") && down.target !== handle;
    if (!pan && handle.hidden) return;
    const from = { across: view.across, down: view.down };
    const move = (event) => {
      if (pan) {
        view.across = from.across + (down.clientX - event.clientX) / view.width;
        view.down = from.down + (down.clientY - event.clientY) / view.height;
      } else if (event.pointerType !== "touch" || Math.abs(event.clientX - down.clientX) >= Math.abs(event.clientY - down.clientY)) {
        const box = below.getBoundingClientRect(), frame = stage.getBoundingClientRect();
        const left = Math.max(box.left, frame.left), right = Math.min(box.right, frame.right);
        split.value = Math.round(100 * clamp((event.clientX - left) / (right - left), 0, 1));
      }
      place();
    };
    drag(stage, down, move);
    if (!pan && down.pointerType !== "touch") move(down);  // a finger may want to scroll the page
  });

  function drag(target, down, move) {
    target.setPointerCapture(down.pointerId);
    target.addEventListener("pointermove", move);
    const stop = (event) => {
      if (event.type === "pointerup") move(event);
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", stop);
      target.removeEventListener("pointercancel", stop);
    };
    target.addEventListener("pointerup", stop);
    target.addEventListener("pointercancel", stop);
  }

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  stage.addEventListener("keydown", (event) => {
    if (!arrows[event.key] || !stage.classList.contains("zoomed")) return;
    event.preventDefault();
    view.across += 40 * arrows[event.key][0] / view.width;
    view.down += 40 * arrows[event.key][1] / view.height;
    place();
  });

  // All crops show the same place and move together.
  const root = document.documentElement, crops = [...document.querySelectorAll(".movable")];
  const pixels = (name) => parseFloat(getComputedStyle(root).getPropertyValue(`--crop-${name}`));
  const corner = () => [pixels("x"), pixels("y")];
  function moveCrops(x, y) {
    const most = { x: sources[0].naturalWidth - crops[0].clientWidth, y: sources[0].naturalHeight - crops[0].clientHeight };
    root.style.setProperty("--crop-x", `${clamp(x, 0, most.x)}px`);
    root.style.setProperty("--crop-y", `${clamp(y, 0, most.y)}px`);
  }
  for (const crop of crops) {
    crop.addEventListener("pointerdown", (down) => {
      const [x, y] = corner();
      drag(crop, down, (event) => moveCrops(x + down.clientX - event.clientX, y + down.clientY - event.clientY));
    });
    crop.addEventListener("keydown", (event) => {
      if (!arrows[event.key]) return;
      event.preventDefault();
      const [x, y] = corner(), [right, down] = arrows[event.key];
      moveCrops(x + 16 * right, y + 16 * down);
    });
  }

  const metric = byId("chart-metric");
  function showChart() {
    for (const chart of document.querySelectorAll("[data-chart]")) chart.hidden = chart.dataset.chart !== metric.value;
  }
  if (metric) metric.addEventListener("change", showChart);

  async function start() {
    const undecodable = (number) => () => { version.options[number - 1].disabled = true; };
    await Promise.all(sources.map((image, number) => image.decode().catch(undecodable(number))));
    byId("view").hidden = false;
    below.src = sources[0].src;
    if (metric) showChart();
    split.addEventListener("input", place);
    for (const control of document.querySelectorAll(".toolbar [name], #version, #gain")) control.addEventListener("change", update);
    new ResizeObserver(place).observe(stage);
    update();
    if (crops.length) {  // a window narrower than the crop shows its middle
      const [x, y] = corner(), { clientWidth, clientHeight } = crops[0];
      moveCrops(x + (pixels("width") - clientWidth) / 2, y + (pixels("height") - clientHeight) / 2);
    }
  }
  start();
})();
