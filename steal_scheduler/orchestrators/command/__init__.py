"""An executable of the operator as the orchestrator."""
