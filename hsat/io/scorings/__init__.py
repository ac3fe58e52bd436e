"""Reading scorings: a file of any known format to one `hsat.scorings.Scoring`."""

from hsat.io.scorings.reading import FORMATS, ScoringFormat, read_scoring

__all__ = ["FORMATS", "ScoringFormat", "read_scoring"]
