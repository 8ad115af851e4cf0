"""Records in, outputs out, and no record lost in between."""
