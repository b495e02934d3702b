"use strict";
// Trades on candles: a day of an instrument at a time, its fills, its tokens, its round trips.
(function () {
  const root = document.getElementById("explorer");
  const told = JSON.parse(document.getElementById("explorer-data").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const box = document.getElementById("candles");
  const state = { instrument: 0, page: 0, trade: null };
  const BEFORE = 12, AFTER = 12;

  const two = (n) => String(n).padStart(2, "0");
  function stamp(minutes, withDay) {
    const at = new Date(minutes * 60000);
    const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
    return withDay ? `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${time}` : time;
  }
  const amount = (value) => (value < 0 ? "−" : "") + Math.abs(value).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const price = (value) => value.toLocaleString("en", { maximumSignificantDigits: 7 });

  function times(page) {
    let at = 0;
    return page.t.map((step) => (at += step));
  }

  function tokenWords(letters) {
    const words = told.fields
      .map((field, n) => [field.name, field.values[parseInt(letters[n], 36)]])
      .filter(([, value]) => value !== "na" && value !== "none")
      .map(([name, value]) => `${name} ${value}`);
    const lines = [];
    for (let n = 0; n < words.length; n += 3) lines.push(words.slice(n, n + 3).join(", "));
    return lines.join("<br>");
  }

  function candles(page, at) {
    const filled = new Set(page.filled);
    return {
      type: "candlestick", x: at.map((_, n) => n), open: page.o, high: page.h, low: page.l, close: page.c,
      showlegend: false, hoverinfo: "text",
      increasing: { line: { color: "--up", width: 1 }, fillcolor: "--up" },
      decreasing: { line: { color: "--down", width: 1 }, fillcolor: "--down" },
      hovertext: at.map((minutes, n) => [
        stamp(minutes, true),
        `O ${price(page.o[n])}  H ${price(page.h[n])}  L ${price(page.l[n])}  C ${price(page.c[n])}`,
        filled.has(n) ? "filled bar: nothing trades on it" : "",
        page.tokens.length ? tokenWords(page.tokens[n]) : "",
      ].filter(Boolean).join("<br>")),
    };
  }

  function fillMarks(page, side) {
    const own = page.fills.filter((fill) => Math.sign(fill.units) === side);
    return {
      type: "scatter", mode: "markers", name: side > 0 ? "buy" : "sell", hoverinfo: "text",
      x: own.map((fill) => fill.row), y: own.map((fill) => fill.price), hovertext: own.map((fill) => fill.text),
      marker: {
        symbol: side > 0 ? "triangle-up" : "triangle-down", size: 12, color: side > 0 ? "--buy" : "--sell",
        line: { color: "--surface", width: 1.5 },
      },
    };
  }

  function tradeLine(page) {
    const trade = page.trades[state.trade];
    if (!trade || trade.entry === null || trade.exit === null) return [];
    return [{
      type: "scatter", mode: "lines", x: [trade.entry, trade.exit], y: trade.prices, showlegend: false,
      hoverinfo: "skip", line: { color: "--accent", width: 2, dash: "dot" },
    }];
  }

  function lanes(page) {
    const value = (row, n) => told.fields[n].values[parseInt(page.tokens[row][n], 36)];
    const tone = (row, n) => told.fields[n].tones[parseInt(page.tokens[row][n], 36)];
    const rows = page.tokens.map((_, row) => row);
    return {
      type: "heatmap", yaxis: "y2", x: rows, y: told.fields.map((field) => field.name),
      z: told.fields.map((_, n) => rows.map((row) => tone(row, n))),
      text: told.fields.map((field, n) => rows.map((row) => `${field.name} ${value(row, n)}`)),
      hovertemplate: "%{text}<extra></extra>", hoverongaps: false, showscale: false, xgap: 1, ygap: 1, zmin: -1, zmax: 1,
      colorscale: [[0, "--tone-down"], [0.34, "--tone-down"], [0.34, "--tone-none"], [0.66, "--tone-none"], [0.66, "--tone-up"], [1, "--tone-up"]],
    };
  }

  function figure(page) {
    const at = times(page);
    const withLanes = page.tokens.length > 0 && part("lanes").checked;
    const data = [candles(page, at), fillMarks(page, 1), fillMarks(page, -1), ...tradeLine(page)];
    if (withLanes) data.push(lanes(page));
    const every = Math.max(1, Math.ceil(at.length / 8));
    const rows = at.map((_, n) => n).filter((n) => n % every === 0);
    const severalDays = at[at.length - 1] - at[0] > 26 * 60;
    const trade = page.trades[state.trade];
    const ends = trade ? [trade.entry ?? 0, trade.exit ?? at.length - 1] : null;
    const range = ends ? [Math.max(-1, ends[0] - BEFORE), Math.min(at.length, ends[1] + AFTER)] : [-1, at.length];
    const layout = {
      xaxis: {
        range, rangeslider: { visible: false }, anchor: withLanes ? "y2" : "y",
        tickvals: rows, ticktext: rows.map((n) => (severalDays ? stamp(at[n], true).slice(5) : stamp(at[n], false))),
      },
      yaxis: { domain: withLanes ? [0.37, 1] : [0, 1], tickformat: "~g", ...fitted(page, range) },
      hovermode: "closest", legend: { orientation: "h" },
    };
    if (withLanes) {
      layout.yaxis2 = {
        domain: [0, 0.33], type: "category", autorange: "reversed", showgrid: false, fixedrange: true,
        tickfont: { size: 10 }, dtick: 1,
      };
    }
    return { data, layout };
  }

  // The prices between the ends of the axis, so that a chosen trade fills the chart.
  function fitted(page, range) {
    const [first, last] = [Math.max(0, Math.ceil(range[0])), Math.floor(range[1]) + 1];
    const high = Math.max(...page.h.slice(first, last)), low = Math.min(...page.l.slice(first, last));
    const room = (high - low || Math.abs(high) * 0.001) * 0.06;
    return { range: [low - room, high + room] };
  }

  function cell(row, text, name, head) {
    const made = document.createElement(head ? "th" : "td");
    made.textContent = text;
    if (name) made.className = name;
    row.append(made);
  }

  function tradeRows(page) {
    const made = part("trades");
    made.replaceChildren();
    if (!page.trades.length) {
      const row = made.createTBody().insertRow();
      cell(row, "No round trip begins or ends here.", "words");
      return;
    }
    const head = made.createTHead().insertRow();
    ["Entry, UTC", "Exit, UTC", "Side", "Entry price", "Exit price", `Costs, ${told.currency}`, `Net, ${told.currency}`, "Closed by"]
      .forEach((text, n) => cell(head, text, n < 3 ? "words" : "", true));
    const body = made.createTBody();
    page.trades.forEach((trade, n) => {
      const row = body.insertRow();
      row.tabIndex = 0;
      row.className = n === state.trade ? "chosen" : "";
      cell(row, trade.from, "words", true);
      cell(row, trade.to, "words");
      cell(row, trade.side > 0 ? "long" : "short", "words");
      trade.prices.forEach((value) => cell(row, price(value)));
      cell(row, amount(trade.cost));
      cell(row, amount(trade.net), trade.net > 0 ? "won" : "lost");
      cell(row, trade.reason);
      const choose = () => {
        state.trade = state.trade === n ? null : n;
        show();
      };
      row.addEventListener("click", choose);
      row.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
    });
  }

  function options(select, labels, chosen) {
    select.replaceChildren(...labels.map((text, n) => new Option(text, n, false, n === chosen)));
  }

  function show() {
    const pages = told.instruments[state.instrument].pages;
    if (!pages.length) return;
    options(part("page"), pages.map((page) => page.label), state.page);
    part("before").disabled = state.page === 0;
    part("after").disabled = state.page === pages.length - 1;
    tradeRows(pages[state.page]);
    window.drawChart(box, figure(pages[state.page]));
  }

  function go(instrument, page, trade) {
    Object.assign(state, { instrument, page, trade: trade ?? null });
    part("instrument").value = instrument;
    show();
  }

  if (!told.instruments.length) return;
  const anyTokens = told.instruments.some((one) => one.pages.some((page) => page.tokens.length));
  part("lanes").closest("label").hidden = !anyTokens;
  options(part("instrument"), told.instruments.map((one) => one.name), 0);
  told.notable.forEach((trade, n) => part("notable").append(new Option(trade.label, n)));
  const last = (instrument) => told.instruments[instrument].pages.length - 1;
  part("instrument").addEventListener("change", (event) => go(Number(event.target.value), last(Number(event.target.value))));
  part("page").addEventListener("change", (event) => go(state.instrument, Number(event.target.value)));
  part("before").addEventListener("click", () => go(state.instrument, state.page - 1));
  part("after").addEventListener("click", () => go(state.instrument, state.page + 1));
  part("lanes").addEventListener("change", show);
  part("notable").addEventListener("change", (event) => {
    const chosen = told.notable[Number(event.target.value)];
    if (event.target.value === "" || !chosen) return;
    const trades = told.instruments[chosen.instrument].pages[chosen.page].trades;
    go(chosen.instrument, chosen.page, trades.findIndex((trade) => trade.from === chosen.from));
  });
  go(0, last(0));
})();
