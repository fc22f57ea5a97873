"""The binding to libmemlane.so."""
