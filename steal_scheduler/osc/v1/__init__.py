"""The commands, for version 1 of steal-api."""
