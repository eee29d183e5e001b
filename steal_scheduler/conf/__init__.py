"""The options: one module for each section of the configuration."""
