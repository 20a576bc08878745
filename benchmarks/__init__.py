"""One script per published table or figure; results lie beside them."""
