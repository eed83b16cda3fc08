"""What a run costs, and how far that is from the least that it could: `make bench`."""
