"""Ways of a net to the device: one file a pass, each from a graph to a graph, checked after every one."""
