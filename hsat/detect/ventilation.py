"""Ventilation as devices measure it: the power of flow now, over that of the minute before."""

import numpy as np
from numpy.typing import NDArray

from hsat.rules.model import VentilationRule

__all__ = ["find_still_ventilation", "ventilation_share"]


def _running_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(values)))


def ventilation_share(
    values: NDArray[np.float32], rate_hz: float, rule: VentilationRule, smoothing_s: float
) -> NDArray[np.float32]:
    """Ventilation around each sample over the recent one.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Flow as recorded; NaN where missing.
    rate_hz : float
    rule : VentilationRule
        ``window_s`` must be above 0.
    smoothing_s : float
        A mean over so long takes the heart's beat, and a device's test oscillation, out of flow.

    Returns
    -------
    ndarray, shape (n,), float32
        Root mean square of flow within ``window_s`` around the sample, over that of the
        ``recent_s`` before it, flow being taken about its mean over ``recent_s`` (a leak is no
        ventilation). NaN where flow is missing or nothing was there before.
    """
    n = len(values)
    is_there = ~np.isnan(values)
    counts = _running_sums(is_there.astype(np.float64))
    places = np.arange(n)
    n_window, n_recent = max(int(rule.window_s * rate_hz), 1), int(rule.recent_s * rate_hz)

    def mean(
        sums: NDArray[np.float64], start: NDArray[np.int64], stop: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        first, last = np.clip(start, 0, n), np.clip(stop, 0, n)
        held = counts[last] - counts[first]
        means: NDArray[np.float64] = np.full(n, np.nan)
        np.divide(sums[last] - sums[first], held, out=means, where=held > 0)
        return means

    flow = np.where(is_there, values, 0.0).astype(np.float64)
    n_smooth = int(smoothing_s * rate_hz / 2)
    flow = mean(_running_sums(flow), places - n_smooth, places + n_smooth + 1)
    leak = mean(_running_sums(np.where(is_there, flow, 0.0)), places - n_recent // 2, places + n_recent // 2)
    power = _running_sums(np.where(is_there, (flow - leak) ** 2, 0.0))
    now = mean(power, places - n_window // 2, places + n_window - n_window // 2)
    recent = mean(power, places - n_recent, places)
    share: NDArray[np.float32] = np.full(n, np.nan, np.float32)
    np.sqrt(np.divide(now, recent, out=np.full(n, np.nan), where=recent > 0), out=share, casting="same_kind")
    share[~is_there] = np.nan
    return share


def find_still_ventilation(
    share: NDArray[np.float32],
    spans: NDArray[np.int64],
    n_reach: NDArray[np.int64],
    n_window: int,
    limit_fraction: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The longest time in each span in which ventilation stays below a share of the recent one.

    Parameters
    ----------
    share : ndarray, shape (n,), float32
        From `ventilation_share`.
    spans : ndarray, shape (k, 2), int64
        Samples; rising, without overlap.
    n_reach : ndarray, shape (k,), int64
        Samples beyond either end of each span that are looked at, but not into the pause before.
    n_window : int
        Samples of the window that `share` was measured with: all of it is still.
    limit_fraction : float

    Returns
    -------
    pauses : ndarray, shape (k, 3), int64
        Start, start and stop, as of `hsat.kernels.pauses.find_pauses`; equal where there is none.
    reductions : ndarray, shape (k,), float64
        1 minus the mean share; NaN where there is none.
    """
    pauses = np.repeat(spans[:, :1], 3, axis=1)
    reductions = np.full(len(spans), np.nan)
    for k, (start, stop) in enumerate(spans.tolist()):
        first = max(start - int(n_reach[k]), int(pauses[k - 1, 2]) if k else 0)
        last = min(stop + int(n_reach[k]), len(share))
        is_low = np.concatenate(([False], share[first : max(last, first)] < limit_fraction, [False]))
        edges = np.flatnonzero(is_low[1:] != is_low[:-1]) + first
        runs = edges.reshape(-1, 2)
        runs = runs[(runs[:, 1] > start) & (runs[:, 0] < stop)]
        if len(runs) == 0:
            continue
        run = runs[np.argmax(runs[:, 1] - runs[:, 0])]
        pauses[k] = max(run[0] - n_window // 2, first)
        pauses[k, 2] = min(run[1] + n_window - n_window // 2, last)
        reductions[k] = 1.0 - float(np.mean(share[run[0] : run[1]], dtype=np.float64))
    return pauses, reductions
