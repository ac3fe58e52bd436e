"""How deep stretches of reduced breathing are."""

from hsat.kernels import kernel

__all__ = ["measure_reductions"]


@kernel
def measure_reductions(excursion, spans, span_baselines, reductions):
    """Measure how deep each stretch is.

    Parameters
    ----------
    excursion : ndarray, shape (n,), float32
    spans : ndarray, shape (k, 2), int64
    span_baselines : ndarray, shape (k,), float64
    reductions : ndarray, shape (k,), float64
        Filled in place: 1 minus the mean excursion over the baseline.
    """
    for k in range(len(spans)):
        total = 0.0
        for i in range(spans[k, 0], spans[k, 1]):
            total += excursion[i]
        reductions[k] = 1.0 - total / ((spans[k, 1] - spans[k, 0]) * span_baselines[k])
