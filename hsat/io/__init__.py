"""Reading recordings: files to `hsat.recording.Recording`."""
