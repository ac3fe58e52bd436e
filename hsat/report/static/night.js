/* Starts the page: reads its data, builds the panels, keeps them as wide and as bright as wanted. */
(function (page) {
  "use strict";

  var PRINTED_PX = 690; // the width of a printed sheet, A4 or Letter, between its margins
  var PRINTED_SCALE = 0.7; // of the height of signals: night and charts fit on one sheet
  var host, before_print = null;

  page.isShown = function (event) {
    return event.kind !== "candidate" || document.getElementById("with-refused").checked;
  };

  page.visibleEvents = function () {
    return page.events.filter(function (event) {
      return event.stop_s >= page.view.start_s && event.start_s <= page.view.stop_s && page.isShown(event);
    });
  };

  function isDark() {
    var chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function paint(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    document.getElementById("theme").textContent = isDark() ? "Light" : "Dark";
    page.drawing.repaint();
    page.navigation.drawNight();
  }

  /** On paper the traces are light and as wide as the sheet. */
  function toPaper() {
    if (before_print) return;
    before_print = { theme: document.documentElement.dataset.theme };
    document.documentElement.dataset.theme = "light";
    page.height_scale = PRINTED_SCALE;
    page.drawing.resize(PRINTED_PX);
    page.drawing.repaint();
  }

  function fromPaper() {
    if (!before_print) return;
    if (before_print.theme) document.documentElement.dataset.theme = before_print.theme;
    else delete document.documentElement.dataset.theme;
    before_print = null;
    page.height_scale = 1;
    page.drawing.resize(host.clientWidth);
    page.drawing.repaint();
  }

  function start() {
    page.night = JSON.parse(document.getElementById("night-data").textContent);
    page.events = page.night.events;
    page.events.forEach(function (event, index) { event.index = index; });
    page.view = { start_s: 0, stop_s: page.night.duration_s };
    page.gain = page.height_scale = 1;
    page.selected = page.hovered = -1;
    host = document.getElementById("panels");
    document.documentElement.classList.add("is-live");
    page.drawing.build(host);
    page.table.start();
    page.navigation.start();
    paint();
    document.getElementById("theme").addEventListener("click", function () { paint(isDark() ? "light" : "dark"); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { paint(); });
    var width = host.clientWidth;
    new ResizeObserver(function () {
      if (before_print || host.clientWidth === width) return;
      width = host.clientWidth;
      page.drawing.resize(width);
      page.navigation.drawNight();
    }).observe(host);
    window.addEventListener("beforeprint", toPaper);
    window.addEventListener("afterprint", fromPaper);
    document.documentElement.dataset.ready = "true";
  }

  start();
})((window.hsatPage = window.hsatPage || {}));
