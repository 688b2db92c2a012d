"""What tests and programs share."""
