"""The one place where a status of the library becomes an exception."""
