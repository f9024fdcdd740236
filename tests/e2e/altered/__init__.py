"""What tests change in the program: each module sets something of the package before the program declares its stack.

``Stack.altered`` puts them into a stack's own copy of the program. They import the package as the program does.
"""
