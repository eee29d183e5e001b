"""The programs: what the console scripts start."""
