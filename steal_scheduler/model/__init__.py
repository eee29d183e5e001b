"""The frozen values that pass between the parts. Standard library only."""
