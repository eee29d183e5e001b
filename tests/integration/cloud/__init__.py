"""A cloud whose every service is a process of its own, and can be killed."""
