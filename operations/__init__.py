"""What one does with a stack besides updating it. It needs the Pulumi command line as a user has it, and no lab."""
