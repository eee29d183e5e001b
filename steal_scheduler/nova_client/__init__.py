"""Nova's API: the calls that we make, their answers as values, a cache."""
