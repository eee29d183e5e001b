"""Consul as the orchestrator: the node is in maintenance."""
