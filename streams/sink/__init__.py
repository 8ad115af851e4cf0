"""The results sink: veriaidpo.results into the database, each result once."""
