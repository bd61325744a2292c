"""The example: loan scoring at a bank of 2004, with its contract, its legacy service and its real applications."""
