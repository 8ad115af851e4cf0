"""Signed requests out, matched replies back: what the bridge, the CLI and every Python publisher use.

The same files ship as `veriaidpo_client`, so they import only `schemas` and each other.
"""
