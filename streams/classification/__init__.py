"""What a record becomes: a result, a failure, or a dead letter."""
