"""What the migrator says: log, metrics, notifications, text to read."""
