"""Any service that takes a signed POST as the orchestrator."""
