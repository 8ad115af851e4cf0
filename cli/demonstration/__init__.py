"""What `veriaidpo demo` does once the stack is up: send the examples, account for each, print a summary."""
