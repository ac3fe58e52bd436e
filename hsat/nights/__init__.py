"""Several recordings of one patient: which of them make a night."""
