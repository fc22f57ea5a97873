"""What README.md and docs/ say is run and compared, so that it stays true."""
