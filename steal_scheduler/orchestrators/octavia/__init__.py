"""Octavia as the orchestrator: the weight of the members is 0."""
