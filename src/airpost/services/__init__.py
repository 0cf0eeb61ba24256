"""What the LAN talks to: HTTP and its kin. They see the store and the pool facade only."""
