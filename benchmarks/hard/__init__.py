"""Hard cases with planted truth: irregular breathing, awkward sensors, oximeters as they are."""
