/* Stored samples, and what of them a window of the night shows. */
(function (page) {
  "use strict";

  var MISSING = -32768;

  /** Samples of a trace as 16-bit integers, from base64. */
  function decode(trace) {
    var text = atob(trace.data);
    var bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    trace.data = "";
    trace.stored = new Int16Array(trace.n);
    var view = new DataView(bytes.buffer);
    for (var k = 0; k < trace.n; k += 1) trace.stored[k] = view.getInt16(2 * k, true);
    return trace;
  }

  /** Value of a trace at a time, or null. */
  function valueAt(trace, second) {
    var place = Math.floor(second * trace.rate_hz);
    if (place < 0 || place >= trace.n) return null;
    var stored = trace.stored[place];
    return stored === MISSING ? null : trace.offset + trace.step * stored;
  }

  /**
   * What a window shows: every sample where there is room for it, else the lowest and the highest of
   * each column of pixels, so that no breath and no fall is lost by thinning out.
   */
  function windowOf(trace, start_s, stop_s, n_columns) {
    var rate = trace.rate_hz;
    var first = Math.max(0, Math.floor(start_s * rate) - 1);
    var stop = Math.min(trace.n, Math.ceil(stop_s * rate) + 2);
    if (stop - first <= 3 * n_columns) return everySample(trace, first, stop);
    return columnsOf(trace, first, stop, n_columns);
  }

  function everySample(trace, first, stop) {
    var xs = [], ys = [];
    var shift = trace.is_level ? 0 : 0.5;
    for (var i = first; i < stop; i += 1) {
      var stored = trace.stored[i];
      xs.push((i + shift) / trace.rate_hz);
      ys.push(stored === MISSING ? null : trace.offset + trace.step * stored);
    }
    if (trace.is_level && xs.length) {
      xs.push(stop / trace.rate_hz);
      ys.push(ys[ys.length - 1]);
    }
    return { xs: xs, ys: ys, is_whole: true };
  }

  function columnsOf(trace, first, stop, n_columns) {
    var xs = [], ys = [];
    var width = (stop - first) / n_columns;
    for (var column = 0; column < n_columns; column += 1) {
      var from = first + Math.floor(column * width);
      var to = first + Math.floor((column + 1) * width);
      var low = 32767, high = -32767, has = false;
      for (var i = from; i < to; i += 1) {
        var stored = trace.stored[i];
        if (stored === MISSING) continue;
        has = true;
        if (stored < low) low = stored;
        if (stored > high) high = stored;
      }
      xs.push((from + 0.25 * width) / trace.rate_hz, (from + 0.75 * width) / trace.rate_hz);
      if (!has) ys.push(null, null);
      else if (column % 2) ys.push(trace.offset + trace.step * low, trace.offset + trace.step * high);
      else ys.push(trace.offset + trace.step * high, trace.offset + trace.step * low);
    }
    return { xs: xs, ys: ys, is_whole: false };
  }

  /** Lowest and highest value of a trace, or null where it has none. */
  function edgesOf(trace) {
    var low = 32767, high = -32767, has = false;
    for (var i = 0; i < trace.n; i += 1) {
      var stored = trace.stored[i];
      if (stored === MISSING) continue;
      has = true;
      if (stored < low) low = stored;
      if (stored > high) high = stored;
    }
    return has ? [trace.offset + trace.step * low, trace.offset + trace.step * high] : null;
  }

  /** Between which values all but a few samples of a window lie, or null. */
  function rangeOf(trace, start_s, stop_s) {
    var values = sortedOf(trace, start_s, stop_s, 4000);
    if (values.length < 20) return null;
    var at = function (share) { return trace.offset + trace.step * values[Math.floor(share * (values.length - 1))]; };
    return [at(0.01), at(0.99)];
  }

  function sortedOf(trace, start_s, stop_s, n_most) {
    var values = [];
    var first = Math.max(0, Math.floor(start_s * trace.rate_hz));
    var stop = Math.min(trace.n, Math.ceil(stop_s * trace.rate_hz));
    var step = Math.max(1, Math.floor((stop - first) / n_most));
    for (var i = first; i < stop; i += step) {
      if (trace.stored[i] !== MISSING) values.push(trace.stored[i]);
    }
    return values.sort(function (a, b) { return a - b; });
  }

  /** Middle of a trace within a window: the line around which breathing swings. */
  function medianOf(trace, start_s, stop_s) {
    var values = sortedOf(trace, start_s, stop_s, 4000);
    if (!values.length) return null;
    return trace.offset + trace.step * values[values.length >> 1];
  }

  page.samples = {
    decode: decode, valueAt: valueAt, windowOf: windowOf, edgesOf: edgesOf, medianOf: medianOf, rangeOf: rangeOf
  };
})((window.hsatPage = window.hsatPage || {}));
