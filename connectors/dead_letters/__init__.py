"""The dead letters on a cluster: read, found by place and time, cut off."""
