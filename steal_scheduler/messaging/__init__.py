"""The message bus: the view for nova-scheduler, and notifications."""
