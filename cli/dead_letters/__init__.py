"""What `veriaidpo dlq` does with letters: choose, count, mask, show, write down."""
