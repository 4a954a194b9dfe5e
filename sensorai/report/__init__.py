"""What came of it: the HTML page with its drawings, and the text for the terminal."""
