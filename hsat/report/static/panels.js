/* Panels of the night on one axis of time: signals, and strips of spans. Marks of events on all. */
(function (page) {
  "use strict";

  var MARKS_WITHIN_S = 3900; // spans of events are drawn over signals in windows of up to some 65 min
  var LABELS_WITHIN_S = 900;
  var SCALED_TO_S = 1800; // shorter windows are scaled to the breathing of this time around them
  var AXIS_PX = 112, NARROW_AXIS_PX = 44, CLOCK_PX = 26;
  var TICK_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400];
  var TICK_PX = 74;

  var KINDS = {
    obstructive_apnea: { row: "obstructive apnea", brief: "OA", color: "--vermilion" },
    central_apnea: { row: "central apnea", brief: "CA", color: "--orange" },
    mixed_apnea: { row: "mixed apnea", brief: "MA", color: "--purple" },
    unclassified_apnea: { row: "apnea, unclassified", brief: "UA", color: "--ink" },
    hypopnea: { row: "hypopnea", brief: "H", color: "--blue" },
    obstructive_hypopnea: { row: "hypopnea", brief: "H", color: "--blue" },
    central_hypopnea: { row: "hypopnea", brief: "H", color: "--blue" },
    desaturation: { row: "desaturation", brief: "desat.", color: "--green" },
    candidate: { row: "refused", brief: "ref.", color: "--muted" }
  };
  var EVENT_ROWS = [
    ["obstructive apnea", "OA"], ["central apnea", "CA"], ["mixed apnea", "MA"], ["apnea, unclassified", "UA"],
    ["hypopnea", "H"], ["desaturation", "des."], ["refused", "ref."]
  ];
  var OXIMETRY_ROWS = [["desaturation", "des."]];
  var STAGE_ROWS = [["wake", "W"], ["REM", "R"], ["N1", "N1"], ["N2", "N2"], ["N3", "N3"], ["sleep", "S"]];
  var POSITION_ROWS = [["supine", "sup."], ["left", "left"], ["right", "right"], ["prone", "pro."], ["upright", "up"]];
  var COLORS = {
    flow: "--blue", nasal_pressure: "--blue", thermistor: "--blue", excursion: "--blue", rip_sum: "--blue",
    rip_flow: "--blue", thorax: "--ink", abdomen: "--ink", spo2: "--green", pulse: "--vermilion", snore: "--purple"
  };
  var LEVELS = { spo2: true, pulse: true };

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#000";
  }

  function withAlpha(name, alpha) {
    var hex = color(name);
    var n = parseInt(hex.slice(1), 16);
    return "rgba(" + (n >> 16) + "," + ((n >> 8) & 255) + "," + (n & 255) + "," + alpha + ")";
  }

  /** A time as the clock shows it, or from the start where the clock is unknown. */
  function clock(second, with_seconds) {
    var origin = page.night.into_day_s;
    var whole = Math.floor(second + (origin || 0) + 1e-6);
    var hours = Math.floor(whole / 3600);
    var text = two(Math.floor(whole / 60) % 60) + (with_seconds ? ":" + two(whole % 60) : "");
    return origin === null ? "+" + hours + ":" + text : two(hours % 24) + ":" + text;
  }

  function two(number) { return number < 10 ? "0" + number : String(number); }

  function timeTicks(u, axis, min, max) {
    var room = Math.max(2, Math.floor(u.bbox.width / devicePixelRatio / TICK_PX));
    var step = TICK_STEPS_S.find(function (s) { return (max - min) / s <= room; }) || 86400;
    var origin = page.night.into_day_s || 0;
    var ticks = [];
    for (var t = Math.ceil((min + origin) / step) * step - origin; t <= max + 1e-6; t += step) ticks.push(t);
    axis.step_s = step;
    return ticks;
  }

  function timeAxis(is_shown) {
    var axis = {
      scale: "x", show: true, size: is_shown ? CLOCK_PX : 0, gap: 2, font: "11px system-ui, sans-serif",
      stroke: function () { return color("--ink"); },
      grid: { stroke: function () { return color("--grid"); }, width: 1 },
      ticks: { show: is_shown, size: 4, stroke: function () { return color("--grid"); } },
      splits: function (u, i, min, max) { return timeTicks(u, axis, min, max); },
      values: function (u, splits) {
        return splits.map(function (s) { return is_shown ? clock(s, axis.step_s < 60) : null; });
      }
    };
    return axis;
  }

  function axisPx() { return window.innerWidth < 640 ? NARROW_AXIS_PX : AXIS_PX; }

  function heightOf(panel) {
    return Math.round(panel.height * (panel.rows ? 1 : page.height_scale)) + (panel.has_clock ? CLOCK_PX : 0);
  }

  function optionsOf(panel, width) {
    return {
      width: width, height: heightOf(panel), legend: { show: false },
      padding: [panel.rows ? 2 : 4, 20, panel.has_clock ? 0 : 3, 0],
      cursor: {
        y: false, sync: { key: "night", scales: ["x", null] }, points: { show: false },
        drag: { x: true, y: false, setScale: false }, bind: { dblclick: function () { return function () { page.navigation.showAll(); }; } }
      },
      scales: {
        x: { time: false, auto: false, range: function () { return [page.view.start_s, page.view.stop_s]; } },
        y: { auto: false, range: function () { return panel.range(); } }
      },
      axes: [timeAxis(panel.has_clock), yAxis(panel)],
      series: [{}, seriesOf(panel)],
      hooks: {
        drawClear: [function (u) { drawBehind(u, panel); }],
        draw: [function (u) { drawBefore(u, panel); }],
        setSelect: [function (u) { selectByDrag(u); }],
        setCursor: [function (u) { if (page.navigation) page.navigation.follow(u); }]
      }
    };
  }

  function yAxis(panel) {
    var axis = {
      scale: "y", size: axisPx, gap: 4, font: "11px system-ui, sans-serif",
      stroke: function () { return color("--ink"); },
      grid: { show: !panel.rows, stroke: function () { return color("--grid"); }, width: 1 },
      ticks: { show: false }, space: 26
    };
    if (panel.rows) {
      axis.splits = function () { return panel.rows.map(function (row, i) { return panel.rows.length - 1 - i; }); };
      axis.values = function () {
        return panel.rows.map(function (row) { return axisPx() === AXIS_PX ? row[0] : row[1]; });
      };
      axis.space = 1;
    } else {
      axis.values = function (u, splits) {
        return splits.map(function (v) { return Math.abs(v) >= 1e5 ? v.toExponential(0) : String(+v.toPrecision(4)); });
      };
    }
    return axis;
  }

  function seriesOf(panel) {
    if (panel.rows) return { show: false, scale: "y" };
    var stepped = uPlot.paths.stepped({ align: 1 }), linear = uPlot.paths.linear();
    return {
      scale: "y", width: 1, points: { show: false }, spanGaps: false,
      stroke: function () { return color(COLORS[panel.trace.name] || "--ink"); },
      paths: function (u, i, from, to) {
        return (panel.trace.is_level && panel.is_whole ? stepped : linear)(u, i, from, to);
      }
    };
  }

  function selectByDrag(u) {
    if (u.select.width < 4) return;
    var start_s = u.posToVal(u.select.left, "x");
    var stop_s = u.posToVal(u.select.left + u.select.width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    page.navigation.show(start_s, stop_s);
  }

  /* ------------------------------------------------------------------ what is drawn on the canvas */

  function box(u, start_s, stop_s, least_px) {
    var left = u.valToPos(start_s, "x", true), right = u.valToPos(stop_s, "x", true);
    var from = Math.max(left, u.bbox.left), to = Math.min(right, u.bbox.left + u.bbox.width);
    if (to < u.bbox.left || from > u.bbox.left + u.bbox.width) return null;
    return { left: from, width: Math.max(to - from, least_px || 0) };
  }

  function fillSpan(u, start_s, stop_s, style, least_px) {
    var at = box(u, start_s, stop_s, least_px);
    if (!at) return;
    u.ctx.fillStyle = style;
    u.ctx.fillRect(at.left, u.bbox.top, at.width, u.bbox.height);
  }

  function windowLength() { return page.view.stop_s - page.view.start_s; }

  function drawBehind(u, panel) {
    var ctx = u.ctx;
    ctx.save();
    ctx.fillStyle = color("--panel");
    ctx.fillRect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    page.night.excluded.forEach(function (item) {
      item.spans_s.forEach(function (span) { hatch(u, span); });
    });
    if (!panel.rows && windowLength() <= MARKS_WITHIN_S) {
      page.visibleEvents().forEach(function (event) { markSpan(u, panel, event); });
    }
    ctx.restore();
  }

  function hatch(u, span) {
    var at = box(u, span[0], span[1], 1);
    if (!at) return;
    var ctx = u.ctx, step = 7 * devicePixelRatio;
    ctx.save();
    ctx.fillStyle = color("--excluded");
    ctx.fillRect(at.left, u.bbox.top, at.width, u.bbox.height);
    ctx.beginPath();
    ctx.rect(at.left, u.bbox.top, at.width, u.bbox.height);
    ctx.clip();
    ctx.strokeStyle = color("--hatch");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    var first = Math.floor((at.left - u.bbox.height) / step) * step;
    for (var x = first; x < at.left + at.width; x += step) {
      ctx.moveTo(x, u.bbox.top + u.bbox.height);
      ctx.lineTo(x + u.bbox.height, u.bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }

  function markSpan(u, panel, event) {
    var kind = KINDS[event.kind];
    var is_selected = event.index === page.selected;
    if (panel.trace && panel.trace.name === "spo2") {
      if (event.fall) fillSpan(u, event.fall[0], event.fall[2], withAlpha(kind.color, is_selected ? 0.26 : 0.12));
      return;
    }
    var is_event = event.kind !== "candidate";
    fillSpan(u, event.start_s, event.stop_s, withAlpha(kind.color, is_selected ? 0.3 : is_event ? 0.16 : 0.07), 1);
    var at = box(u, event.start_s, event.stop_s, 1);
    if (!at) return;
    u.ctx.strokeStyle = color(kind.color);
    u.ctx.lineWidth = (is_selected ? 2 : 1) * devicePixelRatio;
    u.ctx.setLineDash(is_event && event.is_counted ? [] : [4 * devicePixelRatio, 3 * devicePixelRatio]);
    u.ctx.strokeRect(at.left, u.bbox.top + 1, at.width, u.bbox.height - 2);
    u.ctx.setLineDash([]);
  }

  function drawBefore(u, panel) {
    var ctx = u.ctx;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    if (panel.rows) panel.drawRows(u);
    else if (panel.trace.name === "spo2") drawFall(u);
    else {
      if (panel.is_airflow && windowLength() <= LABELS_WITHIN_S) drawNames(u);
      if (panel.is_airflow) drawLimits(u, panel);
    }
    ctx.restore();
  }

  function drawNames(u) {
    u.ctx.font = 10 * devicePixelRatio + "px system-ui, sans-serif";
    u.ctx.textBaseline = "top";
    u.ctx.textAlign = "left";
    page.visibleEvents().forEach(function (event) {
      var at = box(u, event.start_s, event.stop_s, 0);
      if (!at) return;
      var words = at.width > 110 * devicePixelRatio ? event.words : KINDS[event.kind].brief;
      if (u.ctx.measureText(words).width > at.width + 2) return;
      u.ctx.fillStyle = color(KINDS[event.kind].color);
      u.ctx.fillText(words, at.left + 3 * devicePixelRatio, u.bbox.top + 3 * devicePixelRatio);
    });
  }

  /** Baseline and limits of the selected event around the middle of its airflow. */
  function drawLimits(u, panel) {
    var event = page.events[page.selected];
    if (!event || event.baseline === null || windowLength() > LABELS_WITHIN_S) return;
    if ((event.sensor || page.night.flow_sensor) !== panel.trace.name) return;
    var middle = page.samples.medianOf(panel.trace, event.start_s - 60, event.stop_s);
    if (middle === null) return;
    bracket(u, event, middle, event.baseline, "--ink", "baseline", []);
    var limits = page.night.limits;
    if (!limits) return;
    var apnea = panel.trace.name === "nasal_pressure" ? limits.pressure_apnea_min_reduction_fraction : limits.apnea_min_reduction_fraction;
    var is_apnea = event.kind.indexOf("_apnea") > 0;
    if (!is_apnea) {
      var least = limits.hypopnea_min_reduction_fraction;
      bracket(u, event, middle, event.baseline * (1 - least), "--blue", "hypopnea limit", [6, 4], true);
    }
    if (is_apnea || event.kind === "candidate") {
      bracket(u, event, middle, event.baseline * (1 - apnea), "--vermilion", "apnea limit", [2, 3]);
    }
  }

  function bracket(u, event, middle, excursion, hue, words, dash, is_below) {
    var ratio = devicePixelRatio, ctx = u.ctx;
    var left = u.valToPos(event.start_s - 45, "x", true), right = u.valToPos(event.stop_s, "x", true);
    ctx.strokeStyle = color(hue);
    ctx.lineWidth = 1.4 * ratio;
    ctx.setLineDash(dash.map(function (d) { return d * ratio; }));
    [0.5, -0.5].forEach(function (side) {
      var y = u.valToPos(middle + side * excursion, "y", true);
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(right, y);
      ctx.stroke();
    });
    ctx.setLineDash([]);
    var y = u.valToPos(middle + (is_below ? -0.5 : 0.5) * excursion, "y", true);
    nameLine(u, words, Math.max(left, u.bbox.left), y, hue, is_below);
  }

  /** Words at the left end of a line, above or below it, on a halo of paper. */
  function nameLine(u, words, x, y, hue, is_below) {
    var ctx = u.ctx, ratio = devicePixelRatio;
    ctx.font = 10 * ratio + "px system-ui, sans-serif";
    ctx.textBaseline = is_below ? "top" : "bottom";
    ctx.textAlign = "left";
    ctx.lineWidth = 3 * ratio;
    ctx.strokeStyle = color("--panel");
    ctx.strokeText(words, x + 2 * ratio, y + (is_below ? ratio : -ratio));
    ctx.fillStyle = color(hue);
    ctx.fillText(words, x + 2 * ratio, y + (is_below ? ratio : -ratio));
  }

  /** The fall of SpO2 of the selected event: its baseline, its lowest point, the limit between them. */
  function drawFall(u) {
    var event = page.events[page.selected];
    if (!event || !event.fall || windowLength() > 2 * LABELS_WITHIN_S) return;
    var ctx = u.ctx, ratio = devicePixelRatio, fall = event.fall;
    var x0 = u.valToPos(fall[0], "x", true), x1 = u.valToPos(fall[1], "x", true);
    var high = u.valToPos(fall[3], "y", true), low = u.valToPos(fall[4], "y", true);
    ctx.strokeStyle = color("--ink");
    ctx.lineWidth = 1.4 * ratio;
    ctx.beginPath();
    ctx.moveTo(x0, high);
    ctx.lineTo(x1, high);
    ctx.lineTo(x1, low);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x1, low, 3 * ratio, 0, 2 * Math.PI);
    ctx.fillStyle = color("--ink");
    ctx.fill();
    if (!page.night.limits || event.kind === "desaturation" || event.kind.indexOf("_apnea") > 0) return; // an apnea needs no fall
    var y = u.valToPos(fall[3] - page.night.limits.min_desaturation_points, "y", true);
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x0, y);
    ctx.lineTo(u.valToPos(fall[2], "x", true), y);
    ctx.stroke();
    ctx.setLineDash([]);
    nameLine(u, "limit: " + page.night.limits.min_desaturation_points + " points", Math.max(x0, u.bbox.left), y, "--ink", true);
  }

  /* ------------------------------------------------------------------------------------- the panels */

  function strip(title, rows, height, drawRows, words) {
    return {
      title: title, rows: rows, height: height, words: words,
      range: function () { return [-0.5, rows.length - 0.5]; },
      drawRows: drawRows
    };
  }

  function bar(u, n_rows, row, start_s, stop_s, style, is_outline) {
    var at = box(u, start_s, stop_s, 1.5 * devicePixelRatio);
    if (!at) return;
    var top = u.valToPos(n_rows - 1 - row + 0.38, "y", true);
    var bottom = u.valToPos(n_rows - 1 - row - 0.38, "y", true);
    if (is_outline) {
      u.ctx.strokeStyle = style;
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.strokeRect(at.left, top, at.width, bottom - top);
    } else {
      u.ctx.fillStyle = style;
      u.ctx.fillRect(at.left, top, at.width, bottom - top);
    }
  }

  /** A frame around the chosen event in its row. */
  function frame(u, n_rows, row, event) {
    var at = box(u, event.start_s, event.stop_s, 2 * devicePixelRatio), by = 2 * devicePixelRatio;
    if (!at) return;
    var top = u.valToPos(n_rows - 1 - row + 0.38, "y", true), bottom = u.valToPos(n_rows - 1 - row - 0.38, "y", true);
    u.ctx.strokeStyle = color("--focus");
    u.ctx.lineWidth = 2 * devicePixelRatio;
    u.ctx.strokeRect(at.left - by, top - by / 2, at.width + 2 * by, bottom - top + by);
  }

  function rowOf(rows, word) {
    return rows.findIndex(function (row) { return row[0] === word; });
  }

  function eventStrip() {
    var rows = page.night.flow_sensor === null ? OXIMETRY_ROWS : EVENT_ROWS;
    return strip("Events", rows, 14 * rows.length + 8, function (u) {
      page.night.desaturations.forEach(function (fall) {
        bar(u, rows.length, rowOf(rows, "desaturation"), fall[0], fall[2], color("--green"), false);
      });
      page.visibleEvents().forEach(function (event) {
        var kind = KINDS[event.kind], row = rowOf(rows, kind.row);
        if (row < 0) return;
        var is_full = event.is_counted && event.kind !== "candidate";
        bar(u, rows.length, row, event.start_s, event.stop_s, is_full ? color(kind.color) : withAlpha(kind.color, 0.55), !event.is_counted && event.kind !== "candidate");
        if (event.index === page.selected) {
          frame(u, rows.length, row, event);
        }
      });
    }, "events by kind");
  }

  function spanStrip(title, rows, spans, hue) {
    var used = rows.filter(function (row) { return spans.some(function (s) { return s[2] === row[0]; }); });
    return strip(title, used, 14 * used.length + 8, function (u) {
      spans.forEach(function (span) {
        var row = rowOf(used, span[2]);
        if (row >= 0) bar(u, used.length, row, span[0], span[1], color(hue), false);
      });
    }, title.toLowerCase());
  }

  function signalPanel(trace) {
    var heights = { spo2: 96, pulse: 66, snore: 46, thorax: 62, abdomen: 62 };
    trace.is_level = LEVELS[trace.name] === true;
    var panel = {
      title: trace.title, unit: trace.unit, trace: trace, height: heights[trace.name] || 112, is_whole: true,
      is_airflow: ["flow", "nasal_pressure", "thermistor", "rip_sum", "rip_flow"].indexOf(trace.name) >= 0,
      words: trace.title
    };
    var usual = trace.range;
    var edges = page.samples.edgesOf(trace);
    var top = usual[1] > 0 ? usual[1] : edges[1]; // of what is almost always 0, all of it
    panel.range = function () {
      if (trace.name === "spo2") return [Math.max(40, Math.min(88, edges[0] - 2)), 101];
      if (trace.name === "pulse") return [usual[0] - 8, usual[1] + 8];
      if (trace.name === "snore" || trace.name === "excursion") return [0, Math.max(top, 1e-12) * 1.3 / page.gain];
      var near = windowLength() < SCALED_TO_S ? nearRange(trace) : usual;
      var middle = (near[0] + near[1]) / 2, half = Math.max((near[1] - near[0]) / 2, 1e-12);
      return [middle - 1.35 * half / page.gain, middle + 1.35 * half / page.gain];
    };
    return panel;
  }

  /**
   * Usual range of the half hour around the window: an apnea that fills the window stays small beside
   * the breathing around it, and a belt that was pulled tight later does not flatten it.
   */
  function nearRange(trace) {
    var step_s = SCALED_TO_S / 6, middle = (page.view.start_s + page.view.stop_s) / 2;
    var place = Math.round(middle / step_s);
    if (trace.near && trace.near.place === place) return trace.near.range;
    var range = page.samples.rangeOf(trace, place * step_s - SCALED_TO_S / 2, place * step_s + SCALED_TO_S / 2) || trace.range;
    trace.near = { place: place, range: range };
    return range;
  }

  /** The panels; a trace without a single valid value takes none and is named below them. */
  function describe() {
    page.silent = [];
    var night = page.night, order = [eventStrip()];
    if (night.stages.length) order.push(spanStrip("Sleep stages", STAGE_ROWS, stageWords(night.stages), "--blue"));
    night.traces.forEach(function (trace) {
      page.samples.decode(trace);
      if (page.samples.edgesOf(trace)) order.push(signalPanel(trace));
      else page.silent.push(trace.title + (trace.source_label ? " (" + trace.source_label + ")" : ""));
    });
    if (night.position.length) order.push(spanStrip("Position", POSITION_ROWS, night.position, "--orange"));
    var snore = order.findIndex(function (p) { return p.trace && p.trace.name === "snore"; });
    if (snore >= 0) order.push(order.splice(snore, 1)[0]);
    order[0].has_clock = true;
    order[order.length - 1].has_clock = true;
    return order;
  }

  function stageWords(stages) {
    return stages.map(function (s) {
      return [s[0], s[1], s[2] === "wake" || s[2] === "sleep" ? s[2] : s[2].toUpperCase()];
    });
  }

  function element(tag, name, text) {
    var made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  }

  /** Build every panel into the host. */
  function build(host) {
    page.panels = describe();
    page.panels.forEach(function (panel) {
      var frame = element("div", "panel");
      var head = element("div", "panel-head");
      head.appendChild(element("span", "panel-title", panel.title + (panel.unit ? " (" + panel.unit + ")" : "")));
      if (panel.trace && panel.trace.source_label) {
        var source = element("span", "panel-source");
        source.append(element("bdi", "", panel.trace.source_label), ", " + +panel.trace.recorded_rate_hz.toPrecision(4) + " Hz");
        head.appendChild(source);
      }
      panel.readout = element("span", "panel-value");
      head.appendChild(panel.readout);
      frame.appendChild(head);
      frame.setAttribute("role", "img");
      frame.setAttribute("aria-label", panel.title + (panel.unit ? " in " + panel.unit : "") + " over the night; the table of events tells the same in words");
      host.appendChild(frame);
      panel.plot = new uPlot(optionsOf(panel, host.clientWidth), dataOf(panel, host.clientWidth), frame);
      page.navigation.listen(panel.plot);
    });
    if (page.silent.length) host.appendChild(element("p", "empty", "Recorded without a valid value: " + page.silent.join(", ") + "."));
  }

  function dataOf(panel, width) {
    if (panel.rows) return [[page.view.start_s, page.view.stop_s], [null, null]];
    // Some columns a pixel: uPlot then joins those of each pixel itself, exactly on the grid of pixels.
    var n_columns = Math.max(120, Math.round(3 * devicePixelRatio * (width - axisPx())));
    var shown = page.samples.windowOf(panel.trace, page.view.start_s, page.view.stop_s, n_columns);
    panel.is_whole = shown.is_whole;
    return [shown.xs, shown.ys];
  }

  /** Draw the window of `page.view` in every panel. */
  function draw() {
    page.panels.forEach(function (panel) {
      panel.plot.batch(function () {
        panel.plot.setData(dataOf(panel, panel.plot.width), false);
        panel.plot.setScale("x", { min: page.view.start_s, max: page.view.stop_s });
        panel.plot.setScale("y", { min: panel.range()[0], max: panel.range()[1] });
      });
    });
  }

  function resize(width) {
    page.panels.forEach(function (panel) {
      panel.plot.setSize({ width: width, height: heightOf(panel) });
    });
    draw();
  }

  function repaint() {
    page.panels.forEach(function (panel) { panel.plot.redraw(true, true); });
  }

  page.drawing = {
    build: build, draw: draw, resize: resize, repaint: repaint, clock: clock, color: color, kinds: KINDS,
    axisPx: axisPx, element: element
  };
})((window.hsatPage = window.hsatPage || {}));
