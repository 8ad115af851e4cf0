"""What the service costs and gives, measured: `make bench`, or `make bench ONLY=name`."""
