"""What runs in the browser: the ES modules and style sheets of the map and the panels."""
