"""The ES modules and style sheets of the map and the panels, which run in the browser."""
