"""Shell scripts that go to a host together with what they place: one text on standard input, and its words."""
