"use strict";
(function () {
  const narrow = () => window.matchMedia("(max-width: 560px)").matches;
  const touch = window.matchMedia("(pointer: coarse)").matches;

  // Figures name CSS variables instead of colours; look them up in the theme that shows now.
  function themed(value, style) {
    if (typeof value === "string") {
      return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) return value.map((inner) => themed(inner, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, themed(v, style)]));
    }
    return value;
  }

  function layoutOf(figure, style) {
    const read = (name) => style.getPropertyValue(name).trim();
    const axis = {
      gridcolor: read("--grid"), zerolinecolor: read("--text-soft"), linecolor: read("--line"),
      automargin: true, zeroline: false, tickangle: 0,
    };
    const own = themed(figure.layout || {}, style);
    const sides = Object.keys(own).filter((name) => /^[xy]axis/.test(name)).map((name) => own[name]);
    for (const side of sides) {
      if (side.title) side.title.font = { size: narrow() ? 11 : 12.5, color: read("--text-soft") };
    }
    return Object.assign({}, own, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow() ? 11 : 12.5, color: read("--text") },
      margin: narrow() ? { l: 34, r: 6, t: 30, b: 30 } : { l: 48, r: 12, t: 34, b: 36 },
      legend: {
        orientation: "h", x: 0, yref: "container", y: 0, yanchor: "bottom",
        font: { color: read("--text") },
      },
      hoverlabel: {
        bgcolor: read("--surface"), bordercolor: read("--line"), align: "left",
        font: { color: read("--text"), size: 12 },
      },
      // On a touch screen a drag scrolls the page; the buttons above a chart zoom it.
      dragmode: touch ? false : "zoom",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: read("--text-soft"), activecolor: read("--accent") },
      xaxis: Object.assign({}, axis, { showgrid: false }, thinned(own.xaxis)),
      yaxis: Object.assign({}, axis, own.yaxis),
    }, own.yaxis2 ? { yaxis2: Object.assign({}, axis, own.yaxis2) } : {});
  }

  // Half of the given tick labels fit a phone.
  function thinned(axis) {
    if (!axis || !axis.tickvals || !narrow()) return axis;
    const every = (list) => list.filter((_, n) => n % 2 === 0);
    return Object.assign({}, axis, { tickvals: every(axis.tickvals), ticktext: every(axis.ticktext) });
  }

  // What zooms, and nothing that would send a chart anywhere.
  const config = {
    responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
    displayModeBar: touch ? true : "hover",
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };

  // A box's figure stands in the page, or was handed over by the page's own script.
  function figureOf(box) {
    const told = document.getElementById("figure-" + box.id);
    return box.figure || (told && JSON.parse(told.textContent));
  }

  function drawOne(box) {
    const style = getComputedStyle(document.documentElement);
    const figure = figureOf(box);
    if (figure) Plotly.react(box, themed(figure.data, style), layoutOf(figure, style), config);
  }

  function draw() {
    document.querySelectorAll(".chart").forEach(drawOne);
  }

  window.drawChart = (box, figure) => {
    box.figure = figure;
    drawOne(box);
  };

  draw();
  const watcher = new ResizeObserver((entries) => entries.forEach((e) => Plotly.Plots.resize(e.target)));
  document.querySelectorAll(".chart").forEach((box) => watcher.observe(box));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.matchMedia("(max-width: 560px)").addEventListener("change", draw);
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    draw();
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.theme;
    draw();
  });
})();
