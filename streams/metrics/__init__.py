"""What a worker did, in figures that Prometheus scrapes. `table` declares every one of them."""
