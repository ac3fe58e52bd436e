/* Moving through the night: wheel, drag, keys, buttons, the strip of the whole night, the chosen event. */
(function (page) {
  "use strict";

  var SHORTEST_S = 5;
  var AROUND_EVENT_S = 60; // shown before and after an event that is jumped to
  var STEP = 0.25; // of the window, for a key or button
  var NEAR_PX = 6;

  var byId = function (name) { return document.getElementById(name); };
  var pending = 0;

  function limit(start_s, stop_s) {
    var whole = page.night.duration_s;
    var length = Math.min(whole, Math.max(SHORTEST_S, stop_s - start_s));
    var middle = (start_s + stop_s) / 2;
    var from = Math.max(0, Math.min(whole - length, middle - length / 2));
    return { start_s: from, stop_s: from + length };
  }

  /** Show a window of the night; drawn once a frame however often it is asked for. */
  function show(start_s, stop_s) {
    page.view = limit(start_s, stop_s);
    if (!pending) pending = requestAnimationFrame(drawNow);
  }

  function drawNow() {
    pending = 0;
    page.drawing.draw();
    drawNight();
    tell();
  }

  function showAll() { show(0, page.night.duration_s); }

  function lengthOf() { return page.view.stop_s - page.view.start_s; }

  function zoom(factor, around_s) {
    var at = around_s === undefined ? (page.view.start_s + page.view.stop_s) / 2 : around_s;
    var length = Math.max(SHORTEST_S, lengthOf() * factor);
    var share = (at - page.view.start_s) / lengthOf();
    show(at - share * length, at - share * length + length);
  }

  function move(share) {
    var by = share * lengthOf();
    show(page.view.start_s + by, page.view.stop_s + by);
  }

  function showLength(length_s) {
    var chosen = page.events[page.selected];
    var middle = (page.view.start_s + page.view.stop_s) / 2;
    if (chosen && chosen.stop_s > page.view.start_s && chosen.start_s < page.view.stop_s) {
      middle = (chosen.start_s + chosen.stop_s) / 2;
    }
    show(middle - length_s / 2, middle + length_s / 2);
  }

  /** The window in words, for the line above the traces and for screen readers. */
  function tell() {
    var view = page.view, clock = page.drawing.clock;
    var n = { event: 0, candidate: 0 };
    page.events.forEach(function (event) {
      if (event.stop_s > view.start_s && event.start_s < view.stop_s) {
        n[event.kind === "candidate" ? "candidate" : "event"] += 1;
      }
    });
    var length = lengthOf();
    var long = length >= 5400 ? (length / 3600).toFixed(1) + " h" : length >= 90 ? (length / 60).toFixed(1) + " min" : length.toFixed(0) + " s";
    var what = (page.night.flow_sensor === null ? " desaturation" : " event") + (n.event === 1 ? "" : "s");
    if (page.night.flow_sensor !== null) what += ", " + n.candidate + " refused";
    byId("window").textContent = clock(view.start_s, true) + " to " + clock(view.stop_s, true) + " (" + long + "): " + n.event + what;
  }

  /* ------------------------------------------------------------------------------- wheel and mouse */

  function listen(plot) {
    var over = plot.over;
    over.addEventListener("wheel", function (event) {
      var is_whole = lengthOf() >= page.night.duration_s - 1e-6;
      var is_sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (is_whole && (event.deltaY > 0 || is_sideways)) return; // nothing to do: let the page scroll
      event.preventDefault();
      if (is_sideways) return move(0.1 * Math.sign(event.deltaX || event.deltaY));
      var at = plot.posToVal(event.clientX - over.getBoundingClientRect().left, "x");
      zoom(event.deltaY < 0 ? 0.75 : 1 / 0.75, at);
    }, { passive: false });
    over.addEventListener("mousedown", function (event) {
      if (event.shiftKey && event.button === 0) startPan(event, plot);
    }, true);
    over.addEventListener("click", function () {
      if (page.hovered >= 0 && page.hovered !== page.selected) select(page.hovered, false);
    });
    over.addEventListener("mouseleave", hideTip);
  }

  function startPan(event, plot) {
    event.stopImmediatePropagation();
    event.preventDefault();
    var from = event.clientX, view = page.view, width = plot.over.clientWidth;
    function drag(moved) {
      var by = (from - moved.clientX) / width * (view.stop_s - view.start_s);
      show(view.start_s + by, view.stop_s + by);
    }
    function stop() {
      document.removeEventListener("mousemove", drag);
      document.removeEventListener("mouseup", stop);
    }
    document.addEventListener("mousemove", drag);
    document.addEventListener("mouseup", stop);
  }

  /** Values under the pointer, and the event there. */
  function follow(u) {
    var left = u.cursor.left;
    if (left === undefined || left < 0) return;
    var at = u.posToVal(left, "x");
    page.panels.forEach(function (panel) {
      if (panel.plot !== u) return;
      page.panels.forEach(readOut.bind(null, at));
    });
    if (u.cursor.event && u.cursor.event.type !== "mouseleave") showTip(at, u);
  }

  function readOut(at, panel, number) {
    var words = "";
    if (panel.trace) {
      var value = page.samples.valueAt(panel.trace, at);
      words = value === null ? "no value" : String(+value.toPrecision(4));
    } else if (number === 0) words = page.drawing.clock(at, true);
    panel.readout.textContent = words;
  }

  function eventAt(at, u) {
    var slack = NEAR_PX * lengthOf() / u.over.clientWidth;
    var best = -1, least = Infinity;
    page.visibleEvents().forEach(function (event) {
      var far = Math.max(event.start_s - at, at - event.stop_s, 0);
      var length = event.stop_s - event.start_s;
      var cost = far * 10 + length * 0.01 + (event.kind === "candidate" ? 0.5 * slack : 0);
      if (far <= slack && cost < least) { least = cost; best = event.index; }
    });
    return best;
  }

  function showTip(at, u) {
    page.hovered = eventAt(at, u);
    var tip = byId("tip"), event = page.events[page.hovered];
    if (event) {
      tip.replaceChildren(page.drawing.element("strong", "", event.words));
      tip.appendChild(evidenceList(event));
    } else {
      var cause = causeAt(at);
      if (!cause) return hideTip();
      tip.replaceChildren(page.drawing.element("strong", "", "not monitored"), page.drawing.element("p", "", cause));
    }
    tip.hidden = false;
    var box = u.over.getBoundingClientRect();
    var left = box.left + u.valToPos(at, "x") + 14;
    if (left + tip.offsetWidth > document.documentElement.clientWidth - 8) left -= tip.offsetWidth + 28;
    var top = box.top + box.height + 6;
    if (top + tip.offsetHeight > window.innerHeight) top = Math.max(4, box.top - tip.offsetHeight - 6);
    tip.style.left = Math.max(4, left) + window.scrollX + "px";
    tip.style.top = top + window.scrollY + "px";
  }

  /** Why a time is not monitored, or an empty text where it is. */
  function causeAt(at) {
    var found = page.night.excluded.filter(function (item) {
      return item.spans_s.some(function (span) { return span[0] <= at && at < span[1]; });
    });
    return found.map(function (item) { return item.words; }).join(" ");
  }

  function hideTip() {
    byId("tip").hidden = true;
    page.hovered = -1;
  }

  function evidenceList(event) {
    var list = page.drawing.element("dl", "evidence");
    event.evidence.forEach(function (row) {
      list.appendChild(page.drawing.element("dt", "", row[0]));
      list.appendChild(page.drawing.element("dd", "", row[1]));
    });
    return list;
  }

  /* --------------------------------------------------------------------------- the chosen event */

  /** Choose an event: its evidence is shown, and its trace where `is_jump`. */
  function select(index, is_jump) {
    page.selected = index;
    var event = page.events[index];
    var host = byId("chosen");
    host.replaceChildren();
    if (!event) {
      host.appendChild(page.drawing.element("p", "hint", "No event chosen. Click one in the traces, or go on with the keys N and P."));
      page.drawing.repaint();
      return;
    }
    var head = page.drawing.element("h3", "", event.words + " at " + page.drawing.clock(event.start_s, true));
    head.style.borderColor = page.drawing.color(page.drawing.kinds[event.kind].color);
    host.appendChild(head);
    host.appendChild(evidenceList(event));
    page.table.mark(index);
    if (!is_jump) return page.drawing.repaint();
    var around = Math.max(AROUND_EVENT_S, event.stop_s - event.start_s);
    show(event.start_s - around, event.stop_s + around);
  }

  function isStop(event) { return page.isShown(event) && (event.kind !== "candidate" || byId("with-refused").checked); }

  function step(direction) {
    var from = page.selected >= 0 ? page.selected : direction > 0 ? firstInView() - 1 : firstInView();
    for (var i = from + direction; i >= 0 && i < page.events.length; i += direction) {
      if (isStop(page.events[i])) return select(i, true);
    }
    byId("window").textContent = direction > 0 ? "No later event." : "No earlier event.";
  }

  function firstInView() {
    var place = page.events.findIndex(function (event) { return event.stop_s > page.view.start_s; });
    return place < 0 ? page.events.length : place;
  }

  /* ------------------------------------------------------------------- the strip of the whole night */

  function drawNight() {
    var canvas = byId("whole"), ratio = devicePixelRatio;
    var width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    var ctx = canvas.getContext("2d"), color = page.drawing.color;
    var scale = canvas.width / page.night.duration_s;
    ctx.fillStyle = color("--panel");
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = color("--excluded");
    page.night.excluded.forEach(function (item) {
      item.spans_s.forEach(function (s) { ctx.fillRect(s[0] * scale, 0, Math.max(1, (s[1] - s[0]) * scale), canvas.height); });
    });
    page.events.forEach(function (event) {
      if (!page.isShown(event) || event.kind === "candidate") return;
      var is_apnea = event.kind.indexOf("_apnea") > 0;
      ctx.fillStyle = color(page.drawing.kinds[event.kind].color);
      var top = is_apnea ? 0.1 : 0.45;
      ctx.fillRect(event.start_s * scale, canvas.height * top, Math.max(ratio, (event.stop_s - event.start_s) * scale), canvas.height * (0.9 - top));
    });
    ctx.strokeStyle = color("--focus");
    ctx.lineWidth = 2 * ratio;
    ctx.strokeRect(page.view.start_s * scale + 1, 1, Math.max(3 * ratio, lengthOf() * scale - 2), canvas.height - 2);
    canvas.setAttribute("aria-valuenow", String(Math.round(page.view.start_s)));
    canvas.setAttribute("aria-valuetext", page.drawing.clock(page.view.start_s, true) + " to " + page.drawing.clock(page.view.stop_s, true));
  }

  function listenToNight() {
    var canvas = byId("whole");
    function go(event) {
      var box = canvas.getBoundingClientRect();
      var at = (event.clientX - box.left) / box.width * page.night.duration_s;
      var length = lengthOf() >= page.night.duration_s - 1e-6 ? 3600 : lengthOf();
      show(at - length / 2, at + length / 2);
    }
    canvas.addEventListener("pointerdown", function (event) {
      canvas.setPointerCapture(event.pointerId);
      go(event);
    });
    canvas.addEventListener("pointermove", function (event) { if (event.buttons) go(event); });
    canvas.setAttribute("aria-valuemax", String(Math.round(page.night.duration_s)));
  }

  /* ---------------------------------------------------------------------------- buttons and keys */

  function gain(factor) {
    page.gain = Math.min(64, Math.max(1 / 64, page.gain * factor));
    page.drawing.draw();
  }

  var ACTIONS = {
    all: showAll,
    hour: function () { showLength(3600); },
    ten: function () { showLength(600); },
    two: function () { showLength(120); },
    half: function () { showLength(30); },
    earlier: function () { move(-STEP); },
    later: function () { move(STEP); },
    in: function () { zoom(0.5); },
    out: function () { zoom(2); },
    previous: function () { step(-1); },
    next: function () { step(1); },
    larger: function () { gain(1.5); },
    smaller: function () { gain(1 / 1.5); }
  };
  var KEYS = {
    "+": "in", "=": "in", "-": "out", ArrowLeft: "earlier", ArrowRight: "later", Home: "all", "0": "all",
    n: "next", p: "previous", ArrowUp: "larger", ArrowDown: "smaller", "1": "hour", "2": "ten", "3": "two", "4": "half"
  };

  function start() {
    document.querySelectorAll("[data-do]").forEach(function (button) {
      button.addEventListener("click", function () { ACTIONS[button.dataset.do](); });
    });
    byId("traces").addEventListener("keydown", function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      var action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      ACTIONS[action]();
    });
    document.addEventListener("keydown", function (event) { if (event.key === "Escape") hideTip(); });
    listenToNight();
    drawNight();
    tell();
    select(-1, false);
  }

  page.navigation = {
    show: show, showAll: showAll, listen: listen, follow: follow, select: select, start: start, drawNight: drawNight, tell: tell
  };
})((window.hsatPage = window.hsatPage || {}));
