"""An extension of Model Explorer: model-explorer --extensions=rfgraph.model_explorer MODEL."""
