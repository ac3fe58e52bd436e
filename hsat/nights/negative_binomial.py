"""The independent model: every night has a rate of its own, gamma-distributed around the patient's mean.

The count of a night is then negative binomial with mean ``mu T`` and shape ``a = 1 / phi^2``, phi the
coefficient of variation of the nightly rates.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from hsat.nights.chain import Nights

__all__ = ["log_likelihood", "log_likelihood_of_each"]

Floats = NDArray[np.float64]


def log_likelihood(nights: Nights, log_mu: Floats, cv: Floats) -> Floats:
    """Logarithm of the probability of all counts at every (phi, mu).

    Parameters
    ----------
    nights : Nights
    log_mu : ndarray, shape (n_mu,), float64
    cv : ndarray, shape (n_cv,), float64

    Returns
    -------
    ndarray, shape (n_cv, n_mu), float64
    """
    counts, hours = nights.counts[:, None], nights.hours[:, None]
    shape = cv**-2.0
    constant = (gammaln(counts + shape) - gammaln(shape) - gammaln(counts + 1.0)).sum(axis=0)
    log_mean = log_mu + np.log(hours)
    total = (counts * log_mean).sum(axis=0) + constant[:, None]
    log_shape = np.log(shape)
    total += (len(nights.counts) * shape * log_shape)[:, None]
    spread = np.log(shape[:, None, None] + np.exp(log_mean))
    total -= ((counts + shape[:, None, None]) * spread).sum(axis=1)
    return np.asarray(total)


def log_likelihood_of_each(counts: Floats, hours: float, log_mu: Floats, cv: Floats) -> Floats:
    """Logarithm of the probability of one count at every (phi, mu), for several counts of one length.

    Parameters
    ----------
    counts : ndarray, shape (n,), float64
    hours : float
    log_mu : ndarray, shape (n_mu,), float64
    cv : ndarray, shape (n_cv,), float64

    Returns
    -------
    ndarray, shape (n, n_cv, n_mu), float64
    """
    y, shape = counts[:, None], cv**-2.0
    constant = gammaln(y + shape) - gammaln(shape) - gammaln(y + 1.0) + shape * np.log(shape)
    log_mean = log_mu + np.log(hours)
    spread = np.log(shape[:, None] + np.exp(log_mean))
    return np.asarray(
        constant[:, :, None] + counts[:, None, None] * (log_mean - spread) - shape[:, None] * spread
    )
