"""What an opener may ask for, as the library takes it."""
