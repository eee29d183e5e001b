"""A recorded cloud, and what would have been with these options."""
