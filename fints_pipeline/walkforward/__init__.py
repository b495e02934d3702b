"""Walk-forward folds and the P&L kernel; below training, so that both stages use the same."""
