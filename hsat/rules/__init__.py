"""Published rule sets as data: see `load_rules`."""
