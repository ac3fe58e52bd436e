"""Tables of oximeters: text files with a column of times and a column of SpO2."""

from hsat.io.oximeters.reading import find_oximeter_tables, is_oximeter_table, read_oximeter_table

__all__ = ["find_oximeter_tables", "is_oximeter_table", "read_oximeter_table"]
