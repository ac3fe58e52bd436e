"""Several nights of one patient."""
