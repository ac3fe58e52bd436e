"""The ``hsat`` command: one short file a command."""
