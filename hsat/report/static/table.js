/* The table of events: sorted by any column, filtered by kind and text, each line a way to its trace. */
(function (page) {
  "use strict";

  var byId = function (name) { return document.getElementById(name); };
  var sorted = { column: 1, is_up: true };

  function rows() { return Array.from(document.querySelectorAll("#events tbody tr[data-index]")); }

  function keyOf(row, column) {
    var cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.toLowerCase();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }

  function compare(a, b) {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1; // what has no value comes last
    return (a < b ? -1 : a > b ? 1 : 0) * (sorted.is_up ? 1 : -1);
  }

  function sort(column) {
    sorted.is_up = sorted.column === column ? !sorted.is_up : true;
    sorted.column = column;
    var body = document.querySelector("#events tbody");
    var ordered = rows().map(function (row) { return { row: row, key: keyOf(row, column) }; });
    ordered.sort(function (a, b) { return compare(a.key, b.key) || a.row.dataset.index - b.row.dataset.index; });
    var holder = document.createDocumentFragment();
    ordered.forEach(function (item) { holder.appendChild(item.row); });
    body.appendChild(holder);
    document.querySelectorAll("#events thead th").forEach(function (head, place) {
      head.setAttribute("aria-sort", place === column ? (sorted.is_up ? "ascending" : "descending") : "none");
    });
  }

  /** Hide what the filters leave out, here and in the traces. */
  function filter() {
    var kind = byId("kind").value, text = byId("text").value.trim().toLowerCase();
    var refused = byId("with-refused").checked;
    var n = 0;
    rows().forEach(function (row) {
      var is_candidate = row.dataset.kind === "candidate";
      var is_shown = (kind === "" ? !is_candidate || refused : row.dataset.kind === kind) &&
        (text === "" || row.textContent.toLowerCase().indexOf(text) >= 0);
      row.hidden = !is_shown;
      n += is_shown ? 1 : 0;
    });
    byId("shown").textContent = n + " of " + rows().length + " lines shown";
    byId("none").hidden = n > 0;
  }

  function mark(index) {
    document.querySelectorAll("#events tr[aria-current]").forEach(function (row) { row.removeAttribute("aria-current"); });
    var row = document.querySelector('#events tr[data-index="' + index + '"]');
    if (row) row.setAttribute("aria-current", "true");
  }

  function start() {
    document.querySelectorAll("#events thead th button").forEach(function (button, column) {
      button.addEventListener("click", function () { sort(column); });
    });
    byId("kind").addEventListener("change", filter);
    byId("text").addEventListener("input", filter);
    byId("with-refused").addEventListener("change", function () {
      filter();
      page.drawing.repaint();
    });
    byId("events").addEventListener("click", function (event) {
      var button = event.target.closest("button[data-jump]");
      if (!button) return;
      page.navigation.select(Number(button.dataset.jump), true);
      byId("traces").scrollIntoView({ block: "start" });
      byId("panels").focus({ preventScroll: true });
    });
    byId("events").addEventListener("focusin", function (event) {
      var button = event.target.closest("button[data-jump]");
      if (button && button.matches(":focus-visible")) page.navigation.select(Number(button.dataset.jump), false);
    });
    filter();
  }

  page.table = { start: start, mark: mark };
})((window.hsatPage = window.hsatPage || {}));
