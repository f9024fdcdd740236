"""What no change of this program or of a stack's settings may give up: one set of rules, two ways to run them."""
