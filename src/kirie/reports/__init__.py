"""An evaluation on paper: tables, curves, a sheet of the worst pictures, and a page that holds it all."""
