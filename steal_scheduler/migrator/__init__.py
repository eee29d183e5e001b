"""The service ``steal-migrator``: its loop, its lock, how it is built."""
