"""Loading, orchestration and publishing of the jixiao warehouse."""
